"""Where the books lie.

Given the artifact
    It should place every word where tools that read raw storage look for it
Given books with something in every field
    It should hold the fields at their bits, from high to low, and the free bits zero
"""

from __future__ import annotations

from typing import Any, cast

from eth_utils.crypto import keccak

from tests.contracts import layout
from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    BALANCE,
    NODE,
    OTHER_BALANCE,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    PAYEE,
    SESSION,
    SESSION_CONTRACT,
    Books,
    artifact,
)
from tests.evm.backend import GENESIS_TIME

LAYOUT = {
    "access_control.hasRole": (0, "HashMap[bytes32, HashMap[address, bool]]"),
    "access_control.getRoleAdmin": (1, "HashMap[bytes32, bytes32]"),
    "node_ledger.accounts": (layout.NODE_ACCOUNTS, "HashMap[uint256, uint256]"),
    "node_ledger.payees": (layout.NODE_PAYEES, "HashMap[address, address]"),
    "session_ledger.accounts": (layout.SESSION_ACCOUNTS, "HashMap[uint256, uint256]"),
    "session_ledger.titles": (layout.SESSION_TITLES, "HashMap[uint256, uint256]"),
    "treasury.word": (layout.TREASURY, "uint256"),
}


def test_layout_is_frozen() -> None:
    frozen = cast("dict[str, Any]", artifact())
    found = {
        f"{module}.{name}": (place["slot"], place["type"])
        for module, names in frozen["storageLayout"].items()
        for name, place in names.items()
    }
    assert found == LAYOUT
    lock = frozen["transientStorageLayout"]
    assert lock == {"$.nonreentrant_key": {"n_slots": 1, "slot": 0, "type": "nonreentrant lock"}}


def test_words_are_full() -> None:
    for fields in (layout.SESSION_ACCOUNT, layout.SESSION_TITLE, layout.NODE_ACCOUNT, layout.TREASURY_WORD):
        assert sum(fields.values()) == 256


def test_session_account(books: Books) -> None:
    books.backend.advance(5)
    books.collect(300)
    word = (BALANCE - 300) << 160 | 300 << 64 | (GENESIS_TIME + 5) << 24
    assert books.stored(layout.SESSION_ACCOUNTS, SESSION) == word
    assert books.stored(layout.SESSION_ACCOUNTS, OTHER_SESSION) == OTHER_BALANCE << 160


def test_session_title(delayed: Books) -> None:
    delayed.backend.advance(5)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    word = int(OWNER, 16) << 96 | GENESIS_TIME << 56 | (GENESIS_TIME + 5) << 16
    assert delayed.stored(layout.SESSION_TITLES, SESSION) == word
    delayed.contract.transferSession(SESSION, OUTSIDER, sender=OWNER)
    assert delayed.stored(layout.SESSION_TITLES, SESSION) == int(OUTSIDER, 16) << 96 | GENESIS_TIME << 56


def test_node_account_and_payee(books: Books) -> None:
    books.earn(NODE, 300)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    books.backend.advance(5)
    books.earn(NODE, 20)
    books.contract.setNodePayee(NODE, PAYEE, sender=NODE)
    word = 20 << 160 | 320 << 64 | (GENESIS_TIME + 5) << 24
    assert books.stored(layout.NODE_ACCOUNTS, NODE) == word
    assert books.stored(layout.NODE_PAYEES, NODE) == int(PAYEE, 16)


def test_treasury(books: Books) -> None:
    books.collect(300)
    books.contract.payFromSessionsToNetwork(0, [], sender=SESSION_CONTRACT)
    books.pause(7)
    word = 300 << 160 | (BALANCE + OTHER_BALANCE) << 64 | 1 << 32 | (GENESIS_TIME + 7)
    assert books.backend.storage(books.address, layout.TREASURY) == word


def test_roles(books: Books) -> None:
    inner = keccak(bytes(32) + ADMIN_ROLE)
    for account, held in ((ADMIN, 1), (SESSION_CONTRACT, 0)):
        slot = int.from_bytes(keccak(inner + bytes(12) + bytes.fromhex(account[2:])), "big")
        assert books.backend.storage(books.address, slot) == held
