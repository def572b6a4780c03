"""Rows as they stand in the tables, in the order of the chain, without believing what they say.

For whoever holds them against what they should be: nothing is joined, left out or added up. A few thousand
rows are in memory at a time, however many there are. Whoever stops before the end closes the iterator,
because a database keeps a place for it.
"""

from collections.abc import Generator, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, Table, select

from sessionpay.store import tables
from sessionpay.store.evidence import Contract

FETCH_ROWS = 2_000
STREAMED = {"yield_per": FETCH_ROWS}


class MovementRow(NamedTuple):
    """One row of `movements`; amounts in base units, `kind` as the text that stands there."""

    block_number: int
    log_index: int
    row: int
    kind: str
    session_id: int | None
    node: str | None
    amount: int
    balance_after: int
    network_after: int


class UndoRow(NamedTuple):
    """One row of `undo`: what a row of `relation` was before a block, as JSON; None if there was none."""

    block_number: int
    relation: str
    subject: str
    before: str | None


class StrangeEvent(NamedTuple):
    """The place of an event that stands under another chain than its contract."""

    block_number: int
    log_index: int
    chain_id: int


def movement_rows(
    connection: Connection, contract: Contract, *, up_to: int | None = None
) -> Generator[MovementRow, None, None]:
    """Yield every line of every statement, up to block `up_to`, by block, log and row."""
    m = tables.movements.c
    query = select(*(m[name] for name in MovementRow._fields)).where(m.contract_id == contract.id)
    if up_to is not None:
        query = query.where(m.block_number <= up_to)
    query = query.order_by(m.block_number, m.log_index, m.row)
    with connection.execute(query, execution_options=STREAMED) as found:
        for row in found:
            yield MovementRow(*row)


def table_rows(connection: Connection, contract: Contract, table: Table) -> Generator[RowMapping, None, None]:
    """Yield every row of a derived table by its key."""
    query = select(table).where(table.c.contract_id == contract.id).order_by(*table.primary_key)
    with connection.execute(query, execution_options=STREAMED) as found:
        yield from found.mappings()


def undo_rows(connection: Connection, contract: Contract) -> Generator[UndoRow, None, None]:
    """Yield what is noted for taking blocks back, by block; inside a block in any order."""
    u = tables.undo.c
    query = select(*(u[name] for name in UndoRow._fields)).where(u.contract_id == contract.id)
    with connection.execute(query.order_by(u.block_number), execution_options=STREAMED) as found:
        for row in found:
            yield UndoRow(*row)


def strange_events(connection: Connection, contract: Contract) -> Iterator[StrangeEvent]:
    """Yield the events of `contract` that say they are of another chain."""
    e = tables.events.c
    query = select(e.block_number, e.log_index, e.chain_id)
    query = query.where(e.contract_id == contract.id, e.chain_id != contract.chain_id)
    for row in connection.execute(query.order_by(e.block_number, e.log_index)):
        yield StrangeEvent(*row)
