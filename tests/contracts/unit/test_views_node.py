"""The views of nodes.

`nodePendingPayments`, `nodeEarnings`, `nodeLastUsedTimestamps`, `nodePayees`.

Given a node that earned
    It should read what is pending, what it earned in all, when it was used and who is paid
Given an account that never was a node
    It should read zeros
Given words with every bit set
    It should keep the fields apart
Given a pause
    It should still read
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import NODE, OUTSIDER, PAYEE, Books
from tests.evm.backend import ZERO_ADDRESS


def _reads(books: Books, node: str) -> tuple[int, int, int, str]:
    contract = books.contract
    return (
        contract.nodePendingPayments(node),
        contract.nodeEarnings(node),
        contract.nodeLastUsedTimestamps(node),
        contract.nodePayees(node),
    )


def test_node_that_earned(books: Books) -> None:
    books.earn(NODE, 300)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    books.backend.advance(5)
    books.earn(NODE, 20)
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    assert _reads(books, NODE) == (20, 320, books.now, PAYEE)


def test_account_that_is_no_node(books: Books) -> None:
    for account in (OUTSIDER, ZERO_ADDRESS, books.address):
        assert _reads(books, account) == (0, 0, 0, ZERO_ADDRESS)


@pytest.mark.parametrize("field", ["pending", "earned", "lastUsedAt", "free"])
def test_fields_keep_apart(books: Books, field: str) -> None:
    full = (1 << layout.NODE_ACCOUNT[field]) - 1
    books.store(layout.NODE_ACCOUNTS, NODE, layout.pack(layout.NODE_ACCOUNT, **{field: full}))
    seen = dict(zip(("pending", "earned", "lastUsedAt"), _reads(books, NODE)[:3], strict=True))
    assert seen == {name: full if name == field else 0 for name in seen}


def test_works_while_paused(books: Books) -> None:
    books.earn(NODE, 300)
    books.pause()
    assert _reads(books, NODE) == (300, 300, books.now, ZERO_ADDRESS)
