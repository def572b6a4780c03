"""`withdrawNodePayment`.

Given a node with pending money
    When anyone asks
        It should pay all of it to the node, or to its payee, lower the liabilities and log it
        It should leave earnings and activity as they were
    When the node is not active any more, or the contract is paused
        It should pay all the same
Given a node with nothing pending
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    ADMIN,
    LIMIT,
    NODE,
    OTHER_NODE,
    OTHER_OWNER,
    OUTSIDER,
    PAYEE,
    SESSION_CONTRACT,
    Books,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS

NAME = "withdrawNodePayment"


@pytest.mark.parametrize("sender", [NODE, PAYEE, OUTSIDER, ADMIN, SESSION_CONTRACT])
@pytest.mark.parametrize("payee", [NODE, PAYEE])
def test_pays_everything_pending(books: Books, payee: str, sender: str) -> None:
    books.earn(NODE, 300)
    if payee != NODE:
        books.contract.setNodePayee(NODE, payee, sender=NODE)
    held, owed, wealth = books.held(), books.contract.liabilities(), books.holding(payee)
    marked = books.contract.nodeLastUsedTimestamps(NODE)
    books.backend.advance(5)
    receipt = books.contract.withdrawNodePayment(NODE, sender=sender)
    assert receipt.events == [event("NodePaymentWithdrawn", node=NODE, amount=300)]
    assert books.holding(payee) == wealth + 300
    assert (books.held(), books.contract.liabilities()) == (held - 300, owed - 300)
    assert books.contract.nodePendingPayments(NODE) == 0
    assert books.contract.nodeEarnings(NODE) == 300
    assert books.contract.nodeLastUsedTimestamps(NODE) == marked


def test_other_nodes_are_untouched(books: Books) -> None:
    books.earn(NODE, 300)
    books.earn(OTHER_NODE, 200)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert books.contract.nodePendingPayments(OTHER_NODE) == 200


def test_largest_amount(books: Books) -> None:
    books.give(OTHER_OWNER, LIMIT)
    room = LIMIT - 1 - books.contract.liabilities()
    books.deposit(2**160 - 1, room, sender=OTHER_OWNER)
    balance = books.contract.sessionBalances(2**160 - 1)
    books.collect(balance, session_id=2**160 - 1)
    books.mark(NODE)
    books.contract.allocateNodePayments([NODE], balance, sender=SESSION_CONTRACT)
    receipt = books.contract.withdrawNodePayment(NODE, sender=NODE)
    assert receipt.events == [event("NodePaymentWithdrawn", node=NODE, amount=balance)]
    assert books.held() == books.contract.liabilities()


def test_node_that_is_not_active_any_more(books: Books) -> None:
    books.earn(NODE, 300)
    books.contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    books.contract.withdrawNodePayment(NODE, sender=NODE)
    assert books.stored(layout.NODE_ACCOUNTS, NODE) == layout.pack(layout.NODE_ACCOUNT, earned=300)


def test_works_while_paused(books: Books) -> None:
    books.earn(NODE, 300)
    books.pause()
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)


def test_nothing_pending(books: Books) -> None:
    for node in (NODE, ZERO_ADDRESS, books.address):
        assert_refused(books, "node: nothing to pay", NAME, node, sender=node)


def test_paid_already(books: Books) -> None:
    books.earn(NODE, 300)
    books.contract.withdrawNodePayment(NODE, sender=NODE)
    assert_refused(books, "node: nothing to pay", NAME, NODE, sender=NODE)


def test_payee_earns_nothing_itself(books: Books) -> None:
    books.earn(NODE, 300)
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    assert_refused(books, "node: nothing to pay", NAME, PAYEE, sender=PAYEE)
