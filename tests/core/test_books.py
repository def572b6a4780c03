"""How events add up.

record
  given each kind of event: it should change exactly the numbers that the event is about
  given rows that applied nothing: it should move neither money nor timestamps
  given something that is no event of the contract: it should raise TypeError
reading
  given an unknown session or node: it should answer with zeros and remember nothing
  given a node without a payee: it should name the node itself
"""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from sessionpay.core import events as ev
from sessionpay.core.books import Books, Node, Session
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.roles import ADMIN_ROLE

SESSION, OTHER, UNKNOWN = SessionId(7), SessionId(0), SessionId(8)
OWNER, NEW_OWNER, NODE, IDLE_NODE, PAYEE = (Address(f"0x{number:040x}") for number in range(0xA0, 0xA5))
DELAY, START, LATER = 600, 1_800_000_000, 1_800_000_100


def amount(value: int) -> BaseUnits:
    return BaseUnits(value)


def opened() -> Books:
    """Two sessions with 1,000 each, one of them charged 400; 100 of it is allocated to an active node."""
    books = Books(withdrawal_delay=DELAY)
    for session in (SESSION, OTHER):
        books.record([ev.SessionRegistered(session, OWNER)], START)
        books.record([ev.DepositToSession(session, amount(1_000))], START)
    books.record([ev.PaymentToNetwork(SESSION, amount(400)), ev.NodeTimestampUpdated(NODE)], START)
    books.record([ev.NodePaymentAllocated(NODE, amount(100))], START)
    return books


def numbers(books: Books) -> tuple[object, ...]:
    """Take everything but the sessions and nodes."""
    return books.network, books.liabilities, books.sequence, books.paused_until, frozenset(books.roles)


def recorded(events: Iterable[ev.Event], *, first: Iterable[ev.Event] = ()) -> tuple[Books, Books]:
    before, after = opened(), opened()
    for books in (before, after):
        books.record(first, START)
    after.record(events, LATER)
    return before, after


SESSION_EVENTS: list[tuple[ev.Event, dict[str, object], tuple[int, int]]] = [
    (ev.DepositToSession(SESSION, amount(5)), {"balance": 605}, (0, 5)),
    (
        ev.PaymentToNetwork(SESSION, amount(5)),
        {"balance": 595, "usage": 405, "last_payment_at": LATER},
        (5, 0),
    ),
    (ev.WithdrawFromSession(SESSION, amount(5)), {"balance": 595, "withdrawal_requested_at": 0}, (0, -5)),
    (ev.SessionWithdrawalRequested(SESSION, LATER + DELAY), {"withdrawal_requested_at": LATER}, (0, 0)),
    (ev.SessionWithdrawalCancelled(SESSION), {"withdrawal_requested_at": 0}, (0, 0)),
    (
        ev.SessionTransferred(SESSION, OWNER, NEW_OWNER),
        {"owner": NEW_OWNER, "withdrawal_requested_at": 0},
        (0, 0),
    ),
]

NODE_EVENTS: list[tuple[ev.Event, dict[str, object], tuple[int, int]]] = [
    (ev.NodePaymentAllocated(NODE, amount(7)), {"pending": 107, "earned": 107}, (-7, 0)),
    (ev.NodePaymentWithdrawn(NODE, amount(100)), {"pending": 0}, (0, -100)),
    (ev.NodePayeeSet(NODE, PAYEE), {"payee": PAYEE}, (0, 0)),
    (ev.NodeTimestampUpdated(NODE), {"last_used_at": LATER}, (0, 0)),
    (ev.NodeTimestampsUpdated((NODE, NODE)), {"last_used_at": LATER}, (0, 0)),
    (ev.NodeTimestampDeleted(NODE), {"last_used_at": 0}, (0, 0)),
]


@pytest.mark.parametrize(("event", "changes", "sums"), SESSION_EVENTS)
def test_events_of_sessions(event: ev.Event, changes: dict[str, object], sums: tuple[int, int]) -> None:
    before, after = recorded([event], first=[ev.SessionWithdrawalRequested(SESSION, START + DELAY)])
    assert after.session(SESSION) == replace(before.session(SESSION), **changes)  # type: ignore[arg-type]
    assert (after.session(OTHER), after.nodes) == (before.session(OTHER), before.nodes)
    assert (after.network - before.network, after.liabilities - before.liabilities) == sums


