"""Statements: from the books in any direction, as of any block, in bounded memory.

Given an account with many lines
  when its statement is read
    it should hold no more lines in memory than it fetches at a time, however many there are
  when its balance is asked for
    it should be that of the last line
"""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import delete, text

from sessionpay.core.ids import SessionId
from sessionpay.store import queries, tables

from .test_database import filled

if TYPE_CHECKING:
    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

FEW, MANY = 2_500, 6_000
LOGGED = (tables.events, tables.movements)
COPIES = """
    WITH RECURSIVE numbers(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count})
    INSERT INTO {table} SELECT {columns} FROM {table}, numbers WHERE log_index = 1
"""


def lengthen(database: Database, count: int) -> None:
    """Repeat the one deposit of the books until there are `count` lines."""
    with database.writing() as connection:
        for table in LOGGED:
            columns = ", ".join("i" if name == "log_index" else name for name in list(table.c.keys()))
            connection.execute(text(COPIES.format(count=count, table=table.name, columns=columns)))


def peak(database: Database, contract: Contract, count: int) -> int:
    """Read the whole statement, and return the most bytes that it took."""
    tracemalloc.start()
    try:
        with database.reading() as connection:
            lines = queries.session_statement(connection, contract, SessionId(7))
            assert sum(1 for _ in lines) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_statement(database: Database) -> None:
    contract = filled(database)
    lengthen(database, FEW)
    peak(database, contract, FEW)
    of_few = peak(database, contract, FEW)
    with database.writing() as connection:
        for table in LOGGED:
            connection.execute(delete(table).where(table.c.log_index > 1))
    lengthen(database, MANY)
    assert peak(database, contract, MANY) < 1.2 * of_few


def test_the_balance_is_that_of_the_last_line(database: Database) -> None:
    contract = filled(database)
    lengthen(database, 10)
    with database.reading() as connection:
        statement = partial(queries.session_statement, connection, contract, SessionId(7))
        lines = list(statement())
        assert list(statement(newest_first=True)) == lines[::-1]
        assert [line.log_index for line in lines] == list(range(1, 11))
        assert queries.balance_of(statement) == lines[-1].balance == 2**95
        assert queries.balance_of(statement, up_to=4) == 0
        assert list(statement(up_to=4)) == []
