"""Lengths of bars: whole numbers that add up, so that a picture leaves nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionpay.core.money import split

# A bar is so many parts long; no screen shows a smaller one.
LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an amount: `key` names it for the style, `amount` is in base units."""

    key: str
    title: str
    amount: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a part is drawn, from 0 to `LENGTH`."""

    part: Part
    start: int
    length: int


def stretches(parts: Sequence[Part]) -> list[Stretch]:
    """Return where each part of a whole is drawn: together they fill the bar exactly.

    A part below zero says that something is missing, and cannot be drawn.
    """
    weights = {number: max(0, part.amount) for number, part in enumerate(parts)}
    if not any(weights.values()):
        return []
    lengths = split(LENGTH, weights)
    drawn, start = [], 0
    for number, part in enumerate(parts):
        drawn.append(Stretch(part, start, lengths[number]))
        start += lengths[number]
    return drawn


def length_of(amount: int, most: int) -> int:
    """Return how long a bar is beside one of `most`; what is above 0 can be seen."""
    if not amount or not most:
        return 0
    return max(3, amount * LENGTH // most)
