"""What the first page adds up over all time: read anew only when the books moved on."""

from dataclasses import dataclass

from sqlalchemy import Connection

from sessionpay.store import evidence, flows, queries
from sessionpay.store.evidence import Contract
from sessionpay.store.queries import DayTotal


@dataclass(slots=True)
class Kept:
    """Sums that were read last, each with what the books were read up to then.

    They follow from the events alone, so that the same last block and as many events mean the same sums.
    Each is looked at once, because another thread may replace it meanwhile.
    """

    _days: tuple[object, tuple[DayTotal, ...]] | None = None
    _under_way: tuple[object, int] | None = None

    def days(self, connection: Connection, contract: Contract) -> tuple[DayTotal, ...]:
        """Return what moved on each day, the first one first."""
        until, kept = _until(connection, contract), self._days
        if kept is not None and kept[0] == until:
            return kept[1]
        days = tuple(queries.daily_totals(connection, contract))
        self._days = (until, days)
        return days

    def under_way(self, connection: Connection, contract: Contract) -> int:
        """Return what the epoch being settled collected, less what it allocated, in base units."""
        planned = flows.planned(connection)
        until, kept = (_until(connection, contract), planned), self._under_way
        if kept is not None and kept[0] == until:
            return kept[1]
        amount = flows.under_way(connection, contract, purposes=planned)
        self._under_way = (until, amount)
        return amount


def _until(connection: Connection, contract: Contract) -> tuple[object, ...]:
    found = evidence.checkpoint(connection, contract)
    return (contract.id, found.head_hash, found.event_count)
