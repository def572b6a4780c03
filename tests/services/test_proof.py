"""The audit of the books, on both databases, against a chain of which everything is known.

Given books that are what the chain says
  when they are audited, at the last block or an earlier one
    it should find no difference, and coin that nobody deposited should be a surplus
Given one cell of SQL that somebody changed, or a row that is gone, doubled or made up
  when the books are audited
    it should find a difference and name it, whichever it was
Given a value that no database of this package holds
  when the books are audited
    it should name table, row and column
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from sessionpay.core.events import RoleGranted
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.indexer.follow import Follower
from sessionpay.services.proof import CannotAudit, audit_books, audit_chain
from sessionpay.store import books as store
from sessionpay.store import derived, evidence, faults, tables
from sessionpay.store.database import Database
from sessionpay.store.errors import BadValue
from sessionpay.store.types import WholeNumber
from tests.indexer.history import CONTRACT, DELAY
from tests.indexer.provider import CHAIN_ID, FINAL_DEPTH
from tests.store.conftest import new_postgresql_database

from .made_contract import FIRST_BLOCK, Archive, grown
from .planting import all_rows, choose, plant, plant_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Connection, Table

    from sessionpay.services.proof import Audit
    from sessionpay.store.evidence import Contract

SEED = 9
BLOCKS = 90

# A memory of this one database: nothing in it or on the chain says what they should be.
UNPROVABLE = {("checkpoints", "reorganisations"), ("checkpoints", "verified_number")}
# Without these the contract is not found at all.
IDENTITY = {("contracts", "id"), ("contracts", "chain_id"), ("contracts", "address")}
CELLS = [
    column
    for table in (*tables.EVIDENCE, *tables.DERIVED)
    for column in table.c
    if (table.name, column.name) not in UNPROVABLE | IDENTITY and column.name != "contract_id"
]
# A wrong number of the last block names one at which the node cannot be asked.
HEAD_NUMBER = tables.checkpoints.c.head_number


def enrolled(database: Database) -> Contract:
    """Enter the contract of the made-up chain into a database, with nothing read of it yet."""
    store.prepare(database)
    with database.writing() as connection:
        for known in evidence.contracts(connection):
            evidence.forget(connection, known)
            derived.rebuild(connection, known)
        return evidence.enrol(
            connection,
            chain_id=CHAIN_ID,
            address=CONTRACT,
            asset=Asset(ZERO_ADDRESS, "ETH", 18),
            withdrawal_delay=DELAY,
            first_block=FIRST_BLOCK,
        )


class Indexed:
    """A database whose books are at the head of a chain, and the node that serves it."""

    def __init__(self, database: Database, node: Archive) -> None:
        self.database = database
        self.node = node
        self.contract = enrolled(database)
        Follower(database, self.contract, [node.source], confirmations=FINAL_DEPTH).catch_up()

    @contextmanager
    def tampered(self) -> Iterator[Connection]:
        """Lend a connection whose changes nobody else sees, and which are gone at the end."""
        with self.database.engine.connect() as connection, faults.named(connection):
            transaction = connection.begin()
            yield connection
            transaction.rollback()

    def audit(self, connection: Connection, *, block: int | None = None) -> Audit:
        """Audit what the connection sees."""
        known = evidence.contracts(connection)[0]
        return audit_books(self.node.contract, connection, known, block=block)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def indexed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    """Books that are right, on each database; what a test changes in them it takes back."""
    url = f"sqlite:///{tmp_path_factory.mktemp('proof') / 'books.db'}"
    if request.param == "postgresql":
        url = new_postgresql_database(request.getfixturevalue("postgresql"))
    database = Database.open(url)
    yield Indexed(database, Archive(grown(SEED, blocks=BLOCKS)))
    database.close()


def assert_named(found: Audit) -> str:
    """Require a difference that is told in one sentence, and return that."""
    assert found.difference > 0
    assert found.first_difference is not None
    assert found.first_difference.difference > 0
    told = str(found.first_difference)
    assert "\n" not in told
    return told


def test_right_books_differ_in_nothing(indexed: Indexed) -> None:
    head = indexed.node.chain.head
    with indexed.tampered() as connection:
        found = indexed.audit(connection)
        assert (found.block, found.difference, found.first_difference) == (head.number, 0, None)
        assert set(found.totals) == {"contract", "events", "books"}
        (total,) = set(found.totals.values())
        assert total.sessions + total.nodes + total.treasury == total.liabilities == head.books.liabilities
        for block in (FIRST_BLOCK, head.number // 2, head.number - 1):
            found = indexed.audit(connection, block=block)
            assert (found.block, found.difference, found.first_difference) == (block, 0, None)
    assert audit_chain(indexed.node.contract).difference == 0


def test_coin_that_nobody_deposited_is_surplus(indexed: Indexed) -> None:
    indexed.node.extra = 5
    with indexed.tampered() as connection:
        found = indexed.audit(connection)
    indexed.node.extra = 0
    assert (found.surplus, found.difference, found.first_difference) == (5, 0, None)


@pytest.mark.parametrize("column", CELLS, ids=str)
def test_a_changed_cell_is_named(indexed: Indexed, column: Column[Any]) -> None:
    with indexed.tampered() as connection:
        row, value = choose(connection, column, 7)
        plant(connection, row, column, value)
        if column is HEAD_NUMBER:
            with pytest.raises(CannotAudit, match="block"):
                indexed.audit(connection)
            return
        told = assert_named(indexed.audit(connection))
    if column.table is tables.events:
        assert told.startswith("event ")
    if isinstance(column.type, WholeNumber) and not column.primary_key and column.name != "session_id":
        assert f" {column.name} is " in told


@pytest.mark.parametrize("table", tables.DERIVED, ids=lambda table: table.name)
def test_a_derived_row_that_is_gone_is_named(indexed: Indexed, table: Table) -> None:
    with indexed.tampered() as connection:
        row = all_rows(connection, table)[-1]
        connection.execute(delete(table).where(*(key == row[key.name] for key in table.primary_key)))
        told = assert_named(indexed.audit(connection))
    assert " and nothing in " in told


def test_a_note_for_taking_back_what_never_was_is_named(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        row = all_rows(connection, tables.undo)[0]
        connection.execute(insert(tables.undo).values({**row, "block_number": 2 * BLOCKS}))
        found = indexed.audit(connection)
        told = assert_named(found)
    assert found.difference == 1
    assert told.endswith(f"was before block {2 * BLOCKS} is nothing in events and noted in undo")


@pytest.mark.parametrize("says_held", [True, False])
def test_a_role_that_the_contract_knows_otherwise_is_named(indexed: Indexed, says_held: bool) -> None:
    """A role that was taken back must be gone, too."""
    events = [event for block in indexed.node.chain.blocks for event in block.events]
    given = {(event.role, event.account) for event in events if isinstance(event, RoleGranted)}
    wrong = given - indexed.node.chain.head.books.roles if says_held else indexed.node.chain.head.books.roles
    indexed.node.says_held = says_held
    with indexed.tampered() as connection:
        found = indexed.audit(connection)
    of_logs = audit_chain(indexed.node.contract)
    indexed.node.says_held = None
    assert found.difference == of_logs.difference == len(wrong) > 0
    sides = ("held", "not held") if says_held else ("not held", "held")
    assert found.first_difference is not None
    assert (found.first_difference.sides, found.first_difference.values) == (("contract", "events"), sides)


def test_a_doubled_line_is_named(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        row = all_rows(connection, tables.movements)[0]
        connection.execute(insert(tables.movements).values({**row, "row": 77}))
        told = assert_named(indexed.audit(connection))
    assert told.startswith(f"line 77 of event {row['log_index']} of block {row['block_number']} ")
    assert "is nothing in events and " in told


def events_named(connection: Connection, name: str) -> list[dict[str, Any]]:
    return [row for row in all_rows(connection, tables.events) if row["name"] == name]


def forge(connection: Connection, row: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Add an event like one that is there, at a place of its own."""
    forged = {**row, "log_index": row["log_index"] + 1, **changes}
    connection.execute(insert(tables.events).values(forged))
    return forged


