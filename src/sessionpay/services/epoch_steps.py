"""The steps of an epoch by name: what was just kept, or is known and not kept yet.

The process may die after any of them; a test kills it after each.
"""

from enum import StrEnum


class EpochStep(StrEnum):
    """One step of the daemon or of its engine, in the order in which an epoch passes them."""

    CLOSED = "closed and sealed"
    ASKED = "asked, not kept"
    CHARGING = "charging"
    COLLECTED = "collected, not kept"
    CHARGED = "charged"
    MARKS_PLANNED = "marks planned"
    MARKED = "marked"
    DIVIDED = "divided, not kept"
    ALLOCATING = "allocating"
    CREDITED = "credited, folder not written"
    DRAFTED = "folder complete, not named"
    WRITTEN = "folder written, books not closed"
    SETTLED = "settled"
    PAID_OUT = "paid out"
    AUDITED = "audited"
