"""What the outbox is given from outside: time, patience, and ears for what it does."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

POLL_SECONDS = 2
# Ten blocks of a common chain; whoever waits longer offered too little.
STUCK_SECONDS = 120


class Step(StrEnum):
    """Everything that happens to a batch, by name: what was just kept, or is known and not kept yet.

    The process may die after any of them; a test kills it after each.
    """

    SIMULATED = "simulated, not signed"
    SIGNED = "signed, not kept"
    PREPARED = "kept, not sent"
    ANSWERED = "answered, answer not kept"
    SENT = "sent"
    UNKNOWN = "unknown"
    RAISED = "stuck, not replaced"
    SEEN = "seen in a block, not kept"
    MINED = "mined"
    TAKEN_BACK = "taken back by a reorganisation"
    REVERTED = "reverted"
    PLANNED_ANEW = "planned anew"
    DEEP = "deep enough, not kept"
    FINAL = "final"
    FAILED = "failed"


STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` tells unix seconds, for the record alone; `elapsed` counts seconds that nobody can set back."""

    now: Callable[[], int]
    elapsed: Callable[[], int]
    sleep: Callable[[int], None]


SYSTEM_CLOCK = Clock(now=lambda: int(time.time()), elapsed=lambda: int(time.monotonic()), sleep=time.sleep)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the outbox waits between two looks, and for a block before it offers more; in seconds."""

    poll_seconds: int = POLL_SECONDS
    stuck_seconds: int = STUCK_SECONDS
