"""Alerts: what is told of a value over time.

Given any history of values and times, also with a clock that is set back
  two raises should never come without a clear between them, nor two clears without a raise
  what was raised should be bad, and what was cleared good, at that moment
Given a value that goes to and fro around the level, however often
  it should be told once, and nothing more before the value passes the level that clears
Given a value that goes to and fro across both levels
  no more should be told than the durations allow
Given a value that is bad for longer than the duration
  it should be told, and reminded of at the interval at most
Given levels that meet, or no duration
  they should be refused
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.alerts import (
    HABITS,
    AlertKind,
    AlertState,
    BadLimits,
    Limits,
    Reading,
    Word,
    judge,
    limits_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Heard = list[tuple[int, Word, int | None, int]]


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    kind = draw(st.sampled_from(AlertKind))
    low, high = sorted(draw(st.lists(st.integers(1, 40), min_size=2, max_size=2, unique=True)))
    raise_at, clear_at = (low, high) if kind.is_low_bad else (high, low)
    raise_seconds, clear_seconds = draw(
        st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(lambda both: sum(both) > 0)
    )
    return Limits(
        kind=kind,
        raise_at=raise_at,
        clear_at=clear_at,
        raise_seconds=raise_seconds,
        clear_seconds=clear_seconds,
        remind_seconds=draw(st.sampled_from((0, 60, 500))),
    )


values = st.one_of(st.none(), st.integers(0, 45))


def histories(seconds: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, int | None]]]:
    """Draw values that stay for a while each, because what does not last is never told."""
    lasting = st.tuples(values, st.lists(seconds, min_size=1, max_size=6))
    return st.lists(lasting, max_size=30).map(
        lambda runs: [(step, value) for value, steps in runs for step in steps]
    )


forwards = histories(st.integers(0, 400))
# A clock that is set back is a rare but real thing.
anyhow = histories(st.one_of(st.integers(0, 400), st.integers(0, 400), st.integers(-600, 400)))


def told(limits: Limits, history: Sequence[tuple[int, int | None]]) -> Heard:
    """Return what is told of values that come so many seconds apart: when, what, of which value."""
    state, now, heard = AlertState(), 1_800_000_000, []
    for seconds, value in history:
        now += seconds
        state, word = judge(state, limits.read(value), limits, now=now)
        if word is not None:
            heard.append((now, word, value, state.episode))
    return heard


@given(limits(), anyhow)
def test_raises_and_clears_take_turns(limits: Limits, history: list[tuple[int, int | None]]) -> None:
    heard = told(limits, history)
    turns = [word for _, word, _, _ in heard if word is not Word.REMINDER]
    assert turns == [Word.RAISED if number % 2 == 0 else Word.CLEARED for number in range(len(turns))]
    episode = 0
    for before, word, value, number in heard:
        episode += word is Word.RAISED
        assert number == episode, before
        expected = Reading.GOOD if word is Word.CLEARED else Reading.BAD
        assert limits.read(value) is expected


@given(limits(), forwards)
def test_no_more_than_the_durations_allow(limits: Limits, history: list[tuple[int, int | None]]) -> None:
    heard = told(limits, history)
    duration = sum(seconds for seconds, _ in history)
    raises = [when for when, word, _, _ in heard if word is Word.RAISED]
    clears = [when for when, word, _, _ in heard if word is Word.CLEARED]
    apart = limits.raise_seconds + limits.clear_seconds
    assert all(later - earlier >= apart for earlier, later in pairwise(raises))
    assert len(raises) <= 1 + duration // apart
    assert len(clears) <= len(raises)
    reminders = len(heard) - len(raises) - len(clears)
    assert reminders <= (duration // limits.remind_seconds if limits.remind_seconds else 0)


@given(limits(), st.data())
def test_around_the_level_it_is_told_once(limits: Limits, data: st.DataObject) -> None:
    near = [value for value in range(45) if limits.read(value) is not Reading.GOOD]
    history = data.draw(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(near)), max_size=80))
    words = [word for _, word, _, _ in told(limits, history) if word is not Word.REMINDER]
    assert words in ([], [Word.RAISED])


@given(limits(), forwards, st.lists(st.integers(1, 200), min_size=1, max_size=60))
def test_what_lasts_is_told(limits: Limits, before: list[tuple[int, int | None]], steps: list[int]) -> None:
    bad = 0 if limits.kind.is_low_bad else 45
    heard = told(limits, [*before, *((step, bad) for step in steps)])
    # The first of the steps is when it was first seen.
    if sum(steps[1:]) >= limits.raise_seconds:
        last = [word for _, word, _, _ in heard if word is not Word.REMINDER][-1]
        assert last is Word.RAISED


@given(limits(), forwards, st.lists(st.integers(1, 200), min_size=1, max_size=60))
def test_what_is_over_is_told(limits: Limits, before: list[tuple[int, int | None]], steps: list[int]) -> None:
    heard = told(limits, [*before, *((step, None) for step in steps)])
    turns = [word for _, word, _, _ in heard if word is not Word.REMINDER]
    if sum(steps[1:]) >= limits.clear_seconds:
        assert not turns or turns[-1] is Word.CLEARED


def test_reminders_come_at_their_interval() -> None:
    limits = limits_of(AlertKind.AUDIT_DIFFERENCE, remind_seconds=3_600)
    heard = told(limits, [(600, 1)] * 24)
    assert [word for _, word, _, _ in heard] == [Word.RAISED, *[Word.REMINDER] * 3]
    assert {later - earlier for (earlier, *_), (later, *_) in pairwise(heard)} == {3_600}


def test_short_dips_are_not_told() -> None:
    limits = limits_of(AlertKind.BALANCE_LOW, raise_at=100)
    assert told(limits, [(0, 500), (10, 99), (49, 99), (10, 110), (10, 99), (59, 99)]) == []


def test_what_lasts_exactly_as_long_is_told() -> None:
    limits = limits_of(AlertKind.BALANCE_LOW, raise_at=100)
    again = [(1, 99), (60, 99), (1, 110), (60, 110)]
    heard = told(limits, again * 3)
    assert [(word, episode) for _, word, _, episode in heard] == [
        (word, episode) for episode in (1, 2, 3) for word in (Word.RAISED, Word.CLEARED)
    ]


def test_a_clock_that_is_set_back_delays_by_one_duration() -> None:
    limits = limits_of(AlertKind.BALANCE_LOW, raise_at=100)
    heard = told(limits, [(0, 99), (-10_000, 99), (60, 99), (-10 * 86_400, 99), (86_400, 99)])
    assert [word for _, word, _, _ in heard] == [Word.RAISED, Word.REMINDER]


def test_between_the_levels_a_raise_waits() -> None:
    limits = limits_of(AlertKind.BALANCE_LOW, raise_at=100)
    heard = told(limits, [(0, 99), (120, 105), (1, 99)])
    assert [word for _, word, _, _ in heard] == [Word.RAISED]


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_a_habit_that_is_allowed(kind: AlertKind) -> None:
    level = 1 if HABITS[kind].raise_at is None else None
    limits = limits_of(kind, raise_at=level)
    bad, good = (0, 2) if kind.is_low_bad else (limits.raise_at, 0)
    assert (limits.read(bad), limits.read(good), limits.read(None)) == (
        Reading.BAD,
        Reading.GOOD,
        Reading.GOOD,
    )


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"raise_at": 0}, "above 0"),
        ({"raise_at": 10, "clear_at": 10}, "above the level"),
        ({"raise_at": 10, "hold_seconds": 0}, "above 0"),
        ({"raise_at": 10, "hold_seconds": -1}, "give 0"),
        ({"raise_at": 10, "remind_seconds": 59}, "60 or more"),
        ({}, "needs a level"),
    ],
)
def test_limits_that_could_flap_are_refused(values: dict[str, int], rule: str) -> None:
    with pytest.raises(BadLimits, match=rule):
        limits_of(AlertKind.BALANCE_LOW, **values)


def test_a_high_level_clears_below_it() -> None:
    with pytest.raises(BadLimits, match="below the level"):
        limits_of(AlertKind.EPOCH_LATE, clear_at=6 * 3_600)
