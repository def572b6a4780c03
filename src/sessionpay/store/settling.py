"""The steps of an epoch after it is sealed, each for one transaction: what is decided, and that it is so."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from sessionpay.core.epochs import Opening
from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.store import accounts, outbox
from sessionpay.store.errors import EpochElsewhere
from sessionpay.store.evidence import Contract
from sessionpay.store.outbox import Purpose
from sessionpay.store.settlement_tables import charges, epochs, session_work, settlement, work_totals
from sessionpay.store.tables import events, movements

SEALED, CHARGING, CHARGED, ALLOCATING, SETTLED = "sealed", "charging", "charged", "allocating", "settled"


def plan_charges(
    connection: Connection,
    number: int,
    *,
    usage_sha256: str,
    asked: Mapping[SessionId, BaseUnits],
    batches: Sequence[tuple[Charge, ...]],
) -> None:
    """Decide what every session is asked for; from now on the epoch is `charging`."""
    _step(connection, number, SEALED, CHARGING, usage_sha256=usage_sha256)
    outbox.plan(connection, number, Purpose.CHARGE, batches)
    rows = [
        {"epoch": number, "session_id": session_id, "asked": amount} for session_id, amount in asked.items()
    ]
    if rows:
        connection.execute(insert(charges), rows)


def note_collected(connection: Connection, number: int, applied: Mapping[SessionId, BaseUnits]) -> None:
    """Note what the contract finally took; from now on the epoch is `charged`."""
    _step(connection, number, CHARGING, CHARGED)
    for session_id, amount in applied.items():
        where = (charges.c.epoch == number, charges.c.session_id == session_id)
        connection.execute(update(charges).where(*where).values(collected=amount))


def plan_allocations(connection: Connection, number: int, batches: Sequence[tuple[Allocation, ...]]) -> None:
    """Decide what every active account gets; from now on the epoch is `allocating`."""
    _step(connection, number, CHARGED, ALLOCATING)
    outbox.plan(connection, number, Purpose.ALLOCATE, batches)


def close_books(
    connection: Connection,
    number: int,
    closing: Opening,
    *,
    manifest_sha256: str,
    at: int,
    payouts: Sequence[Address],
) -> None:
    """Make the epoch's end the next one's beginning; it is `settled`, at unix time `at`."""
    _step(connection, number, ALLOCATING, SETTLED, manifest_sha256=manifest_sha256, settled_at=at)
    accounts.replace_opening(connection, closing)
    for table in (session_work, work_totals):
        connection.execute(delete(table).where(table.c.epoch <= number))
    outbox.plan(connection, number, Purpose.PAYOUT, [(node,) for node in payouts])


def collected(connection: Connection, number: int) -> dict[SessionId, BaseUnits]:
    """Return what the contract took of each session that an epoch asked; only once it is `charged`."""
    query = select(charges.c.session_id, charges.c.collected).where(charges.c.epoch == number)
    rows = connection.execute(query.order_by(charges.c.session_id))
    return {SessionId(row[0]): BaseUnits(row[1]) for row in rows}


def total_collected(connection: Connection, number: int) -> BaseUnits:
    """Return what the contract took for an epoch; 0 before that is final."""
    query = select(charges.c.collected).where(charges.c.epoch == number, charges.c.collected.is_not(None))
    return BaseUnits(sum(connection.execute(query).scalars()))


def bind(connection: Connection, contract: Contract) -> None:
    """Settle this contract from now on; raises `EpochElsewhere` if it was another one so far."""
    bound = connection.execute(select(settlement.c.contract_id)).scalar_one_or_none()
    if bound is not None and bound != contract.id:
        raise EpochElsewhere(contract.address)
    connection.execute(update(settlement).values(contract_id=contract.id))


def halt(connection: Connection, reason: str | None) -> None:
    """Note why nothing is paid any more, or that the reason is gone."""
    connection.execute(update(settlement).values(halted=reason))


def halted(connection: Connection) -> str | None:
    """Return why nothing is paid any more; None while all is well."""
    found: str | None = connection.execute(select(settlement.c.halted)).scalar_one_or_none()
    return found


def was_deleted(connection: Connection, contract: Contract, node: Address) -> bool:
    """Tell whether the timestamp of a node was ever deleted, after which nobody marks it on its own."""
    e = events.c
    query = select(e.log_index).where(
        e.contract_id == contract.id,
        e.name == "NodeTimestampDeleted",
        e.arguments == f'{{"node":"{node}"}}',
    )
    return connection.execute(query.limit(1)).first() is not None


def network_at(connection: Connection, contract: Contract, block: int) -> BaseUnits:
    """Return the treasury after `block`, as the last movement in or out of it says."""
    m = movements.c
    query = select(m.network_after).where(m.contract_id == contract.id, m.block_number <= block)
    query = query.order_by(m.block_number.desc(), m.log_index.desc(), m.row.desc()).limit(1)
    return BaseUnits(connection.execute(query).scalar_one_or_none() or 0)


def _step(connection: Connection, number: int, before: str, after: str, **values: object) -> None:
    """Take an epoch from one state to the next; raises `EpochElsewhere` if it is in another one."""
    where = (epochs.c.number == number, epochs.c.state == before)
    if connection.execute(update(epochs).where(*where).values(state=after, **values)).rowcount != 1:
        raise EpochElsewhere(number, expected=before)
