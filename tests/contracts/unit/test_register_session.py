"""`registerSession`.

Given the session contract
    When it registers a new id below 2**160
        It should record owner and time, with no money, and log it
    When the id is too large or taken, the owner zero or the contract, or the contract paused
        It should revert with the reason
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    DAY,
    OTHER_OWNER,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    UNKNOWN_SESSION,
    WHOLE,
    Books,
    assert_only,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS


@pytest.mark.parametrize("session_id", [0, 1, UNKNOWN_SESSION, 2**96, 2**160 - 2])
def test_registers(books: Books, session_id: int) -> None:
    owed = books.contract.liabilities()
    books.backend.advance(5)
    receipt = books.contract.registerSession(session_id, OUTSIDER, sender=SESSION_CONTRACT)
    assert receipt.events == [event("SessionRegistered", sessionId=session_id, owner=OUTSIDER)]
    account = books.contract.getAccount(session_id)
    assert tuple(account) == (session_id, OUTSIDER, 0, 0, books.now, 0, 0)
    assert books.contract.sessions(session_id) == OUTSIDER
    assert books.contract.liabilities() == owed


def test_one_owner_may_have_several(books: Books) -> None:
    books.contract.registerSession(UNKNOWN_SESSION, OWNER, sender=SESSION_CONTRACT)
    assert books.contract.sessions(UNKNOWN_SESSION) == books.contract.sessions(SESSION) == OWNER


@pytest.mark.parametrize("session_id", [2**160, 2**160 + SESSION, WHOLE])
def test_id_too_large(books: Books, session_id: int) -> None:
    reason = "session: id too large"
    assert_refused(books, reason, "registerSession", session_id, OWNER, sender=SESSION_CONTRACT)


def test_owner_is_zero(books: Books) -> None:
    reason = "session: owner not allowed"
    assert_refused(books, reason, "registerSession", 9, ZERO_ADDRESS, sender=SESSION_CONTRACT)


def test_owner_is_the_contract(books: Books) -> None:
    reason = "session: owner not allowed"
    assert_refused(books, reason, "registerSession", 9, books.address, sender=SESSION_CONTRACT)


@pytest.mark.parametrize("session_id", [SESSION, OTHER_SESSION])
@pytest.mark.parametrize("owner", [OWNER, OTHER_OWNER])
def test_id_is_taken(books: Books, session_id: int, owner: str) -> None:
    reason = "session: already registered"
    assert_refused(books, reason, "registerSession", session_id, owner, sender=SESSION_CONTRACT)


def test_id_stays_taken_when_empty(books: Books) -> None:
    books.contract.withdrawFromSession(SESSION, sender=OWNER)
    books.contract.transferSession(SESSION, OTHER_OWNER, sender=OWNER)
    reason = "session: already registered"
    assert_refused(books, reason, "registerSession", SESSION, OWNER, sender=SESSION_CONTRACT)


def test_paused_until_the_end_of_the_pause(books: Books) -> None:
    books.pause(DAY)
    books.backend.advance(DAY - 1)
    reason = "pause: contract is paused"
    assert_refused(books, reason, "registerSession", 9, OWNER, sender=SESSION_CONTRACT)
    books.backend.advance(1)
    books.contract.registerSession(9, OWNER, sender=SESSION_CONTRACT)


def test_only_the_session_contract(books: Books) -> None:
    assert_only(books, SESSION_CONTRACT, "registerSession", 9, OWNER)
