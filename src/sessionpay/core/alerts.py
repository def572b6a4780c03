"""When something is wrong enough, for long enough, to be told: decided without a clock, value by value.

A value is bad beyond one level and good beyond another; between the two it changes nothing. What is bad for
a while is raised, what is good for a while is cleared, and in between only reminders are told. So two raises
of one alert are at least both durations apart, whatever the value does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from types import MappingProxyType

from sessionpay.core.errors import InputError
from sessionpay.core.money import PPM, Ppm

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# As late as the alert rules for Prometheus take it.
LATE_SECONDS = 6 * HOUR
# Whoever wants to hear of something more often than this looks at the page.
REMIND_SECONDS_MIN = MINUTE
# Longer than anything that is projected or waited for.
SECONDS_MAX = 3_650 * DAY


class AlertKind(StrEnum):
    """What may be wrong; the value is the type of the messages about it."""

    BALANCE_LOW = "session.balance_low"
    EMPTY_SOON = "session.empty_soon"
    EPOCH_LATE = "epoch.late"
    AUDIT_DIFFERENCE = "audit.difference"
    PAYEE_REFUSED = "payee.refused"

    @property
    def is_of_session(self) -> bool:
        """Whether it is about one session, and so for its owner."""
        return self in {AlertKind.BALANCE_LOW, AlertKind.EMPTY_SOON}

    @property
    def is_low_bad(self) -> bool:
        """Whether small values are the bad ones."""
        return self.is_of_session


class Reading(Enum):
    """What a value says."""

    BAD = "bad"
    BETWEEN = "between"
    GOOD = "good"


class Word(StrEnum):
    """What is told."""

    RAISED = "raised"
    REMINDER = "reminder"
    CLEARED = "cleared"


class BadLimits(InputError):
    """Levels or durations that an alert cannot have."""

    def __init__(self, name: str, value: object, *, rule: str) -> None:
        """Keep which one it is, its value and the rule that it breaks."""
        self.name = name
        self.value = value
        super().__init__(f"{name} {value}: {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When one alert is raised and cleared.

    A value below `raise_at` is bad where small ones are, one at `clear_at` or above is good; where large ones
    are bad, it is one at `raise_at` or above, and one at `clear_at` or below. Durations are in seconds;
    `remind_seconds` is 0 for no reminders. Raises `BadLimits`.
    """

    kind: AlertKind
    raise_at: int
    clear_at: int
    raise_seconds: int
    clear_seconds: int
    remind_seconds: int

    def __post_init__(self) -> None:
        """Refuse what could flap: levels that meet, and no duration at all."""
        if self.kind.is_low_bad and not 0 < self.raise_at < self.clear_at:
            rule = f"has to be above the level that raises, {self.raise_at}, and that above 0"
            raise BadLimits("clear_at", self.clear_at, rule=rule)
        if not self.kind.is_low_bad and not 0 <= self.clear_at < self.raise_at:
            rule = f"has to be below the level that raises, {self.raise_at}"
            raise BadLimits("clear_at", self.clear_at, rule=rule)
        for name, seconds in (("raise_seconds", self.raise_seconds), ("clear_seconds", self.clear_seconds)):
            if not 0 <= seconds <= SECONDS_MAX:
                raise BadLimits(name, seconds, rule=f"give 0 to {SECONDS_MAX}")
        if not self.raise_seconds + self.clear_seconds:
            raise BadLimits("clear_seconds", 0, rule="one of both durations has to be above 0")
        if self.remind_seconds and not REMIND_SECONDS_MIN <= self.remind_seconds <= SECONDS_MAX:
            raise BadLimits("remind_seconds", self.remind_seconds, rule=f"give {REMIND_SECONDS_MIN} or more")

    def read(self, value: int | None) -> Reading:
        """Return what a value says; None is a value beyond every level, on the good side."""
        if value is None:
            return Reading.GOOD
        sign = 1 if self.kind.is_low_bad else -1
        if sign * value >= sign * self.clear_at:
            return Reading.GOOD
        is_bad = value < self.raise_at if self.kind.is_low_bad else value >= self.raise_at
        return Reading.BAD if is_bad else Reading.BETWEEN


