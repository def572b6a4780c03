"""`transferSession`.

Given a session
    When its owner names a new one
        It should change the owner, keep money and registration, and log both owners
    When a request is running
        It should clear it
    When the new owner is zero or the contract, or the session unknown
        It should revert with the reason
    When the contract is paused
        It should work
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    DELAY,
    OTHER_OWNER,
    OUTSIDER,
    OWNER,
    SESSION,
    UNKNOWN_SESSION,
    Books,
    assert_only,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS

NAME = "transferSession"


@pytest.mark.parametrize("new_owner", [OUTSIDER, OTHER_OWNER, OWNER])
def test_changes_the_owner(books: Books, new_owner: str) -> None:
    books.collect(100)
    books.backend.advance(5)
    account = books.contract.getAccount(SESSION)
    receipt = books.contract.transferSession(SESSION, new_owner, sender=OWNER)
    assert receipt.events == [
        event("SessionTransferred", sessionId=SESSION, previousOwner=OWNER, newOwner=new_owner)
    ]
    assert books.contract.getAccount(SESSION) == account._replace(owner=new_owner)
    assert books.contract.sessions(SESSION) == new_owner


def test_clears_a_request(delayed: Books) -> None:
    account = delayed.contract.getAccount(SESSION)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY)
    delayed.contract.transferSession(SESSION, OUTSIDER, sender=OWNER)
    assert delayed.contract.getAccount(SESSION) == account._replace(owner=OUTSIDER)
    assert_refused(delayed, "session: no request", "withdrawFromSession", SESSION, sender=OUTSIDER)


def test_to_oneself_clears_a_request(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.contract.transferSession(SESSION, OWNER, sender=OWNER)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == 0


def test_new_owner_is_zero(books: Books) -> None:
    assert_refused(books, "session: owner not allowed", NAME, SESSION, ZERO_ADDRESS, sender=OWNER)


def test_new_owner_is_the_contract(books: Books) -> None:
    assert_refused(books, "session: owner not allowed", NAME, SESSION, books.address, sender=OWNER)


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 2**160])
def test_session_is_not_registered(books: Books, session_id: int) -> None:
    assert_refused(books, "session: not registered", NAME, session_id, OUTSIDER, sender=OWNER)


def test_works_while_paused(books: Books) -> None:
    books.pause()
    books.contract.transferSession(SESSION, OUTSIDER, sender=OWNER)


def test_former_owner(books: Books) -> None:
    books.contract.transferSession(SESSION, OUTSIDER, sender=OWNER)
    assert_refused(books, "session: not the owner", NAME, SESSION, OWNER, sender=OWNER)


def test_only_the_owner(books: Books) -> None:
    assert_only(books, OWNER, NAME, SESSION, OUTSIDER, reason="session: not the owner")
