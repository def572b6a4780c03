"""What sessions promised to keep, and everything that lowers what they may still spend."""

from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    insert,
    literal,
    null,
    select,
    text,
    union_all,
    update,
)

from sessionpay.core.ids import SessionId
from sessionpay.core.money import MICRO, BaseUnits
from sessionpay.store.evidence import Contract
from sessionpay.store.outbox import Purpose
from sessionpay.store.settlement_tables import charges, debts, epochs, outbox, reservations, session_work
from sessionpay.store.tables import checkpoints, movements, sessions
from sessionpay.store.types import WholeNumber

OPEN, SETTLED, RELEASED = "open", "settled", "released"

# With a number of its own beside it, the lock of a session is never taken for the writer's lock, which is
# one number alone.
_LOCKS = 0x5E55
_NO_TIME = cast(null(), BigInteger)


class Reservation(NamedTuple):
    """An amount of a session that is kept for work under way; times in unix seconds."""

    id: str
    session_id: SessionId
    amount: BaseUnits
    state: str
    created_at: int
    expires_at: int


class Spending(NamedTuple):
    """What a budget is made of, in base units.

    `balance` is the least that the session had since the last final block; None for an unknown session.
    `arrears` is what past epochs asked and did not get, `unsettled` what newer work comes to, rounded up.
    """

    balance: BaseUnits | None
    arrears: BaseUnits
    unsettled: BaseUnits
    reserved: BaseUnits
    withdrawal_requested_at: int


def lock(connection: Connection, session_id: SessionId) -> None:
    """Let nobody else reserve from this session until the transaction ends."""
    if connection.dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
        keys = {"locks": _LOCKS, "session": hash_of(session_id)}
        connection.execute(
            text("SELECT pg_advisory_xact_lock(CAST(:locks AS int), CAST(:session AS int))"), keys
        )


def hash_of(session_id: SessionId) -> int:
    """Return a number of 31 bits; two sessions that share it only wait for each other."""
    return session_id % (2**31 - 1)


def spending(connection: Connection, contract: Contract, session_id: SessionId, *, now: int) -> Spending:
    """Return what one session has and what it already used or promised, at unix time `now`."""
    values = {"session_id": session_id, "contract_id": contract.id, "now": now}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for kind, amount, time in connection.execute(_SPENDING, values):
        found[kind].append(time if amount is None else amount)
    collected = sum(found["collected"])
    arrears = sum(found["owed"]) // MICRO - collected
    debt = -(-(sum(found["owed"]) + sum(found["work"])) // MICRO) - collected
    left = max(0, debt - sum(found["collected since"]))
    # Money of a block that can still be taken back is not there yet; money that left in one is gone.
    balances = [*(found["final balance"] or [0]), *found["later balance"]]
    requests = found["session"]
    arrears_left = min(arrears, left)
    return Spending(
        balance=BaseUnits(min(balances)) if requests else None,
        arrears=BaseUnits(arrears_left),
        unsettled=BaseUnits(left - arrears_left),
        reserved=BaseUnits(sum(found["reserved"])),
        withdrawal_requested_at=requests[0] if requests else 0,
    )


def add(connection: Connection, reservation: Reservation) -> None:
    """Enter a reservation; its id must be new."""
    connection.execute(insert(reservations).values(reservation._asdict()))


def find(connection: Connection, reservation_id: str) -> Reservation | None:
    """Return a reservation, None if there is none of that id."""
    query = select(*(reservations.c[name] for name in Reservation._fields))
    row = connection.execute(query.where(reservations.c.id == reservation_id)).one_or_none()
    return None if row is None else Reservation(*row)


def end(connection: Connection, reservation_id: str, state: str) -> None:
    """Note how a reservation ended; one that ended before, perhaps in another way, stays as it is."""
    where = (reservations.c.id == reservation_id, reservations.c.state == OPEN)
    connection.execute(update(reservations).where(*where).values(state=state))


def _part(kind: str, amount: Any, *where: Any) -> Select[Any]:  # noqa: ANN401 - columns and conditions
    return select(literal(kind, Text), amount, _NO_TIME).where(*where)


def _spending() -> Any:  # noqa: ANN401 - the type of a compound statement is the library's own
    """Return the one statement that finds every part of a budget.

    One, because PostgreSQL gives each statement of a writing transaction a view of its own: between two of
    them an epoch could be settled, and what the session owes be in neither or in both.
    """
    session_id = bindparam("session_id", type_=WholeNumber)
    contract_id = bindparam("contract_id", type_=BigInteger)
    s, m, r, w = sessions.c, movements.c, reservations.c, session_work.c
    final = (
        select(checkpoints.c.final_number).where(checkpoints.c.contract_id == contract_id).scalar_subquery()
    )
    moved = (m.contract_id == contract_id, m.session_id == session_id)
    last_final = (
        select(m.balance_after.label("amount"))
        .where(*moved, m.block_number <= final)
        .order_by(m.block_number.desc(), m.log_index.desc(), m.row.desc())
        .limit(1)
        .subquery()
    )
    # What a charge took counts as paid only once the balance that it was taken from is known to be lower.
    ahead = (
        select(outbox.c.id)
        .where(outbox.c.epoch == epochs.c.number, outbox.c.purpose == Purpose.CHARGE)
        .where(outbox.c.block_number > final)
        .exists()
    )
    since = (
        select(literal("collected since", Text), charges.c.collected, _NO_TIME)
        .join(epochs, epochs.c.number == charges.c.epoch)
        .where(charges.c.session_id == session_id, charges.c.collected.is_not(None))
        .where(epochs.c.state != "settled", ~ahead)
    )
    return union_all(
        _part("final balance", last_final.c.amount),
        _part("later balance", m.balance_after, *moved, m.block_number > final),
        _part(
            "reserved", r.amount, r.session_id == session_id, r.state == OPEN, r.expires_at > bindparam("now")
        ),
        _part("owed", debts.c.owed_micro, debts.c.session_id == session_id),
        _part("collected", debts.c.collected, debts.c.session_id == session_id),
        _part("work", w.work_micro, w.session_id == session_id),
        since,
        select(literal("session", Text), cast(null(), WholeNumber), s.withdrawal_requested_at).where(
            s.contract_id == contract_id, s.session_id == session_id
        ),
    )


_SPENDING = _spending()