@dataclass(frozen=True, slots=True)
class Habit:
    """How alerts of one kind behave where nobody says otherwise.

    The level that clears is `margin_ppm` of the one that raises away from it. `raise_at` is None where
    somebody has to name it. Durations are in seconds.
    """

    raise_at: int | None
    margin_ppm: Ppm
    raise_seconds: int
    clear_seconds: int
    remind_seconds: int


# A projection moves with every charge, a balance only by what is spent: the one has the wider margin. What
# an audit or a payee says is yes or no, so there the duration alone keeps it from flapping.
HABITS: Mapping[AlertKind, Habit] = MappingProxyType(
    {
        AlertKind.BALANCE_LOW: Habit(None, Ppm(100_000), MINUTE, MINUTE, DAY),
        AlertKind.EMPTY_SOON: Habit(None, Ppm(250_000), 10 * MINUTE, 10 * MINUTE, DAY),
        AlertKind.EPOCH_LATE: Habit(LATE_SECONDS, Ppm(500_000), 0, 5 * MINUTE, 6 * HOUR),
        AlertKind.AUDIT_DIFFERENCE: Habit(1, Ppm(PPM), 0, 5 * MINUTE, 6 * HOUR),
        AlertKind.PAYEE_REFUSED: Habit(1, Ppm(PPM), 0, 5 * MINUTE, 7 * DAY),
    }
)


def limits_of(
    kind: AlertKind,
    *,
    raise_at: int | None = None,
    clear_at: int | None = None,
    hold_seconds: int | None = None,
    remind_seconds: int | None = None,
) -> Limits:
    """Return limits from what somebody chose, and the habit of the kind for the rest.

    `hold_seconds` stands for both durations. Raises `BadLimits`.
    """
    habit = HABITS[kind]
    level = habit.raise_at if raise_at is None else raise_at
    if level is None:
        raise BadLimits("raise_at", "nothing", rule=f"{kind} needs a level to be raised at")
    if clear_at is None:
        # Rounded away from the level that raises, so that the smallest level has a margin too.
        margin = -(-level * habit.margin_ppm // PPM)
        clear_at = level + margin if kind.is_low_bad else level - margin
    return Limits(
        kind=kind,
        raise_at=level,
        clear_at=clear_at,
        raise_seconds=habit.raise_seconds if hold_seconds is None else hold_seconds,
        clear_seconds=habit.clear_seconds if hold_seconds is None else hold_seconds,
        remind_seconds=habit.remind_seconds if remind_seconds is None else remind_seconds,
    )


@dataclass(frozen=True, slots=True)
class AlertState:
    """How one alert stands; times are in unix seconds.

    `turning_since` is when a value first spoke against this state without one for it since, None while none
    does. `told_at` is when something was told last. `episode` counts raises.
    """

    is_raised: bool = False
    turning_since: int | None = None
    told_at: int = 0
    episode: int = 0


def judge(state: AlertState, reading: Reading, limits: Limits, *, now: int) -> tuple[AlertState, Word | None]:
    """Return how an alert stands after what was read at unix time `now`, and what is to be told of it."""
    state = _not_ahead(state, now)
    against = Reading.GOOD if state.is_raised else Reading.BAD
    if reading is not against:
        return _stays(state, reading, limits, now)
    since = now if state.turning_since is None else state.turning_since
    if now - since < (limits.clear_seconds if state.is_raised else limits.raise_seconds):
        return replace(state, turning_since=since), None
    if state.is_raised:
        return AlertState(is_raised=False, told_at=now, episode=state.episode), Word.CLEARED
    return AlertState(is_raised=True, told_at=now, episode=state.episode + 1), Word.RAISED


def _stays(state: AlertState, reading: Reading, limits: Limits, now: int) -> tuple[AlertState, Word | None]:
    if reading is Reading.BETWEEN:
        return state, None
    stays = replace(state, turning_since=None)
    is_due = limits.remind_seconds and now - state.told_at >= limits.remind_seconds
    if state.is_raised and is_due:
        return replace(stays, told_at=now), Word.REMINDER
    return stays, None


def _not_ahead(state: AlertState, now: int) -> AlertState:
    """Let a clock that was set back delay what is told by one duration, not by as much as it was set back."""
    since = None if state.turning_since is None else min(state.turning_since, now)
    return replace(state, turning_since=since, told_at=min(state.told_at, now))
