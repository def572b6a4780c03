"""`requestSessionWithdrawal`.

Given books with a delay
    When the owner of a session asks
        It should store the time and log when the money is available
    When a request is waiting or usable
        It should revert
    When the last request has lapsed, was used up or cancelled
        It should start a new one
    When the session is unknown
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

NAME = "requestSessionWithdrawal"


def test_starts_the_delay(delayed: Books) -> None:
    account = delayed.contract.getAccount(SESSION)
    delayed.backend.advance(5)
    receipt = delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    available = delayed.now + DELAY
    assert receipt.events == [event("SessionWithdrawalRequested", sessionId=SESSION, availableAt=available)]
    assert delayed.contract.getAccount(SESSION) == account._replace(withdrawalRequestedAt=delayed.now)


@pytest.mark.parametrize("passed", [0, 1, DELAY - 1, DELAY, DELAY + WINDOW - 1])
def test_request_is_open(delayed: Books, passed: int) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(passed)
    assert_refused(delayed, "session: request is open", NAME, SESSION, sender=OWNER)


@pytest.mark.parametrize("passed", [DELAY + WINDOW, DELAY + WINDOW + 1, 2 * (DELAY + WINDOW)])
def test_replaces_a_lapsed_request(delayed: Books, passed: int) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(passed)
    receipt = delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    assert receipt.events[0].args["availableAt"] == delayed.now + DELAY
    account = delayed.contract.getAccount(SESSION)
    assert (account.withdrawalRequestedAt, account.owner) == (delayed.now, OWNER)


def test_again_after_a_withdrawal(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY)
    delayed.contract.withdrawFromSession(SESSION, 1, sender=OWNER)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == delayed.now


def test_again_after_a_cancellation(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.contract.cancelSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(1)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == delayed.now


def test_of_an_empty_session(delayed: Books) -> None:
    delayed.collect(delayed.contract.sessionBalances(SESSION))
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == delayed.now


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 2**160])
def test_session_is_not_registered(delayed: Books, session_id: int) -> None:
    assert_refused(delayed, "session: not registered", NAME, session_id, sender=OWNER)


def test_books_without_a_delay(books: Books) -> None:
    assert_refused(books, "session: has no delay", NAME, SESSION, sender=OWNER)


def test_works_while_paused(delayed: Books) -> None:
    delayed.pause()
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)


def test_only_the_owner(delayed: Books) -> None:
    assert_only(delayed, OWNER, NAME, SESSION, reason="session: not the owner")
