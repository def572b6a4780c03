"""What never changes.

`ASSET`, `WITHDRAWAL_DELAY`, `ADMIN_ROLE`, `SESSION_CONTRACT_ROLE`, `DEFAULT_ADMIN_ROLE`.

Given a deployment
    It should read its asset and its delay
    It should read the hashes of the roles' names, and zero for the default one
"""

from __future__ import annotations

from eth_utils.crypto import keccak

from tests.contracts.books import DELAY, Books


def test_asset(books: Books, delayed: Books) -> None:
    assert books.contract.ASSET() == books.asset
    assert delayed.contract.ASSET() == delayed.asset


def test_withdrawal_delay(books: Books, delayed: Books) -> None:
    assert books.contract.WITHDRAWAL_DELAY() == 0
    assert delayed.contract.WITHDRAWAL_DELAY() == DELAY


def test_roles(books: Books) -> None:
    assert books.contract.DEFAULT_ADMIN_ROLE() == bytes(32)
    assert books.contract.ADMIN_ROLE() == keccak(text="ADMIN_ROLE")
    assert books.contract.SESSION_CONTRACT_ROLE() == keccak(text="SESSION_CONTRACT_ROLE")
