"""`depositToSession`.

Given a registered session
    When anyone deposits
        It should credit the session, raise the liabilities, hold the money and log it
        It should leave owner, usage and every clock as they were
    When no amount is named
        It should take the value sent (native coin)
    When the amount, the value or the session is wrong, the contract paused, or a limit passed
        It should revert with the reason
Given books of a token
    When the caller has not enough, or allows not enough
        It should revert, whatever the token said
    When native coin is sent along
        It should revert
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import (
    BALANCE,
    DAY,
    LIMIT,
    OTHER_OWNER,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    UNKNOWN_SESSION,
    WHOLE,
    Books,
    assert_refused,
    event,
)
from tests.evm.actors import ACTORS

if TYPE_CHECKING:
    from tests.evm.contract import Contract

LOW = "session: amount is zero"


def _token(books: Books) -> Contract:
    assert books.token is not None
    return books.token


def test_selectors(native: Books) -> None:
    for data in (f"71c4d87c{SESSION:064x}", f"dc8f4e56{SESSION:064x}{3:064x}"):
        receipt = native.contract.send(bytes.fromhex(data), sender=OWNER, value=3)
        assert receipt.events == [event("DepositToSession", sessionId=SESSION, amount=3)]


@pytest.mark.parametrize("sender", [OWNER, OTHER_OWNER])
def test_credits_the_session(books: Books, sender: str) -> None:
    account, held, owed = books.contract.getAccount(SESSION), books.held(), books.contract.liabilities()
    wealth = books.holding(sender)
    receipt = books.deposit(SESSION, 250, sender=sender)
    assert receipt.events == [event("DepositToSession", sessionId=SESSION, amount=250)]
    assert books.contract.getAccount(SESSION) == account._replace(balance=BALANCE + 250)
    assert (books.held(), books.contract.liabilities()) == (held + 250, owed + 250)
    assert books.holding(sender) == wealth - 250


def test_value_is_the_default_amount(native: Books) -> None:
    receipt = native.contract.fn("depositToSession(uint256)")(SESSION, sender=OWNER, value=3)
    assert receipt.events == [event("DepositToSession", sessionId=SESSION, amount=3)]
    assert native.contract.sessionBalances(SESSION) == BALANCE + 3


def test_largest_id(books: Books) -> None:
    before = books.contract.sessionBalances(OTHER_SESSION)
    books.deposit(OTHER_SESSION, 1)
    assert books.contract.sessionBalances(OTHER_SESSION) == before + 1


def test_one_base_unit(books: Books) -> None:
    books.deposit(SESSION, 1)
    assert books.contract.sessionBalances(SESSION) == BALANCE + 1


@pytest.mark.parametrize(("amount", "value"), [(5, 4), (5, 6), (5, 0), (0, 5), (WHOLE, 5)])
def test_value_is_not_the_amount(native: Books, amount: int, value: int) -> None:
    reason = "asset: value is not the amount"
    assert_refused(native, reason, "depositToSession", SESSION, amount, sender=OWNER, value=value)


@pytest.mark.parametrize("amounts", [(), (5,), (0,)])
def test_token_books_take_no_native_coin(tokens: Books, amounts: tuple[int, ...]) -> None:
    reason = "asset: takes no native coin"
    assert_refused(tokens, reason, "depositToSession", SESSION, *amounts, sender=OWNER, value=5)


@pytest.mark.parametrize("amounts", [(), (0,)])
def test_amount_is_zero(books: Books, amounts: tuple[int, ...]) -> None:
    # In token books the call without an amount means the value sent, which there can only be nothing.
    assert_refused(books, LOW, "depositToSession", SESSION, *amounts, sender=OWNER)


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 0, 2**160, WHOLE])
def test_session_is_not_registered(books: Books, session_id: int) -> None:
    value = 5 if books.token is None else 0
    reason = "session: not registered"
    assert_refused(books, reason, "depositToSession", session_id, 5, sender=OWNER, value=value)


def test_paused_until_the_end_of_the_pause(books: Books) -> None:
    books.pause(DAY)
    value = 5 if books.token is None else 0
    books.backend.advance(DAY - 1)
    reason = "pause: contract is paused"
    assert_refused(books, reason, "depositToSession", SESSION, 5, sender=OWNER, value=value)
    books.backend.advance(1)
    books.deposit(SESSION, 5)


def test_liabilities_limit(books: Books) -> None:
    room = LIMIT - 1 - books.contract.liabilities()
    books.give(OWNER, 4 * LIMIT)
    value = 1 if books.token is None else 0
    books.deposit(SESSION, room - 1)
    for amount in (2, LIMIT - 1):
        sent = amount if books.token is None else 0
        reason = "treasury: liabilities limit"
        assert_refused(books, reason, "depositToSession", OTHER_SESSION, amount, sender=OWNER, value=sent)
    books.deposit(OTHER_SESSION, 1)
    assert books.contract.liabilities() == LIMIT - 1
    reason = "treasury: liabilities limit"
    assert_refused(books, reason, "depositToSession", OTHER_SESSION, 1, sender=OWNER, value=value)


@pytest.mark.parametrize("amount", [LIMIT, 2**160, WHOLE])
def test_huge_amount_of_a_token(tokens: Books, amount: int) -> None:
    assert_refused(tokens, "treasury: liabilities limit", "depositToSession", SESSION, amount, sender=OWNER)


def test_lifetime_limit(books: Books) -> None:
    # All that a session may ever hold goes in, through the network, and out to a node; then again a little.
    books.give(OWNER, 4 * LIMIT)
    other_balance = books.contract.sessionBalances(OTHER_SESSION)
    books.deposit(SESSION, LIMIT - 1 - BALANCE - other_balance)
    books.earn(ACTORS["node_operator"], LIMIT - 1 - other_balance)
    books.contract.withdrawNodePayment(ACTORS["node_operator"], sender=OUTSIDER)
    for amount in (other_balance + 1, LIMIT - 1 - other_balance):
        sent = amount if books.token is None else 0
        reason = "session: lifetime limit"
        assert_refused(books, reason, "depositToSession", SESSION, amount, sender=OWNER, value=sent)
    books.deposit(SESSION, other_balance)
    account = books.contract.getAccount(SESSION)
    assert account.balance + account.paymentAmount == LIMIT - 1
    books.collect(other_balance)
    assert books.contract.sessionNetworkUsage(SESSION) == LIMIT - 1


def test_allowance_too_small(tokens: Books) -> None:
    _token(tokens).approve(tokens.address, 4, sender=OWNER)
    assert_refused(tokens, "asset: transfer failed", "depositToSession", SESSION, 5, sender=OWNER)
    tokens.deposit(SESSION, 4)


def test_caller_has_too_little(tokens: Books) -> None:
    token = _token(tokens)
    token.transfer(OUTSIDER, token.balanceOf(OWNER) - 4, sender=OWNER)
    assert_refused(tokens, "asset: transfer failed", "depositToSession", SESSION, 5, sender=OWNER)
    tokens.deposit(SESSION, 4)


def test_no_role_is_needed(books: Books) -> None:
    for sender in (OUTSIDER, SESSION_CONTRACT):
        if books.token is not None:
            books.token.mint(sender, 1, sender=sender)
            books.token.approve(books.address, 1, sender=sender)
        books.deposit(SESSION, 1, sender=sender)
    assert books.contract.sessionBalances(SESSION) == BALANCE + 2