def remove(connection: Connection, row: dict[str, Any]) -> None:
    e = tables.events.c
    place = (e.block_number == row["block_number"], e.log_index == row["log_index"])
    connection.execute(delete(tables.events).where(*place))


def test_a_deleted_event_is_named(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        row = events_named(connection, "DepositToSession")[1]
        remove(connection, row)
        told = assert_named(indexed.audit(connection))
    assert told.startswith(f"event {row['log_index']} of block {row['block_number']} ")
    assert row["transaction_hash"] in told
    assert "is DepositToSession" in told
    assert told.endswith("in logs and nothing in events")


@pytest.mark.parametrize("block", [None, 2 * BLOCKS], ids=["beside its model", "above the head"])
def test_a_forged_event_is_named(indexed: Indexed, block: int | None) -> None:
    with indexed.tampered() as connection:
        row = events_named(connection, "DepositToSession")[0]
        forged = forge(connection, row, block_number=block or row["block_number"])
        told = assert_named(indexed.audit(connection))
    assert told.startswith(f"event {forged['log_index']} of block {forged['block_number']} ")
    assert "is nothing in logs and DepositToSession" in told


def test_a_forged_event_with_the_effect_of_a_real_one_is_named(indexed: Indexed) -> None:
    """Every sum, every line's amount and every balance is as it was; the events are not."""
    with indexed.tampered() as connection:
        row = events_named(connection, "NodePayeeSet")[0]
        remove(connection, row)
        forge(connection, row)
        found = indexed.audit(connection)
        told = assert_named(found)
    # The one that is gone and the one that was made up, and no effect of them.
    assert found.difference == 2
    assert "is NodePayeeSet" in told


def test_a_forged_pair_that_cancels_out_is_named(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        [*_, row] = events_named(connection, "NodeTimestampUpdated")
        forge(connection, row, name="Paused", arguments='{"until":"1"}')
        forge(connection, row, log_index=row["log_index"] + 2, name="Unpaused", arguments="{}")
        told = assert_named(indexed.audit(connection))
    assert "is nothing in logs and Paused" in told


def test_two_events_in_the_wrong_order_are_named(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        rows = all_rows(connection, tables.events)
        first, second = next(
            (one, other)
            for one, other in pairwise(rows)
            if one["block_number"] == other["block_number"] and one["name"] != other["name"]
        )
        for row in (first, second):
            remove(connection, row)
        for row, other in ((first, second), (second, first)):
            forge(connection, row, log_index=other["log_index"])
        told = assert_named(indexed.audit(connection))
    assert told.startswith(f"event {first['log_index']} of block {first['block_number']} ")


def test_an_earlier_block_is_held_against_the_logs_too(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        row = events_named(connection, "DepositToSession")[0]
        remove(connection, row)
        told = assert_named(indexed.audit(connection, block=row["block_number"]))
        assert told.endswith("in logs and nothing in events")
        assert indexed.audit(connection, block=row["block_number"] - 1).difference == 0


def test_a_first_block_that_was_moved_hides_nothing(indexed: Indexed) -> None:
    with indexed.tampered() as connection:
        row = all_rows(connection, tables.events)[0]
        remove(connection, row)
        [contract] = all_rows(connection, tables.contracts)
        plant(connection, contract, tables.contracts.c.first_block, row["block_number"] + 1)
        told = assert_named(indexed.audit(connection))
    assert told.startswith(f"event {row['log_index']} of block {row['block_number']} ")


@pytest.mark.parametrize(
    ("column", "text", "where"),
    [
        (tables.events.c.arguments, "{broken", "table events, row .* column arguments"),
        (tables.events.c.name, "Nonsense", "table events, row .* column name"),
        (tables.movements.c.kind, "gift", "line 0 of event .* kind"),
        (tables.undo.c.before, "{broken", "table undo, row .* column before"),
    ],
    ids=str,
)
def test_a_broken_text_is_named(indexed: Indexed, column: Column[Any], text: str, where: str) -> None:
    def audit() -> str:
        with indexed.tampered() as connection:
            row, _value = choose(connection, column, 0)
            plant_text(connection, row, column, text)
            return assert_named(indexed.audit(connection))

    if column is tables.movements.c.kind:
        assert re.search(where, audit())
    else:
        with pytest.raises(BadValue, match=where):
            audit()


@settings(max_examples=6, derandomize=True)
@given(seed=st.integers(0, 2**32), column=st.sampled_from(CELLS), number=st.integers(0, 2**16))
def test_any_one_change_is_found_in_any_history(
    database: Database, seed: int, column: Column[Any], number: int
) -> None:
    indexed = Indexed(database, Archive(grown(seed, blocks=80)))
    with indexed.tampered() as connection:
        assert indexed.audit(connection).difference == 0
    with indexed.tampered() as connection:
        assume(all_rows(connection, column.table))
        row, value = choose(connection, column, number)
        plant(connection, row, column, value)
        try:
            assert_named(indexed.audit(connection))
        except CannotAudit:
            # Nor can it where the hash of the last block is another one, as after a reorganisation.
            assert column in {HEAD_NUMBER, tables.blocks.c.hash}
