"""Values that this package never wrote: each is named by table, row and column, with what to do.

Given a database that somebody changed by hand
  when it is read
    it should name the table, the row's key, the column and the value
    it should say to rebuild what follows from the events, and to restore or index anew what does not
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from sessionpay.core.ids import SessionId
from sessionpay.store import derived, evidence, queries
from sessionpay.store.errors import BadValue

from .test_database import CONTRACT, filled

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

REBUILD = "run `sessionpay index rebuild`"
ANEW = "index the contract anew"


def look(connection: Connection, contract: Contract) -> None:
    """Read everything that commands read."""
    evidence.contract(connection, chain_id=1, address=CONTRACT)
    evidence.checkpoint(connection, contract)
    list(queries.session_statement(connection, contract, SessionId(7)))
    list(queries.sessions(connection, contract))
    derived.books(connection, contract)
    evidence.replay(connection, contract)


def damaged(database: Database, statement: str) -> BadValue:
    """Change the database by hand, read it, and return what is said."""
    contract = filled(database)
    with database.engine.connect() as connection:
        if database.is_sqlite:
            # Who changes a file by another program does so without this package's foreign keys.
            connection.connection.execute("PRAGMA foreign_keys = OFF")
        else:
            connection.execute(text("SET session_replication_role = replica"))
        connection.execute(text(statement))
        connection.commit()
    database.close()
    with pytest.raises(BadValue) as caught, database.reading() as connection:
        look(connection, contract)
    return caught.value


@pytest.mark.parametrize(
    ("statement", "place", "remedy"),
    [
        (
            "UPDATE events SET name = 'Gift' WHERE log_index = 1",
            "table events, row contract_id 1, block_number 5, log_index 1, column name: 'Gift'",
            ANEW,
        ),
        (
            "UPDATE events SET arguments = '{' WHERE log_index = 1",
            "table events, row contract_id 1, block_number 5, log_index 1, column arguments: '{'",
            ANEW,
        ),
        (
            'UPDATE events SET arguments = \'{"session_id":"7"}\' WHERE log_index = 1',
            "log_index 1, column arguments",
            ANEW,
        ),
        ("UPDATE movements SET kind = 'gift'", "row 0, column kind: 'gift' is no kind of movement", REBUILD),
        ("DELETE FROM checkpoints", "table checkpoints, row contract_id 1: is missing", ANEW),
        ("DELETE FROM contracts", "table contracts, row id 1: is missing, but blocks has rows", ANEW),
    ],
)
def test_is_named_in_both_databases(database: Database, statement: str, place: str, remedy: str) -> None:
    told = str(damaged(database, statement))
    assert place in told
    assert remedy in told
    assert "\n" not in told


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("statement", "table", "column"),
    [
        ("UPDATE sessions SET balance = '2912'", "sessions", "balance"),
        ("UPDATE sessions SET balance = 'much'", "sessions", "balance"),
        ("UPDATE movements SET amount = '03x12'", "movements", "amount"),
        ("UPDATE movements SET balance_after = x'ff'", "movements", "balance_after"),
        ("UPDATE treasury SET liabilities = ''", "treasury", "liabilities"),
        ("UPDATE checkpoints SET head_number = 'high'", "checkpoints", "head_number"),
        ("UPDATE contracts SET decimals = 'many'", "contracts", "decimals"),
        ("UPDATE events SET timestamp = 'late'", "events", "timestamp"),
    ],
)
def test_sqlite_keeps_anything(database: Database, statement: str, table: str, column: str) -> None:
    found = damaged(database, statement)
    assert (found.table, found.column) == (table, column)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_postgresql_keeps_what_is_no_number(database: Database) -> None:
    found = damaged(database, "UPDATE sessions SET balance = 'NaN'")
    assert (found.table, found.key, found.column) == (
        "sessions",
        {"contract_id": 1, "session_id": 7},
        "balance",
    )


def test_an_error_of_the_program_stays_what_it_is(database: Database) -> None:
    filled(database)
    with pytest.raises(KeyError, match="mistake"), database.reading():
        raise KeyError("mistake")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_rebuild_puts_a_derived_value_right(database: Database) -> None:
    damaged(database, "UPDATE sessions SET balance = 'much'")
    with database.writing() as connection:
        contract = evidence.contracts(connection)[0]
        derived.rebuild(connection, contract)
        look(connection, contract)
