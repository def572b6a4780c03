"""Credit notes, each kept in the epoch that was open when it was made."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from sessionpay.core.credits import Credit
from sessionpay.store import epochs
from sessionpay.store.settlement_tables import credit_notes as notes


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit and where it stands: `id` in the order of entry, `created_at` in unix seconds."""

    id: int
    epoch: int
    credit: Credit
    created_at: int


def add(connection: Connection, credit: Credit, *, at: int) -> CreditNote:
    """Enter a credit into the epoch that takes rows. Raises `NoEpoch`."""
    epoch = epochs.taking(connection).number
    row = {
        "epoch": epoch,
        "session_id": credit.session_id,
        "amount": credit.amount,
        "reason": credit.reason,
        "reference": credit.reference,
        "created_at": at,
    }
    number = connection.execute(insert(notes).values(row).returning(notes.c.id)).scalar_one()
    return CreditNote(number, epoch, credit, at)


def of_epoch(connection: Connection, epoch: int) -> list[CreditNote]:
    """Return the credit notes of an epoch in the order of their entry."""
    query = select(notes).where(notes.c.epoch == epoch).order_by(notes.c.id)
    return [
        CreditNote(
            row.id,
            row.epoch,
            Credit(session_id=row.session_id, amount=row.amount, reason=row.reason, reference=row.reference),
            row.created_at,
        )
        for row in connection.execute(query)
    ]
