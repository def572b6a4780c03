"""What sessions promised to keep, and everything that lowers what they may still spend."""

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, text, update

from sessionpay.core.ids import SessionId
from sessionpay.core.money import MICRO, BaseUnits
from sessionpay.store.evidence import Contract, checkpoint
from sessionpay.store.settlement_tables import charges, debts, epochs, reservations, session_work
from sessionpay.store.tables import movements, sessions

OPEN, SETTLED, RELEASED = "open", "settled", "released"


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

    `balance` is the final one, or the present one where that is lower; None for an unknown session.
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
        key = hash_of(session_id)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def hash_of(session_id: SessionId) -> int:
    """Return a number of 63 bits; two sessions that share it only wait for each other."""
    return (session_id ^ (session_id >> 63) ^ (session_id >> 126)) % 2**63


def spending(connection: Connection, contract: Contract, session_id: SessionId, *, now: int) -> Spending:
    """Return what one session has and what it already used or promised, at unix time `now`."""
    s, r = sessions.c, reservations.c
    query = select(s.balance, s.withdrawal_requested_at)
    present = connection.execute(
        query.where(s.contract_id == contract.id, s.session_id == session_id)
    ).one_or_none()
    amounts = connection.execute(
        select(r.amount).where(r.session_id == session_id, r.state == OPEN, r.expires_at > now)
    ).scalars()
    owed = connection.execute(
        select(debts.c.owed_micro, debts.c.collected).where(debts.c.session_id == session_id)
    ).one_or_none()
    owed_micro, collected = owed if owed is not None else (0, 0)
    arrears = owed_micro // MICRO - collected
    debt = -(-(owed_micro + _work(connection, session_id)) // MICRO) - collected
    left = debt - _collected_since(connection, session_id)
    balance = None
    if present is not None:
        balance = BaseUnits(min(present.balance, _final_balance(connection, contract, session_id)))
    arrears_left = min(arrears, left)
    return Spending(
        balance=balance,
        arrears=BaseUnits(arrears_left),
        unsettled=BaseUnits(left - arrears_left),
        reserved=BaseUnits(sum(amounts)),
        withdrawal_requested_at=present.withdrawal_requested_at if present is not None else 0,
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
    """Note how an open reservation ended."""
    where = (reservations.c.id == reservation_id, reservations.c.state == OPEN)
    connection.execute(update(reservations).where(*where).values(state=state))


def _work(connection: Connection, session_id: SessionId) -> int:
    """Return the work of epochs that are not settled, in micro-units; settled ones are in the debts."""
    query = select(session_work.c.work_micro).where(session_work.c.session_id == session_id)
    return sum(connection.execute(query).scalars())


def _collected_since(connection: Connection, session_id: SessionId) -> int:
    """Return what was collected in an epoch whose books are not closed yet."""
    query = (
        select(charges.c.collected)
        .join(epochs, epochs.c.number == charges.c.epoch)
        .where(charges.c.session_id == session_id, charges.c.collected.is_not(None))
        .where(epochs.c.state != "settled")
    )
    return sum(connection.execute(query).scalars())


def _final_balance(connection: Connection, contract: Contract, session_id: SessionId) -> BaseUnits:
    """Return the balance after the last final block."""
    m = movements.c
    query = (
        select(m.balance_after)
        .where(m.contract_id == contract.id, m.session_id == session_id)
        .where(m.block_number <= checkpoint(connection, contract).final_number)
        .order_by(m.block_number.desc(), m.log_index.desc(), m.row.desc())
        .limit(1)
    )
    return BaseUnits(connection.execute(query).scalar_one_or_none() or 0)
