"""`updateNodeLastUsedTimestamps`.

Given the session contract
    When it marks nodes, some twice
        It should store the block's time for each, leave the money alone, and log one event with the list
    When the list is empty
        It should log the empty list
    When one of them is zero or the contract
        It should revert for all
    When there are 512
        It should work, and with one more revert without data
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
    ROWS_MAX,
    SESSION_CONTRACT,
    Books,
    assert_only,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS

NAME = "updateNodeLastUsedTimestamps"


@pytest.mark.parametrize("nodes", [[NODE], [NODE, OTHER_NODE], [NODE, OTHER_NODE, NODE]])
def test_marks(books: Books, nodes: list[str]) -> None:
    books.earn(NODE, 5)
    books.backend.advance(5)
    receipt = books.contract.updateNodeLastUsedTimestamps(nodes, sender=SESSION_CONTRACT)
    assert receipt.events == [event("NodeTimestampsUpdated", nodes=tuple(nodes))]
    assert {books.contract.nodeLastUsedTimestamps(node) for node in nodes} == {books.now}
    assert (books.contract.nodePendingPayments(NODE), books.contract.nodeEarnings(NODE)) == (5, 5)
    assert books.contract.settlementSequence() == 0


def test_empty_list(books: Books) -> None:
    receipt = books.contract.updateNodeLastUsedTimestamps([], sender=SESSION_CONTRACT)
    assert receipt.events == [event("NodeTimestampsUpdated", nodes=())]


def test_one_node_is_zero(books: Books) -> None:
    nodes = [NODE, ZERO_ADDRESS]
    assert_refused(books, "node: address not allowed", NAME, nodes, sender=SESSION_CONTRACT)


def test_one_node_is_the_contract(books: Books) -> None:
    nodes = [NODE, books.address, OTHER_NODE]
    assert_refused(books, "node: address not allowed", NAME, nodes, sender=SESSION_CONTRACT)


def test_512_nodes(books: Books) -> None:
    receipt = books.contract.updateNodeLastUsedTimestamps([NODE] * ROWS_MAX, sender=SESSION_CONTRACT)
    assert receipt.events == [event("NodeTimestampsUpdated", nodes=(NODE,) * ROWS_MAX)]


def test_513_nodes(books: Books) -> None:
    assert_refused(books, "", NAME, [NODE] * (ROWS_MAX + 1), sender=SESSION_CONTRACT)


def test_works_while_paused(books: Books) -> None:
    books.pause()
    books.mark(NODE)


def test_only_the_session_contract(books: Books) -> None:
    assert_only(books, SESSION_CONTRACT, NAME, [NODE])
    assert_only(books, SESSION_CONTRACT, NAME, [])
