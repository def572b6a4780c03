"""`setNodePayee`.

Given a node without a payee
    When the node names one, active or not
        It should store it and log it
Given a node with a payee
    When the payee names another, or the node itself
        It should store it and log it
    When the node tries
        It should revert
When the payee is zero or the contract
    It should revert
When the contract is paused
    It should work
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    NODE,
    OTHER_NODE,
    OUTSIDER,
    PAYEE,
    Books,
    assert_only,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS

NAME = "setNodePayee"
STRANGER = "node: caller is not the payee"


@pytest.mark.parametrize("payee", [PAYEE, OTHER_NODE, NODE])
@pytest.mark.parametrize("active", [False, True])
def test_node_names_its_payee(books: Books, payee: str, active: bool) -> None:
    if active:
        books.earn(NODE, 5)
    receipt = books.contract.setNodePayee(NODE, payee, sender=NODE)
    assert receipt.events == [event("NodePayeeSet", node=NODE, payee=payee)]
    assert books.contract.nodePayees(NODE) == payee
    assert books.contract.nodePendingPayments(NODE) == (5 if active else 0)


@pytest.mark.parametrize("next_payee", [OUTSIDER, NODE, PAYEE])
def test_payee_names_the_next(books: Books, next_payee: str) -> None:
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    receipt = books.contract.setNodePayee(NODE, next_payee, sender=PAYEE)
    assert receipt.events == [event("NodePayeeSet", node=NODE, payee=next_payee)]
    assert books.contract.nodePayees(NODE) == next_payee


def test_node_cannot_take_it_back(books: Books) -> None:
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    assert_refused(books, STRANGER, NAME, NODE, NODE, sender=NODE)


def test_former_payee(books: Books) -> None:
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    books.contract.setNodePayee(NODE, OTHER_NODE, sender=PAYEE)
    assert_refused(books, STRANGER, NAME, NODE, PAYEE, sender=PAYEE)


def test_payee_is_zero(books: Books) -> None:
    assert_refused(books, "node: payee not allowed", NAME, NODE, ZERO_ADDRESS, sender=NODE)


def test_payee_is_the_contract(books: Books) -> None:
    assert_refused(books, "node: payee not allowed", NAME, NODE, books.address, sender=NODE)


def test_works_while_paused(books: Books) -> None:
    books.pause()
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)


def test_only_the_node(books: Books) -> None:
    assert_only(books, NODE, NAME, NODE, OUTSIDER, reason=STRANGER)


def test_only_the_payee(books: Books) -> None:
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    assert_only(books, PAYEE, NAME, NODE, OUTSIDER, reason=STRANGER)
