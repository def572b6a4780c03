"""`payFromSessionToNetwork`.

Given a session with money
    When the session contract charges at least one unit and at most all of it
        It should move that much to the treasury, add it to the usage, set the time and log it
        It should leave liabilities and the real balance as they were
    When the amount is zero or above the balance, the session unknown, or the contract paused
        It should revert with the reason
    When the session has a withdrawal request
        It should charge all the same, and leave the request alone
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    BALANCE,
    DAY,
    LIMIT,
    OTHER_BALANCE,
    OTHER_SESSION,
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

NAME = "payFromSessionToNetwork"


@pytest.mark.parametrize("amount", [1, BALANCE - 1, BALANCE])
def test_charges(books: Books, amount: int) -> None:
    account, held, owed = books.contract.getAccount(SESSION), books.held(), books.contract.liabilities()
    books.backend.advance(5)
    receipt = books.contract.payFromSessionToNetwork(SESSION, amount, sender=SESSION_CONTRACT)
    assert receipt.events == [event("PaymentToNetwork", sessionId=SESSION, amount=amount)]
    assert books.contract.getAccount(SESSION) == account._replace(
        balance=BALANCE - amount, paymentAmount=amount, lastPaymentAt=books.now
    )
    assert books.contract.totalNetworkBalance() == amount
    assert (books.held(), books.contract.liabilities()) == (held, owed)


def test_charges_add_up(books: Books) -> None:
    for amount in (1, 2, 300):
        books.backend.advance(1)
        books.collect(amount)
    books.collect(OTHER_BALANCE, session_id=OTHER_SESSION)
    account = books.contract.getAccount(SESSION)
    assert (account.balance, account.paymentAmount, account.lastPaymentAt) == (BALANCE - 303, 303, books.now)
    assert books.contract.totalNetworkBalance() == 303 + OTHER_BALANCE
    assert books.contract.sessionNetworkUsage(OTHER_SESSION) == OTHER_BALANCE


def test_each_charge_replaces_the_time_of_the_one_before(books: Books) -> None:
    for _ in range(4):
        books.backend.advance(1)
        books.collect(1)
        assert books.contract.getAccount(SESSION).lastPaymentAt == books.now


def test_largest_amount(books: Books) -> None:
    books.give(OWNER, LIMIT)
    books.deposit(SESSION, LIMIT - 1 - books.contract.liabilities())
    books.collect(books.contract.sessionBalances(SESSION))
    books.collect(OTHER_BALANCE, session_id=OTHER_SESSION)
    assert books.contract.totalNetworkBalance() == books.contract.liabilities() == LIMIT - 1
    assert books.contract.sessionNetworkUsage(SESSION) == LIMIT - 1 - OTHER_BALANCE


def test_amount_is_zero(books: Books) -> None:
    assert_refused(books, "session: amount is zero", NAME, SESSION, 0, sender=SESSION_CONTRACT)
    assert_refused(books, "session: amount is zero", NAME, UNKNOWN_SESSION, 0, sender=SESSION_CONTRACT)


@pytest.mark.parametrize("amount", [BALANCE + 1, LIMIT - 1, LIMIT, LIMIT + 1, 2**160, WHOLE])
def test_amount_above_the_balance(books: Books, amount: int) -> None:
    assert_refused(books, "session: balance too low", NAME, SESSION, amount, sender=SESSION_CONTRACT)


def test_nothing_there(books: Books) -> None:
    books.collect(BALANCE)
    assert_refused(books, "session: balance too low", NAME, SESSION, 1, sender=SESSION_CONTRACT)


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 0, 2**160, 2**160 + SESSION, WHOLE])
def test_session_is_not_registered(books: Books, session_id: int) -> None:
    assert_refused(books, "session: not registered", NAME, session_id, 1, sender=SESSION_CONTRACT)


def test_paused_until_the_end_of_the_pause(books: Books) -> None:
    books.pause(DAY)
    books.backend.advance(DAY - 1)
    assert_refused(books, "pause: contract is paused", NAME, SESSION, 1, sender=SESSION_CONTRACT)
    books.backend.advance(1)
    books.collect(1)


def test_leaves_a_request_alone(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    requested = delayed.now
    delayed.backend.advance(5)
    delayed.collect(1)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == requested


def test_only_the_session_contract(books: Books) -> None:
    assert_only(books, SESSION_CONTRACT, NAME, SESSION, 1)
