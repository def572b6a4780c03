"""`updateNodeLastUsedTimestamp`.

Given the session contract
    When it marks a node, for the first time or again
        It should store the block's time, leave the money alone and log it
    When the node is zero or the contract
        It should revert
    When the contract is paused
        It should work
Given anyone else
    It should revert
"""

from __future__ import annotations

from tests.contracts import layout
from tests.contracts.books import (
    LIMIT,
    NODE,
    SESSION_CONTRACT,
    Books,
    assert_only,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS

NAME = "updateNodeLastUsedTimestamp"


def test_marks(books: Books) -> None:
    for _ in range(2):
        books.backend.advance(5)
        receipt = books.contract.updateNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
        assert receipt.events == [event("NodeTimestampUpdated", node=NODE)]
        assert books.contract.nodeLastUsedTimestamps(NODE) == books.now


def test_leaves_the_money_alone(books: Books) -> None:
    full = {"pending": LIMIT - 1, "earned": LIMIT - 1}
    books.store(layout.NODE_ACCOUNTS, NODE, layout.pack(layout.NODE_ACCOUNT, **full, lastUsedAt=2**40 - 1))
    books.contract.updateNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    expected = layout.pack(layout.NODE_ACCOUNT, **full, lastUsedAt=books.now)
    assert books.stored(layout.NODE_ACCOUNTS, NODE) == expected


def test_node_is_zero(books: Books) -> None:
    assert_refused(books, "node: address not allowed", NAME, ZERO_ADDRESS, sender=SESSION_CONTRACT)


def test_node_is_the_contract(books: Books) -> None:
    assert_refused(books, "node: address not allowed", NAME, books.address, sender=SESSION_CONTRACT)


def test_works_while_paused(books: Books) -> None:
    books.pause()
    books.contract.updateNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)


def test_only_the_session_contract(books: Books) -> None:
    assert_only(books, SESSION_CONTRACT, NAME, NODE)
