"""Movements of one account as a table."""

from sessionpay.core.ids import Address, SessionId
from sessionpay.serving import MovementView
from sessionpay.web.figures import transaction_link
from sessionpay.web.listing import Listing
from sessionpay.web.site import Site
from sessionpay.web.tables import Column, Kind, Row

COLUMNS = (
    Column("time", "Time", Kind.MOMENT),
    Column("kind", "What"),
    Column("amount", "Amount", Kind.MONEY),
    Column("balance_after", "Then", Kind.MONEY),
    Column("block", "Block", Kind.COUNT),
    Column("transaction", "Transaction"),
    Column("is_final", "Final"),
)


def movements(site: Site, of: SessionId | Address, *, csv: str) -> Listing[MovementView]:
    """Return every movement of a session or a node, the newest first; `csv` is where all of them are."""
    return Listing(
        name="movements",
        title="Movements",
        columns=COLUMNS,
        fetch=lambda cursor, limit: site.reader.movements(of=of, cursor=cursor, limit=limit),
        row=_row,
        asset=site.asset,
        csv=csv,
    )


def _row(shown: MovementView) -> Row:
    return (
        shown.timestamp,
        shown.kind.value,
        shown.signed,
        shown.balance_after,
        shown.block_number,
        transaction_link(shown.transaction_hash),
        shown.is_final,
    )
