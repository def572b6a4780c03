"""`withdrawFromSession`.

Given books without a delay
    When the owner withdraws the whole balance, by either overload, or a part of it
        It should pay that much, lower the liabilities and log it, and leave usage alone
    When the amount is zero or above the balance, nothing is there, or the session is unknown
        It should revert with the reason
    When the contract is paused
        It should work
Given books with a delay
    When the owner withdraws from the end of the delay until seven days later
        It should pay, and use the request up, whether whole or part
    When there is no request, it waits or it has lapsed
        It should revert with the reason
    When the network charges during the delay
        It should pay what is left
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    BALANCE,
    DELAY,
    LIMIT,
    OTHER_OWNER,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    SESSION,
    UNKNOWN_SESSION,
    WHOLE,
    WINDOW,
    Books,
    assert_only,
    assert_refused,
    event,
)

NAME = "withdrawFromSession"


@pytest.mark.parametrize("data", [f"c300d151{SESSION:064x}", f"4b1b0a0f{SESSION:064x}{BALANCE:064x}"])
def test_selectors(books: Books, data: str) -> None:
    receipt = books.contract.send(bytes.fromhex(data), sender=OWNER)
    assert receipt.events == [event("WithdrawFromSession", sessionId=SESSION, amount=BALANCE)]


@pytest.mark.parametrize("amounts", [(), (WHOLE,), (BALANCE,)], ids=["default", "maximum", "exact"])
def test_withdraws_the_whole_balance(books: Books, amounts: tuple[int, ...]) -> None:
    books.collect(100)
    account, held, owed = books.contract.getAccount(SESSION), books.held(), books.contract.liabilities()
    wealth = books.holding(OWNER)
    exact = tuple(BALANCE - 100 if amount == BALANCE else amount for amount in amounts)
    receipt = books.contract.withdrawFromSession(SESSION, *exact, sender=OWNER)
    assert receipt.events == [event("WithdrawFromSession", sessionId=SESSION, amount=BALANCE - 100)]
    assert books.contract.getAccount(SESSION) == account._replace(balance=0)
    assert books.holding(OWNER) == wealth + BALANCE - 100
    assert (books.held(), books.contract.liabilities()) == (held - BALANCE + 100, owed - BALANCE + 100)
    assert books.contract.totalNetworkBalance() == 100


@pytest.mark.parametrize("amount", [1, BALANCE - 1])
def test_withdraws_a_part(books: Books, amount: int) -> None:
    wealth, owed = books.holding(OWNER), books.contract.liabilities()
    receipt = books.contract.withdrawFromSession(SESSION, amount, sender=OWNER)
    assert receipt.events == [event("WithdrawFromSession", sessionId=SESSION, amount=amount)]
    assert books.contract.sessionBalances(SESSION) == BALANCE - amount
    assert books.holding(OWNER) == wealth + amount
    assert books.contract.liabilities() == owed - amount


def test_largest_amount(books: Books) -> None:
    books.give(OWNER, LIMIT)
    books.deposit(SESSION, LIMIT - 1 - books.contract.liabilities())
    balance = books.contract.sessionBalances(SESSION)
    books.contract.withdrawFromSession(SESSION, balance, sender=OWNER)
    assert books.held() == books.contract.liabilities() == books.contract.sessionBalances(OTHER_SESSION)


def test_largest_id(books: Books) -> None:
    books.contract.withdrawFromSession(OTHER_SESSION, sender=OTHER_OWNER)
    assert books.contract.sessionBalances(OTHER_SESSION) == 0


def test_amount_is_zero(books: Books) -> None:
    assert_refused(books, "session: amount is zero", NAME, SESSION, 0, sender=OWNER)


@pytest.mark.parametrize("amount", [BALANCE + 1, LIMIT, WHOLE - 1])
def test_amount_above_the_balance(books: Books, amount: int) -> None:
    assert_refused(books, "session: balance too low", NAME, SESSION, amount, sender=OWNER)


@pytest.mark.parametrize("amounts", [(), (WHOLE,), (1,), (0,)])
def test_nothing_to_withdraw(books: Books, amounts: tuple[int, ...]) -> None:
    books.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert_refused(books, "session: nothing to withdraw", NAME, SESSION, *amounts, sender=OWNER)


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 2**160])
def test_session_is_not_registered(books: Books, session_id: int) -> None:
    assert_refused(books, "session: not registered", NAME, session_id, sender=OWNER)
    assert_refused(books, "session: not registered", NAME, session_id, 1, sender=OWNER)


def test_works_while_paused(books: Books, delayed: Books) -> None:
    books.pause()
    books.contract.withdrawFromSession(SESSION, sender=OWNER)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY - 1)
    delayed.pause()
    delayed.backend.advance(1)
    delayed.contract.withdrawFromSession(SESSION, sender=OWNER)


@pytest.mark.parametrize("amounts", [(), (1,), (BALANCE,)])
def test_no_request(delayed: Books, amounts: tuple[int, ...]) -> None:
    assert_refused(delayed, "session: no request", NAME, SESSION, *amounts, sender=OWNER)


@pytest.mark.parametrize("passed", [0, DELAY - 1])
def test_delay_is_not_over(delayed: Books, passed: int) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(passed)
    assert_refused(delayed, "session: delay not over", NAME, SESSION, sender=OWNER)


@pytest.mark.parametrize("amount", [1, BALANCE])
@pytest.mark.parametrize("passed", [DELAY, DELAY + WINDOW - 1])
def test_inside_the_window(delayed: Books, passed: int, amount: int) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(passed)
    account = delayed.contract.getAccount(SESSION)
    receipt = delayed.contract.withdrawFromSession(SESSION, amount, sender=OWNER)
    assert receipt.events == [event("WithdrawFromSession", sessionId=SESSION, amount=amount)]
    left = account._replace(balance=BALANCE - amount, withdrawalRequestedAt=0)
    assert delayed.contract.getAccount(SESSION) == left
    assert_refused(delayed, "session: no request", NAME, SESSION, sender=OWNER)


@pytest.mark.parametrize("passed", [DELAY + WINDOW, 10 * WINDOW])
def test_request_lapsed(delayed: Books, passed: int) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(passed)
    assert_refused(delayed, "session: request lapsed", NAME, SESSION, sender=OWNER)


def test_refused_withdrawal_keeps_the_request(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY)
    assert_refused(delayed, "session: balance too low", NAME, SESSION, BALANCE + 1, sender=OWNER)
    delayed.contract.withdrawFromSession(SESSION, sender=OWNER)


def test_charges_go_on_during_the_delay(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY - 1)
    delayed.collect(400)
    delayed.backend.advance(1)
    delayed.collect(100)
    receipt = delayed.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert receipt.events[0].args["amount"] == BALANCE - 500


def test_deposit_during_the_delay_comes_along(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY)
    delayed.deposit(SESSION, 50, sender=OTHER_OWNER)
    receipt = delayed.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert receipt.events[0].args["amount"] == BALANCE + 50


def test_former_owner(books: Books) -> None:
    books.contract.transferSession(SESSION, OUTSIDER, sender=OWNER)
    assert_refused(books, "session: not the owner", NAME, SESSION, sender=OWNER)
    books.contract.withdrawFromSession(SESSION, sender=OUTSIDER)


def test_only_the_owner(books: Books) -> None:
    assert_only(books, OWNER, NAME, SESSION, reason="session: not the owner")
    assert_only(books, OWNER, NAME, SESSION, 1, reason="session: not the owner")
