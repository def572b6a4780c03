"""Credit notes: what a session shall not owe after all, kept in the epoch that was open."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from sessionpay.core.ids import SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.store import epochs
from sessionpay.store.settlement_tables import credit_notes


@dataclass(frozen=True, slots=True)
class CreditNote:
    """One credit note: `amount` in base units, `created_at` in unix seconds, `id` in the order of entry."""

    id: int
    epoch: int
    session_id: SessionId
    amount: BaseUnits
    reason: str
    reference: str
    created_at: int


def add(
    connection: Connection, session_id: SessionId, amount: BaseUnits, *, reason: str, reference: str, at: int
) -> CreditNote:
    """Enter a credit note into the epoch that takes rows. Raises `NoEpoch`."""
    row = {
        "epoch": epochs.taking(connection).number,
        "session_id": session_id,
        "amount": amount,
        "reason": reason,
        "reference": reference,
        "created_at": at,
    }
    c = credit_notes.c
    number = connection.execute(insert(credit_notes).values(row).returning(c.id)).scalar_one()
    return CreditNote(id=number, **row)


def of_epoch(connection: Connection, epoch: int) -> list[CreditNote]:
    """Return the credit notes of an epoch in the order of their entry."""
    c = credit_notes.c
    query = select(c.id, c.epoch, c.session_id, c.amount, c.reason, c.reference, c.created_at)
    return [CreditNote(*row) for row in connection.execute(query.where(c.epoch == epoch).order_by(c.id))]
