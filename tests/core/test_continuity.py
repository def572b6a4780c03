"""require_possible: which events can follow the books.

Given a history that the contract could have written
  when it is checked event by event, it should pass
  when an event is left out or doubled, and its omission shows in money, somebody should notice
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core import events as ev
from sessionpay.core.books import Books
from sessionpay.core.continuity import require_possible
from sessionpay.core.errors import BrokenHistory
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.movements import Kind, movements
from tests.indexer.history import Chain

OWNER = Address("0x" + "0a" * 20)
NODE = Address("0x" + "0b" * 20)
ROLE = "0x" + "00" * 32
SEVEN = SessionId(7)


@given(st.integers(0, 2**32))
def test_real_histories_pass_and_their_lines_add_up(seed: int) -> None:
    chain = Chain(seed)
    chain.grow(30)
    books = Books(withdrawal_delay=chain.head.books.withdrawal_delay)
    total: dict[object, int] = {}
    network = 0
    for block in chain.blocks:
        for event in block.events:
            require_possible(books, event)
            lines = movements(books, event)
            books.record((event,), block.timestamp)
            for line in lines:
                account = line.node if line.session_id is None else line.session_id
                total[account] = total.get(account, 0) + line.signed
                network += {Kind.CHARGE: line.amount, Kind.ALLOCATION: -line.amount}.get(line.kind, 0)
                assert (line.balance_after, line.network_after) == (total[account], network)
            assert books.network == network
    expected: dict[object, int] = {
        **{key: one.balance for key, one in books.sessions.items() if one.balance},
        **{key: node.pending for key, node in books.nodes.items() if node.pending},
    }
    assert {key: value for key, value in total.items() if value} == expected


def known() -> Books:
    books = Books()
    books.record((ev.SessionRegistered(SEVEN, OWNER), ev.DepositToSession(SEVEN, BaseUnits(10))), 1)
    return books


@pytest.mark.parametrize(
    "event",
    [
        ev.SessionRegistered(SEVEN, OWNER),
        ev.SessionRegistered(SessionId(2**160), OWNER),
        ev.DepositToSession(SessionId(8), BaseUnits(1)),
        ev.DepositToSession(SEVEN, BaseUnits(0)),
        ev.DepositToSession(SEVEN, BaseUnits(2**96)),
        ev.WithdrawFromSession(SEVEN, BaseUnits(11)),
        ev.SessionWithdrawalRequested(SessionId(8), 5),
        ev.SessionWithdrawalRequested(SEVEN, 2**64),
        ev.SessionWithdrawalCancelled(SEVEN),
        ev.SessionTransferred(SEVEN, NODE, OWNER),
        ev.PaymentToNetwork(SEVEN, BaseUnits(11)),
        ev.SessionsCharged(1, BaseUnits(0), ()),
        ev.SessionsCharged(0, BaseUnits(1), ()),
        ev.SessionsCharged(
            0, BaseUnits(12), (ev.Charge(SEVEN, BaseUnits(6)), ev.Charge(SEVEN, BaseUnits(6)))
        ),
        ev.NodesAllocated(0, BaseUnits(1), (ev.Allocation(NODE, BaseUnits(1)),)),
        ev.NodePaymentAllocated(NODE, BaseUnits(0xFF)),
        ev.NodePaymentWithdrawn(NODE, BaseUnits(1)),
        ev.Paused(2**32),
        ev.Unpaused(),
        ev.RoleRevoked(ROLE, OWNER, OWNER),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_cannot_follow_is_refused(event: ev.Event) -> None:
    with pytest.raises(BrokenHistory, match=f"^{type(event).__name__} cannot follow"):
        require_possible(known(), event)


def test_an_inactive_node_gets_nothing() -> None:
    books = known()
    books.record((ev.PaymentToNetwork(SEVEN, BaseUnits(5)),), 2)
    with pytest.raises(BrokenHistory, match="was not active"):
        require_possible(books, ev.NodePaymentAllocated(NODE, BaseUnits(1)))


def test_a_role_is_granted_once() -> None:
    books = known()
    books.record((ev.RoleGranted(ROLE, OWNER, OWNER),), 2)
    with pytest.raises(BrokenHistory, match="already held"):
        require_possible(books, ev.RoleGranted(ROLE, OWNER, OWNER))
