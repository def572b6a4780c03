"""When sessions were handed over, which no table of the present tells."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, literal_column, select

from sessionpay.core.ids import SessionId
from sessionpay.store.evidence import Contract
from sessionpay.store.tables import TRANSFERRED, events


def handed_over_at(connection: Connection, contract: Contract, session_id: SessionId) -> int:
    """Return when a session was handed over last, in unix seconds; 0 if it never was."""
    # Their texts begin with the session, and in the order of bytes nothing else stands between these two.
    begins, ends = f'{{"session_id":"{session_id}",', f'{{"session_id":"{session_id}"-'
    values = {"contract_id": contract.id, "begins": begins, "ends": ends}
    query = _last(is_sqlite=connection.dialect.name == "sqlite")
    found: int | None = connection.execute(query, values).scalar()
    return found or 0


@cache
def _last(*, is_sqlite: bool) -> Select[Any]:
    e = events.c
    at_least, below = (">=", "<") if is_sqlite else ("~>=~", "~<~")
    query = select(e.timestamp).where(
        e.contract_id == bindparam("contract_id"),
        # Written out, because an index of some rows is taken only where it is plain that these are asked for.
        e.name == literal_column(f"'{TRANSFERRED}'"),
        e.arguments.bool_op(at_least)(bindparam("begins")),
        e.arguments.bool_op(below)(bindparam("ends")),
    )
    return query.order_by(e.block_number.desc(), e.log_index.desc()).limit(1)
