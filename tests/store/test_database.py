"""Database: what is opened, migrated, rebuilt or refused.

Given an address
  when it is opened, it should be a database, or an error that says what to write
Given tables that are missing, older, newer, half restored
  when they are prepared
    they should be created, rebuilt, or refused with the reason
Given several reads that are to see one state
  when somebody writes between them, they should not see it, and later ones should
  when the same is asked again, it should be read anew in the next state and outside of any
Given PostgreSQL, which plans before it reads
  what is read again and again should be planned once
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from sessionpay.core import events as ev
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.store import books, derived, evidence
from sessionpay.store.database import Database, SchemaState
from sessionpay.store.errors import BadDatabase, BadDatabaseUrl, DatabaseBusy, NoDatabase, NotIndexed
from sessionpay.store.evidence import Block, Contract, Entry
from sessionpay.store.tables import metadata
from tests.store.conftest import new_postgresql_database

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

OWNER = Address("0x" + "0a" * 20)
CONTRACT = Address("0x" + "c0" * 20)
HASH = "0x" + "ab" * 32


def filled(database: Database) -> Contract:
    """Enter a contract with one session and one deposit."""
    books.prepare(database)
    made = [ev.SessionRegistered(SessionId(7), OWNER), ev.DepositToSession(SessionId(7), BaseUnits(2**95))]
    entries = [Entry(5, index, HASH, HASH, 0, 100, event) for index, event in enumerate(made)]
    with database.writing() as connection:
        contract = evidence.enrol(
            connection,
            chain_id=1,
            address=CONTRACT,
            asset=Asset(ZERO_ADDRESS, "ETH", 18),
            withdrawal_delay=0,
            first_block=5,
        )
        block = Block(5, HASH, HASH, 100)
        books.advance(connection, contract, entries=entries, blocks=[block], final_number=5)
        books.make_final(connection, contract, block)
    return contract


@pytest.mark.parametrize(
    "url", ["", "books.db", "mysql://localhost/books", "sqlite://", "sqlite:///:memory:", "a:b:c"]
)
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(BadDatabaseUrl, match="write sqlite:///"):
        Database.open(url)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase, match="unable to open"):
        Database.open(f"sqlite:///{tmp_path}")


def test_no_password_is_shown() -> None:
    with pytest.raises(NoDatabase) as caught:
        Database.open("postgresql://user:secret@127.0.0.1:1/books")
    assert "secret" not in str(caught.value)


def test_an_empty_database_is_migrated_once(database: Database) -> None:
    assert database.state() is SchemaState.MISSING
    assert books.prepare(database) is SchemaState.MISSING
    assert books.prepare(database) is SchemaState.CURRENT


def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    books.prepare(database)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_later_version_is_refused(database: Database) -> None:
    books.prepare(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    assert database.state() is SchemaState.NEWER
    with pytest.raises(BadDatabase, match="update the package"):
        books.prepare(database)


def test_lost_derived_tables_are_rebuilt(database: Database) -> None:
    contract = filled(database)
    with database.writing() as connection:
        connection.execute(text("DROP TABLE movements"))
        connection.execute(text("DROP TABLE sessions"))
        connection.execute(text("DELETE FROM treasury"))
    assert books.prepare(database) is SchemaState.DERIVED_LOST
    with database.reading() as connection:
        found = derived.books(connection, contract)
        assert found == evidence.replay(connection, contract)
        assert found.session(7).balance == 2**95


def test_stale_derived_tables_are_rebuilt(database: Database) -> None:
    contract = filled(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE treasury SET event_count = 1"))
        connection.execute(text("DELETE FROM sessions"))
    books.prepare(database)
    with database.reading() as connection:
        assert derived.books(connection, contract) == evidence.replay(connection, contract)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE events",
        "DROP TABLE alembic_version",
        "DELETE FROM events WHERE log_index = 1",
        "DELETE FROM blocks",
        "UPDATE checkpoints SET event_count = 9",
    ],
)
def test_half_a_restore_is_refused(database: Database, damage: str) -> None:
    filled(database)
    with database.writing() as connection:
        connection.execute(text(damage))
    with pytest.raises(BadDatabase, match="restore all of it"):
        books.prepare(database)


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    contract = filled(database)

    def fail_halfway() -> None:
        with database.writing() as connection:
            books.take_back(connection, contract, to=4)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    with database.reading() as connection:
        assert evidence.count(connection, contract) == 2


def test_reads_of_one_state_see_one_state(database: Database) -> None:
    contract = filled(database)

    def count() -> int:
        with database.reading() as connection:
            return evidence.count(connection, contract)

    with database.one_state():
        before = count()
        with database.writing() as connection:
            books.take_back(connection, contract, to=4)
        assert (before, count()) == (2, 2)
    assert count() == 0


def test_what_is_asked_once_is_read_once_in_a_state(database: Database) -> None:
    filled(database)
    asked: list[int] = []

    def read(_: Connection, number: int) -> int:
        asked.append(number)
        return number * 10

    def once(number: int) -> int:
        with database.reading() as connection:
            return database.once(connection, read, number)

    for _ in range(2):
        with database.one_state():
            assert [once(1), once(2), once(1)] == [10, 20, 10]
    assert asked == [1, 2, 1, 2]
    assert [once(1), once(1)] == [10, 10]
    assert asked[4:] == [1, 1]


def test_what_is_read_often_is_planned_once(postgresql: str) -> None:
    database = Database.open(new_postgresql_database(postgresql))
    # psycopg prepares what it meets for the sixth time on a connection.
    for _ in range(10):
        with database.reading() as connection:
            kept = connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    database.close()
    assert kept == 1


def test_going_back_below_the_final_block_rebuilds(database: Database) -> None:
    contract = filled(database)
    with database.writing() as connection:
        books.take_back(connection, contract, to=4)
    with database.reading() as connection:
        assert derived.books(connection, contract) == evidence.replay(connection, contract)
        assert evidence.checkpoint(connection, contract).head_number == 4


def test_one_indexer_at_a_time(database: Database, url: str) -> None:
    other = Database.open(url)
    with database.sole_writer(), pytest.raises(DatabaseBusy), other.sole_writer():
        pass
    with other.sole_writer():
        pass
    other.close()


def test_an_unknown_contract_is_named(database: Database) -> None:
    contract = filled(database)
    with database.reading() as connection, pytest.raises(NotIndexed, match="on chain 2"):
        evidence.contract(connection, chain_id=2, address=contract.address)


def test_contracts_keep_apart(database: Database) -> None:
    first = filled(database)
    with database.writing() as connection:
        second = evidence.enrol(
            connection,
            chain_id=1,
            address=OWNER,
            asset=Asset(CONTRACT, "USD", 6),
            withdrawal_delay=60,
            first_block=1,
        )
        event = ev.SessionRegistered(SessionId(7), CONTRACT)
        entry = Entry(5, 9, HASH, HASH, 0, 100, event)
        books.advance(connection, second, entries=[entry], blocks=[Block(5, HASH, HASH, 100)], final_number=0)
        books.take_back(connection, second, to=4)
    with database.reading() as connection:
        assert evidence.contracts(connection) == [first, second]
        assert derived.books(connection, first).session(7).balance == 2**95
        assert derived.books(connection, second).sessions == {}
