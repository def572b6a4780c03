"""`deleteNodeLastUsedTimestamp`.

Given the session contract
    When it deletes the time of an active node
        It should set it to zero, leave the money alone and log it
    When the node is not active
        It should change nothing, and log it all the same
    When the contract is paused
        It should work
Given anyone else
    It should revert
"""

from __future__ import annotations

from tests.contracts import layout
from tests.contracts.books import LIMIT, NODE, SESSION_CONTRACT, Books, assert_only, event, picture
from tests.evm.backend import ZERO_ADDRESS

NAME = "deleteNodeLastUsedTimestamp"


def test_deletes(books: Books) -> None:
    full = {"pending": LIMIT - 1, "earned": LIMIT - 1}
    books.store(layout.NODE_ACCOUNTS, NODE, layout.pack(layout.NODE_ACCOUNT, **full, lastUsedAt=2**40 - 1))
    receipt = books.contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    assert receipt.events == [event("NodeTimestampDeleted", node=NODE)]
    assert books.contract.nodeLastUsedTimestamps(NODE) == 0
    assert books.stored(layout.NODE_ACCOUNTS, NODE) == layout.pack(layout.NODE_ACCOUNT, **full)


def test_inactive_node(books: Books) -> None:
    for node in (NODE, ZERO_ADDRESS, books.address):
        before = picture(books)
        receipt = books.contract.deleteNodeLastUsedTimestamp(node, sender=SESSION_CONTRACT)
        assert receipt.events == [event("NodeTimestampDeleted", node=node)]
        assert picture(books) == before


def test_active_again(books: Books) -> None:
    books.mark(NODE)
    books.contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    books.earn(NODE, 5)
    assert books.contract.nodePendingPayments(NODE) == 5


def test_works_while_paused(books: Books) -> None:
    books.mark(NODE)
    books.pause()
    books.contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)


def test_only_the_session_contract(books: Books) -> None:
    assert_only(books, SESSION_CONTRACT, NAME, NODE)
