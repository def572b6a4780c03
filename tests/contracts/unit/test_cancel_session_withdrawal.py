"""`cancelSessionWithdrawal`.

Given books with a delay
    When the owner cancels a request, whether it waits, is usable or has lapsed
        It should remove it, change nothing else and log it
    When none is stored, or the session is unknown
        It should revert
    When the contract is paused
        It should work
Given books without a delay
    It should revert
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    DELAY,
    OWNER,
    SESSION,
    UNKNOWN_SESSION,
    WINDOW,
    Books,
    assert_only,
    assert_refused,
    event,
)

NAME = "cancelSessionWithdrawal"


@pytest.mark.parametrize("passed", [0, DELAY, DELAY + WINDOW, 10 * (DELAY + WINDOW)])
def test_removes_the_request(delayed: Books, passed: int) -> None:
    account = delayed.contract.getAccount(SESSION)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(passed)
    receipt = delayed.contract.cancelSessionWithdrawal(SESSION, sender=OWNER)
    assert receipt.events == [event("SessionWithdrawalCancelled", sessionId=SESSION)]
    assert delayed.contract.getAccount(SESSION) == account


def test_no_request(delayed: Books) -> None:
    assert_refused(delayed, "session: no request", NAME, SESSION, sender=OWNER)


def test_cancelled_already(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.contract.cancelSessionWithdrawal(SESSION, sender=OWNER)
    assert_refused(delayed, "session: no request", NAME, SESSION, sender=OWNER)


def test_used_up_already(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY)
    delayed.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert_refused(delayed, "session: no request", NAME, SESSION, sender=OWNER)


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 2**160])
def test_session_is_not_registered(delayed: Books, session_id: int) -> None:
    assert_refused(delayed, "session: not registered", NAME, session_id, sender=OWNER)


def test_books_without_a_delay(books: Books) -> None:
    assert_refused(books, "session: has no delay", NAME, SESSION, sender=OWNER)


def test_works_while_paused(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.pause()
    delayed.contract.cancelSessionWithdrawal(SESSION, sender=OWNER)


def test_only_the_owner(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    assert_only(delayed, OWNER, NAME, SESSION, reason="session: not the owner")
