"""Many rows at once, in both databases.

Given rows with every kind of value that a table keeps
  when they are inserted
    they should come back as they were: large numbers, nothing, and texts that a COPY would have to escape
Given a number that a column cannot keep, or a second row of one key
  when the rows are inserted
    it should be refused, and no row of the transaction should be there
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, select
from sqlalchemy.exc import IntegrityError

from sessionpay.store.insertion import insert_rows
from sessionpay.store.types import WholeNumber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sessionpay.store.database import Database

# A key word for a name, as `row` is one in the tables themselves.
KEPT = Table(
    "order",
    MetaData(),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("amount", WholeNumber, nullable=False),
    Column("perhaps", WholeNumber),
    Column("text", Text),
)


@pytest.fixture
def kept(database: Database) -> Database:
    """A database with the table, empty."""
    database.migrate()
    with database.writing() as connection:
        KEPT.create(connection)
    return database


def rows_of(database: Database) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(KEPT).order_by(KEPT.c.row))]


def test_rows_come_back_as_they_were(kept: Database) -> None:
    rows = [
        (0, 2**256 - 1, None, None),
        (1, 0, 2**63, ""),
        (2, 9, 10, "a tab\ta line\nan end\\.\n\\N"),
        (2**63 - 1, 1, 0, "é"),
    ]
    with kept.writing() as connection:
        insert_rows(connection, KEPT, rows)
        insert_rows(connection, KEPT, [])
    assert rows_of(kept) == rows


@pytest.mark.parametrize(
    ("refused", "fault"),
    [
        ([(2, -1, None, "")], ValueError),
        ([(2, 0, 10**78, "")], ValueError),
        ([(1, 0, None, "")], IntegrityError),
        ([(2, 0, None, ""), (2, 0, None, "")], IntegrityError),
    ],
    ids=["below zero", "too large", "a key that is there", "a key twice"],
)
def test_what_cannot_be_kept_undoes_all(
    kept: Database, refused: Sequence[tuple[Any, ...]], fault: type[Exception]
) -> None:
    def insert_both() -> None:
        with kept.writing() as connection:
            insert_rows(connection, KEPT, [(1, 1, 1, "first")])
            insert_rows(connection, KEPT, refused)

    with pytest.raises(fault):
        insert_both()
    assert rows_of(kept) == []
