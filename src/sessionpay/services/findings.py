"""What a comparison finds: two sides that do not say the same of one thing, and how far they are apart."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

# An amount or a time; an address, a hash or a word; None for what a side does not have.
Value = int | str | None

Left = TypeVar("Left")
Right = TypeVar("Right")


def apart(left: Value, right: Value) -> int:
    """Return how far two values are apart, never below zero.

    Numbers count by how much they differ. Whatever else is not the same counts 1, because nothing can be
    said of how far a wrong hash, a wrong owner or a missing row is from the right one.
    """
    if isinstance(left, int) and isinstance(right, int):
        return abs(left - right)
    return int(left != right)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of which `sides` do not say the same: what it is, and the value on either side."""

    name: str
    sides: tuple[str, str]
    values: tuple[Value, Value]

    @property
    def difference(self) -> int:
        """How far the two are apart, as `apart` counts."""
        return apart(*self.values)

    def __str__(self) -> str:
        """Tell it in one sentence."""
        left, right = ("nothing" if value is None else str(value) for value in self.values)
        return f"{self.name} is {left} in {self.sides[0]} and {right} in {self.sides[1]}"


@dataclass(slots=True)
class Tally:
    """Findings added up as they come, so that books which are wrong throughout take no more memory.

    `count` is how many things were held: values, or whole rows that are the same.
    """

    sides: tuple[str, str]
    difference: int = 0
    first: Finding | None = field(default=None)
    count: int = 0

    def hold(self, name: str, left: Value, right: Value) -> None:
        """Hold two values against each other; `left` is of the first side."""
        self.count += 1
        distance = apart(left, right)
        if distance:
            self.difference += distance
            self.first = self.first or Finding(name, self.sides, (left, right))


@dataclass(frozen=True, slots=True)
class Compared:
    """Which two sides were held against each other, how many things of them, and how far they are apart."""

    sides: tuple[str, str]
    count: int
    difference: int


def compared(tallies: Iterable[Tally]) -> tuple[Compared, ...]:
    """Return what was held, each pair of sides once, in the order of the tallies."""
    found: dict[tuple[str, str], Compared] = {}
    for tally in tallies:
        so_far = found.get(tally.sides, Compared(tally.sides, 0, 0))
        found[tally.sides] = Compared(
            tally.sides, so_far.count + tally.count, so_far.difference + tally.difference
        )
    return tuple(found.values())


def aligned(
    left: Iterator[Left], right: Iterator[Right], *, key: Callable[[Any], tuple[int, ...]]
) -> Iterator[tuple[Left | None, Right | None]]:
    """Walk two sequences in rising order of `key` side by side; None stands where one lacks a key."""
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and key(ours) < key(theirs)):
            yield ours, None
            ours = next(left, None)
        elif ours is None or key(theirs) < key(ours):
            yield None, theirs
            theirs = next(right, None)
        else:
            yield ours, theirs
            ours, theirs = next(left, None), next(right, None)
