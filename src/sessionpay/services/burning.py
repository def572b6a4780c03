"""How fast a session is spent, and so how long it lasts: one computation for pages, API and alerts."""

from dataclasses import dataclass

from sqlalchemy import Connection

from sessionpay.core.ids import SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.movements import Kind
from sessionpay.store import queries
from sessionpay.store.derived import DAY_SECONDS
from sessionpay.store.evidence import Contract

# Long enough for quiet weekends to count, and short enough to notice that a session is used more.
BURN_SECONDS = 7 * DAY_SECONDS
# A session that is charged every ten minutes has no more in that time; of one that has, the last ones tell.
BURN_LINES_MAX = 1_000
# Most sessions have no more in that time, and whoever looks at a page waits for these lines.
BURN_LINES_FIRST = 50


@dataclass(frozen=True, slots=True)
class Burn:
    """What a session was charged, `amount` in the last `seconds`."""

    amount: BaseUnits
    seconds: int

    def seconds_left(self, available: BaseUnits) -> int | None:
        """Return how long `available` lasts if the session goes on as it did; None if it spends nothing."""
        return available * self.seconds // self.amount if self.amount else None


def burn(connection: Connection, contract: Contract, session_id: SessionId, *, since: int, now: int) -> Burn:
    """Return what a session was charged in the last days, or since it was registered at `since`."""
    begins_at = max(since, now - BURN_SECONDS)
    lines = queries.newest_of_session(connection, contract, session_id, limit=BURN_LINES_FIRST)
    if len(lines) == BURN_LINES_FIRST and lines[-1].timestamp >= begins_at:
        lines = queries.newest_of_session(connection, contract, session_id, limit=BURN_LINES_MAX)
    if len(lines) == BURN_LINES_MAX:
        begins_at = max(begins_at, lines[-1].timestamp)
    spent = sum(line.amount for line in lines if line.kind == Kind.CHARGE and line.timestamp >= begins_at)
    return Burn(BaseUnits(spent), max(0, now - begins_at))
