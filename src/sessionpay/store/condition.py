"""How a settlement is doing, in numbers that are small however much usage there is."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from sessionpay.core.ids import Address
from sessionpay.core.money import MICRO, BaseUnits
from sessionpay.store.outbox import DONE, State
from sessionpay.store.settlement_tables import (
    attempts,
    debts,
    epochs,
    held,
    outbox,
    session_work,
    settlement,
    work_totals,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """The outbox: transactions by purpose and state, when the oldest open one was signed, and gas used.

    `sender` is the account of the newest transaction, None before the first; times are unix seconds.
    """

    transactions: dict[tuple[str, str], int]
    oldest_open_at: int | None
    gas_used: int
    sender: Address | None


@dataclass(frozen=True, slots=True)
class Owing:
    """What is not settled: work in base units, rounded up; what earlier epochs asked in vain.

    `oldest_opened_at` is when the oldest epoch with unsettled work opened, in unix seconds: no row of it is
    older. None where there is no such work.
    """

    unsettled: BaseUnits
    arrears: BaseUnits
    oldest_opened_at: int | None


def sent(connection: Connection) -> Sent:
    """Return how the outbox is doing."""
    o, a = outbox.c, attempts.c
    counted = select(o.purpose, o.state, func.count()).group_by(o.purpose, o.state)
    oldest = (
        select(func.min(a.created_at))
        .join(outbox, o.id == a.outbox_id)
        .where(o.state.not_in(DONE), a.state != State.REPLACED)
    )
    newest = select(a.sender).order_by(a.outbox_id.desc(), a.number.desc()).limit(1)
    sender = connection.execute(newest).scalar_one_or_none()
    return Sent(
        transactions={(row[0], row[1]): row[2] for row in connection.execute(counted)},
        oldest_open_at=connection.execute(oldest).scalar(),
        gas_used=connection.execute(select(func.coalesce(func.sum(o.gas_used), 0))).scalar_one(),
        sender=None if sender is None else Address(sender),
    )


def owing(connection: Connection) -> Owing:
    """Return what all sessions together did not pay yet."""
    w = work_totals.c
    work = sum(connection.execute(select(w.work_micro)).scalars())
    oldest = select(func.min(epochs.c.opened_at)).where(epochs.c.number.in_(select(w.epoch)))
    arrears = connection.execute(select(settlement.c.arrears)).scalar_one_or_none()
    return Owing(
        unsettled=BaseUnits(-(-work // MICRO)),
        arrears=BaseUnits(arrears or 0),
        oldest_opened_at=connection.execute(oldest).scalar(),
    )


def sums(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return each sum that is kept for readers, added up and as it is kept; reads every row of them."""
    w, t, d, s = session_work.c, work_totals.c, debts.c, settlement.c
    row = connection.execute(select(s.held, s.arrears)).one_or_none()
    noted = (0, 0) if row is None else (row.held or 0, row.arrears or 0)
    owed = connection.execute(select(d.owed_micro, d.collected))
    waiting = sum(connection.execute(select(held.c.amount)).scalars())
    found = {
        "all that is held": (waiting, noted[0]),
        "all arrears": (sum(micro // MICRO - collected for micro, collected in owed), noted[1]),
    }
    work: dict[int, int] = {}
    for epoch, micro in connection.execute(select(w.epoch, w.work_micro)):
        work[epoch] = work.get(epoch, 0) + micro
    totals = {row[0]: row[1] for row in connection.execute(select(t.epoch, t.work_micro))}
    for epoch in sorted({*work, *totals}):
        found[f"all work of epoch {epoch}"] = (work.get(epoch, 0), totals.get(epoch, 0))
    return found
