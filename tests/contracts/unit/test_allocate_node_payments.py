"""`allocateNodePayments`.

Given money in the treasury and active nodes
    When the session contract allocates the same amount to each
        It should credit pending and earnings of every node, take it from the treasury, and log each
    When a node is listed twice
        It should be paid twice
    When one node is not active, or would pass its lifetime limit
        It should revert for all
    When the list is empty, the amount zero, the treasury too low, or the contract paused
        It should revert with the reason
    When there are 512 nodes
        It should work, and with one more revert without data
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    BALANCE,
    DAY,
    LIMIT,
    NODE,
    OTHER_NODE,
    OUTSIDER,
    PAYEE,
    ROWS_MAX,
    SESSION_CONTRACT,
    WHOLE,
    Books,
    assert_only,
    assert_refused,
    event,
)

NAME = "allocateNodePayments"


@pytest.fixture
def funded(books: Books) -> Books:
    """Put 1,000 into the treasury and make two nodes active."""
    books.collect(BALANCE)
    books.mark(NODE, OTHER_NODE)
    return books


def _numbers(books: Books, node: str) -> tuple[int, int, int]:
    contract = books.contract
    return (
        contract.nodePendingPayments(node),
        contract.nodeEarnings(node),
        contract.nodeLastUsedTimestamps(node),
    )


def test_credits_every_node(funded: Books) -> None:
    held, owed, marked = funded.held(), funded.contract.liabilities(), funded.now
    funded.backend.advance(5)
    receipt = funded.contract.allocateNodePayments([NODE, OTHER_NODE], 300, sender=SESSION_CONTRACT)
    assert receipt.events == [
        event("NodePaymentAllocated", node=NODE, amount=300),
        event("NodePaymentAllocated", node=OTHER_NODE, amount=300),
    ]
    assert _numbers(funded, NODE) == _numbers(funded, OTHER_NODE) == (300, 300, marked)
    assert funded.contract.totalNetworkBalance() == BALANCE - 600
    assert (funded.held(), funded.contract.liabilities()) == (held, owed)
    assert funded.contract.settlementSequence() == 0


def test_credits_add_up(funded: Books) -> None:
    funded.contract.allocateNodePayments([NODE], 1, sender=SESSION_CONTRACT)
    funded.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    funded.contract.allocateNodePayments([NODE], 2, sender=SESSION_CONTRACT)
    assert _numbers(funded, NODE)[:2] == (2, 3)


def test_node_listed_twice_is_paid_twice(funded: Books) -> None:
    nodes = [NODE, OTHER_NODE, NODE]
    receipt = funded.contract.allocateNodePayments(nodes, 5, sender=SESSION_CONTRACT)
    assert [one.args["node"] for one in receipt.events] == nodes
    assert (_numbers(funded, NODE)[0], _numbers(funded, OTHER_NODE)[0]) == (10, 5)
    assert funded.contract.totalNetworkBalance() == BALANCE - 15


def test_exactly_the_treasury(funded: Books) -> None:
    funded.contract.allocateNodePayments([NODE, OTHER_NODE], BALANCE // 2, sender=SESSION_CONTRACT)
    assert funded.contract.totalNetworkBalance() == 0


@pytest.mark.parametrize("amount", [BALANCE // 2 + 1, BALANCE, LIMIT, 2**160, 2**255, WHOLE])
def test_treasury_too_low(funded: Books, amount: int) -> None:
    reason = "treasury: balance too low"
    assert_refused(funded, reason, NAME, [NODE, OTHER_NODE], amount, sender=SESSION_CONTRACT)


def test_rounding_does_not_let_one_unit_through(funded: Books) -> None:
    nodes = [NODE, OTHER_NODE, NODE]
    reason = "treasury: balance too low"
    assert_refused(funded, reason, NAME, nodes, BALANCE // 3 + 1, sender=SESSION_CONTRACT)
    funded.contract.allocateNodePayments(nodes, BALANCE // 3, sender=SESSION_CONTRACT)
    assert funded.contract.totalNetworkBalance() == BALANCE % 3


@pytest.mark.parametrize("nodes", [[PAYEE], [NODE, PAYEE], [PAYEE, NODE]])
def test_node_is_not_active(funded: Books, nodes: list[str]) -> None:
    assert_refused(funded, "node: not active", NAME, nodes, 5, sender=SESSION_CONTRACT)


def test_node_is_not_active_any_more(funded: Books) -> None:
    funded.contract.allocateNodePayments([NODE], 5, sender=SESSION_CONTRACT)
    funded.contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    assert_refused(funded, "node: not active", NAME, [NODE], 5, sender=SESSION_CONTRACT)


def test_inactive_at_its_lifetime_limit(funded: Books) -> None:
    funded.store(layout.NODE_ACCOUNTS, NODE, layout.pack(layout.NODE_ACCOUNT, earned=LIMIT - 1))
    assert_refused(funded, "node: not active", NAME, [NODE], 5, sender=SESSION_CONTRACT)


@pytest.mark.parametrize("last_used", [1, 2**40 - 1])
def test_lifetime_limit(funded: Books, last_used: int) -> None:
    word = layout.pack(layout.NODE_ACCOUNT, earned=LIMIT - 10, lastUsedAt=last_used)
    funded.store(layout.NODE_ACCOUNTS, NODE, word)
    assert_refused(funded, "node: lifetime limit", NAME, [NODE], 10, sender=SESSION_CONTRACT)
    assert_refused(funded, "node: lifetime limit", NAME, [NODE, NODE], 5, sender=SESSION_CONTRACT)
    funded.contract.allocateNodePayments([NODE], 9, sender=SESSION_CONTRACT)
    assert _numbers(funded, NODE) == (9, LIMIT - 1, last_used)
    assert_refused(funded, "node: lifetime limit", NAME, [NODE], 1, sender=SESSION_CONTRACT)


def test_empty_list(books: Books, funded: Books) -> None:
    assert_refused(funded, "node: list is empty", NAME, [], 5, sender=SESSION_CONTRACT)
    assert_refused(books, "node: list is empty", NAME, [], WHOLE, sender=SESSION_CONTRACT)


@pytest.mark.parametrize("nodes", [[], [NODE], [PAYEE]])
def test_amount_is_zero(funded: Books, nodes: list[str]) -> None:
    assert_refused(funded, "node: amount is zero", NAME, nodes, 0, sender=SESSION_CONTRACT)


def test_512_nodes(funded: Books) -> None:
    receipt = funded.contract.allocateNodePayments([NODE] * ROWS_MAX, 1, sender=SESSION_CONTRACT)
    assert len(receipt.events) == ROWS_MAX
    assert _numbers(funded, NODE)[0] == ROWS_MAX


def test_513_nodes(funded: Books) -> None:
    assert_refused(funded, "", NAME, [NODE] * (ROWS_MAX + 1), 1, sender=SESSION_CONTRACT)


def test_paused_until_the_end_of_the_pause(funded: Books) -> None:
    funded.pause(DAY)
    funded.backend.advance(DAY - 1)
    assert_refused(funded, "pause: contract is paused", NAME, [NODE], 5, sender=SESSION_CONTRACT)
    funded.backend.advance(1)
    funded.contract.allocateNodePayments([NODE], 5, sender=SESSION_CONTRACT)


def test_only_the_session_contract(funded: Books) -> None:
    assert_only(funded, SESSION_CONTRACT, NAME, [NODE], 1)