@pytest.mark.parametrize(("event", "changes", "sums"), NODE_EVENTS)
def test_events_of_nodes(event: ev.Event, changes: dict[str, object], sums: tuple[int, int]) -> None:
    before, after = recorded([event])
    assert after.node(NODE) == replace(before.node(NODE), **changes)  # type: ignore[arg-type]
    assert after.sessions == before.sessions
    assert (after.network - before.network, after.liabilities - before.liabilities) == sums


def test_registration() -> None:
    _, after = recorded([ev.SessionRegistered(UNKNOWN, NEW_OWNER)])
    assert after.session(UNKNOWN) == Session(owner=NEW_OWNER, registered_at=LATER)


def test_charge_batch() -> None:
    charges = (ev.Charge(OTHER, amount(30)), ev.Charge(SESSION, amount(0)), ev.Charge(UNKNOWN, amount(0)))
    before, after = recorded([ev.SessionsCharged(4, amount(30), (*charges, ev.Charge(OTHER, amount(1))))])
    other = replace(before.session(OTHER), balance=amount(969), usage=amount(31), last_payment_at=LATER)
    assert after.sessions == before.sessions | {OTHER: other}
    assert numbers(after) == (331, 2_000, 5, 0, frozenset())


def test_allocation_batch() -> None:
    rows = (
        ev.Allocation(NODE, amount(30)),
        ev.Allocation(IDLE_NODE, amount(0)),
        ev.Allocation(NODE, amount(1)),
    )
    before, after = recorded([ev.NodesAllocated(4, amount(31), rows)])
    node = replace(before.node(NODE), pending=amount(131), earned=amount(131))
    assert after.nodes == {NODE: node}
    assert numbers(after) == (269, 2_000, 5, 0, frozenset())


def test_pause_and_roles() -> None:
    books = opened()
    books.record([ev.Paused(LATER), ev.RoleGranted(ADMIN_ROLE, OWNER, NODE)], START)
    assert numbers(books) == (300, 2_000, 0, LATER, frozenset({(ADMIN_ROLE, OWNER)}))
    books.record([ev.Unpaused(), ev.RoleRevoked(ADMIN_ROLE, OWNER, OWNER)], START + 1)
    assert numbers(books) == (300, 2_000, 0, START + 1, frozenset())
    books.record([ev.RoleRevoked(ADMIN_ROLE, OWNER, OWNER)], START + 1)
    assert books.roles == set()


def test_recovery_changes_nothing() -> None:
    before, after = recorded([ev.TokenRecovered(ZERO_ADDRESS, OWNER, 2**255)])
    assert after == before


def test_events_of_one_block_count_in_their_order() -> None:
    books = Books()
    books.record(
        [
            ev.SessionRegistered(SESSION, OWNER),
            ev.DepositToSession(SESSION, amount(9)),
            ev.SessionTransferred(SESSION, OWNER, NEW_OWNER),
            ev.WithdrawFromSession(SESSION, amount(9)),
        ],
        START,
    )
    assert books.sessions == {SESSION: Session(owner=NEW_OWNER, registered_at=START)}
    assert books.liabilities == 0


def test_what_is_no_event() -> None:
    with pytest.raises(TypeError, match="not an event"):
        Books().record([ev.Event()], START)


def test_every_event_is_recorded() -> None:
    examples = [event for event, _, _ in (*SESSION_EVENTS, *NODE_EVENTS)]
    others = {
        ev.SessionRegistered,
        ev.SessionsCharged,
        ev.NodesAllocated,
        ev.Paused,
        ev.Unpaused,
        ev.RoleGranted,
        ev.RoleRevoked,
        ev.TokenRecovered,
    }
    assert {type(event) for event in examples} | others == set(ev.EVENTS)


def test_unknown_ones_are_zeros() -> None:
    books = opened()
    assert (books.session(UNKNOWN), books.node(IDLE_NODE)) == (Session(), Node())
    assert UNKNOWN not in books.sessions
    assert IDLE_NODE not in books.nodes


def test_payee() -> None:
    _, after = recorded([ev.NodePayeeSet(NODE, PAYEE)])
    assert (after.payee(NODE), after.payee(IDLE_NODE)) == (PAYEE, IDLE_NODE)
