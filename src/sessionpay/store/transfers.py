"""When sessions were handed over, which no table of the present tells."""

from sqlalchemy import Connection, literal_column, select

from sessionpay.core.ids import SessionId
from sessionpay.store.evidence import Contract
from sessionpay.store.tables import TRANSFERRED, events


def handed_over_at(connection: Connection, contract: Contract, session_id: SessionId) -> int:
    """Return when a session was handed over last, in unix seconds; 0 if it never was."""
    e = events.c
    # Their texts begin with the session, and in the order of bytes nothing else stands between these two.
    begins, ends = f'{{"session_id":"{session_id}",', f'{{"session_id":"{session_id}"-'
    is_sqlite = connection.dialect.name == "sqlite"
    at_least, below = (">=", "<") if is_sqlite else ("~>=~", "~<~")
    query = select(e.timestamp).where(
        e.contract_id == contract.id,
        # Written out, because an index of some rows is taken only where it is plain that these are asked for.
        e.name == literal_column(f"'{TRANSFERRED}'"),
        e.arguments.bool_op(at_least)(begins),
        e.arguments.bool_op(below)(ends),
    )
    query = query.order_by(e.block_number.desc(), e.log_index.desc()).limit(1)
    return connection.execute(query).scalar() or 0
