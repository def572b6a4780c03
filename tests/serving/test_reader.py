"""What is shown, beside the books that the core adds up from the same history.

Given any account, when it is shown, every number should be that of the books
Given any list, when it is read in pages of any size, each row should come once, in order
Given the whole network, each unit of money should be in exactly one place
Given a batch of which the movements are lost, it should not be shown with another number of them
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.books import Books
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.movements import movements
from sessionpay.core.wire import to_json
from sessionpay.services.budget import NoSession
from sessionpay.serving import LIMIT_MAX, BadLimit, NoNode, NoSuchEpoch, SessionView
from sessionpay.store import tables
from sessionpay.store.pages import BATCH_HEAD_MAX
from tests.indexer.history import DELAY, NODES, OWNERS, SESSIONS
from tests.serving.conftest import NOT_FINAL, every

if TYPE_CHECKING:
    from sessionpay.core.movements import Movement
    from sessionpay.serving.views import NodeView
    from tests.serving.conftest import Told

WEEK = 7 * 86_400
UNKNOWN = Address("0x" + "ee" * 20)
LIMITS = st.integers(1, 40) | st.just(LIMIT_MAX)


def moved(told: Told) -> list[Movement]:
    """Return every movement of the history, as the core has them."""
    books = Books(withdrawal_delay=DELAY)
    lines = []
    for entry in told.entries:
        lines += movements(books, entry.event)
        books.record((entry.event,), entry.timestamp)
    return lines


def assert_as_in(books: Books, view: SessionView) -> None:
    kept = books.sessions[view.session_id]
    assert (view.owner, view.balance, view.charged) == (kept.owner, kept.balance, kept.usage)
    assert (view.registered_at, view.last_payment_at) == (kept.registered_at, kept.last_payment_at)
    asked = kept.withdrawal_requested_at
    if asked:
        assert view.withdrawal is not None
        assert view.withdrawal.requested_at == asked
        assert view.withdrawal.opens_at == asked + DELAY
        assert view.withdrawal.lapses_at == asked + DELAY + WEEK
    else:
        assert view.withdrawal is None


def assert_node_as_in(books: Books, view: NodeView) -> None:
    kept = books.nodes[view.node]
    assert (view.pending, view.earned, view.paid) == (kept.pending, kept.earned, kept.earned - kept.pending)
    assert view.payee == (view.node if kept.payee == ZERO_ADDRESS else kept.payee)
    assert (view.last_used_at, view.is_active) == (kept.last_used_at, kept.last_used_at > 0)


def test_every_number_is_that_of_the_books(told: Told) -> None:
    books, reader = told.books, told.reader
    sessions = every(reader.sessions, 2)
    assert [view.session_id for view in sessions] == sorted(books.sessions)
    for view in sessions:
        assert_as_in(books, view)
        account = reader.session(view.session_id)
        assert account.session == view
        assert account.budget.session_id == view.session_id
    nodes = every(reader.nodes, 2)
    assert [view.node for view in nodes] == sorted(books.nodes)
    for node in nodes:
        assert_node_as_in(books, node)
        assert reader.node(node.node) == node
    for owner in (*OWNERS, UNKNOWN):
        of_owner = sorted(key for key, kept in books.sessions.items() if kept.owner == owner)
        assert [view.session_id for view in every(reader.sessions, 1, owner=owner)] == of_owner


def test_each_unit_is_in_one_place(told: Told) -> None:
    books, network = told.books, told.reader.network()
    assert network.in_sessions == sum(kept.balance for kept in books.sessions.values()) > 0
    assert network.treasury.total == network.treasury.unattributed == books.network
    assert network.pending == sum(kept.pending for kept in books.nodes.values())
    assert network.liabilities == books.liabilities
    assert network.difference == 0
    flows = network.flows
    assert flows.allocated == sum(kept.earned for kept in books.nodes.values())
    assert flows.charged == sum(kept.usage for kept in books.sessions.values())
    assert flows.deposited - flows.withdrawn - flows.paid_out == books.liabilities
    assert (network.sequence, network.paused_until) == (books.sequence, books.paused_until)
    head = told.chain.head.number
    assert (network.standing.head, network.standing.final) == (head, head - NOT_FINAL)
    days = told.reader.days()
    assert sum(day.deposit for day in days) == flows.deposited > 0
    assert sum(day.payout for day in days) == flows.paid_out > 0


def test_movements_are_those_of_the_history(told: Told) -> None:
    lines, head = moved(told), told.chain.head.number
    for of in (None, *SESSIONS, *NODES):
        expected = [line for line in lines if of is None or of in (line.session_id, line.node)]
        shown = every(told.reader.movements, 7, of=of, newest_first=False)
        assert expected
        assert [(row.kind, row.session_id, row.node, row.amount) for row in shown] == [
            (line.kind, line.session_id, line.node, line.amount) for line in expected
        ]
        assert [(row.signed, row.balance_after, row.network_after) for row in shown] == [
            (line.signed, line.balance_after, line.network_after) for line in expected
        ]
        assert all(row.is_final == (row.block_number <= head - NOT_FINAL) for row in shown)
        assert every(told.reader.movements, 7, of=of) == shown[::-1]


def test_events_are_those_of_the_history(told: Told) -> None:
    shown = every(told.reader.events, 9, newest_first=False)
    assert [(row.block_number, row.log_index, row.name) for row in shown] == [
        (entry.block_number, entry.log_index, type(entry.event).__name__) for entry in told.entries
    ]
    assert every(told.reader.events, 9) == shown[::-1]
    for row, entry in zip(shown, told.entries, strict=True):
        values = {field.name: getattr(entry.event, field.name) for field in fields(entry.event)}
        listed = [len(value) for value in values.values() if isinstance(value, tuple)]
        assert row.rows == (listed[0] if listed else None)
        assert dict(row.arguments) == {
            name: str(value) for name, value in values.items() if not isinstance(value, tuple)
        }
        assert (row.transaction_hash, row.timestamp) == (entry.transaction_hash, entry.timestamp)
    assert {row.rows is None for row in shown} == {True, False}
    assert max(len(to_json(entry.event)) for entry in told.entries) > BATCH_HEAD_MAX


def test_a_batch_without_its_movements_is_not_shown(told: Told) -> None:
    with told.database.writing() as connection:
        connection.execute(tables.movements.delete())
    with pytest.raises(TypeError, match="a batch whose movements are missing"):
        every(told.reader.events, 9)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_each_row_comes_once_in_pages_of_any_size(told: Told) -> None:
    reader = told.reader
    whole = {
        name: read(limit=LIMIT_MAX).rows
        for name, read in (("sessions", reader.sessions), ("nodes", reader.nodes), ("epochs", reader.epochs))
    }

    @given(limit=LIMITS, of=st.sampled_from([None, *SESSIONS, *NODES]), newest_first=st.booleans())
    def read(limit: int, of: SessionId | Address | None, newest_first: bool) -> None:
        rows = every(reader.movements, limit, of=of, newest_first=newest_first)
        spots = [(row.block_number, row.log_index, row.row) for row in rows]
        assert spots == sorted(set(spots), reverse=newest_first)
        assert len(rows) == sum(1 for line in lines if of is None or of in (line.session_id, line.node))
        for name, rows_of in whole.items():
            assert tuple(every(getattr(reader, name), limit)) == rows_of

    lines = moved(told)
    read()


def test_what_is_not_there_is_said_so(told: Told) -> None:
    reader = told.reader
    with pytest.raises(NoSession, match="session 5 "):
        reader.session(SessionId(5))
    with pytest.raises(NoNode, match=UNKNOWN):
        reader.node(UNKNOWN)
    for number in (0, 2, 2**63, 10**30):
        with pytest.raises(NoSuchEpoch):
            reader.epoch(number)
    assert reader.epoch(1).epoch.state == "open"
    for limit in (0, -1, LIMIT_MAX + 1):
        with pytest.raises(BadLimit):
            reader.sessions(limit=limit)
