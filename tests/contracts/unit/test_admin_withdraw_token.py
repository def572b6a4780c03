"""`adminWithdrawToken`.

Given a token that was sent by mistake
    When an admin recovers it
        It should send the admin all of it and log it, and leave the asset alone
Given a surplus of the contract's own token
    When an admin recovers it
        It should send the surplus and not a unit more
    When it is named by its second address
        It should revert while anything is owed
When the token is zero, unreadable, or nothing is there
    It should revert with the reason
When the contract is paused
    It should work
Given anyone else
    It should revert
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    NODE,
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    Books,
    assert_only,
    assert_refused,
    deploy_books,
    deploy_token,
    event,
)
from tests.evm.backend import ZERO_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Contract

NAME = "adminWithdrawToken"


@pytest.fixture
def stray(books: Books) -> Contract:
    """Deploy a token that is not the asset, and give the contract 70."""
    token = deploy_token(books.backend)
    token.mint(books.address, 70, sender=OUTSIDER)
    return token


def test_recovers_all_of_a_stray_token(books: Books, stray: Contract) -> None:
    held, owed = books.held(), books.contract.liabilities()
    receipt = books.contract.adminWithdrawToken(stray.address, sender=ADMIN)
    assert receipt.events == [event("TokenRecovered", token=stray.address, to=ADMIN, amount=70)]
    assert (stray.balanceOf(ADMIN), stray.balanceOf(books.address)) == (70, 0)
    assert (books.held(), books.contract.liabilities()) == (held, owed)


def test_goes_to_whoever_calls(books: Books, stray: Contract) -> None:
    books.contract.grantRole(ADMIN_ROLE, OUTSIDER, sender=ADMIN)
    books.contract.adminWithdrawToken(stray.address, sender=OUTSIDER)
    assert stray.balanceOf(OUTSIDER) == 70


@pytest.mark.parametrize("surplus", [1, 70, 2**96])
def test_recovers_the_surplus_of_the_asset(tokens: Books, surplus: int) -> None:
    tokens.earn(NODE, 100)
    tokens.collect(100)
    tokens.give(tokens.address, surplus)
    owed = tokens.contract.liabilities()
    receipt = tokens.contract.adminWithdrawToken(tokens.asset, sender=ADMIN)
    assert receipt.events == [event("TokenRecovered", token=tokens.asset, to=ADMIN, amount=surplus)]
    assert tokens.holding(ADMIN) == surplus
    assert tokens.held() == owed == tokens.contract.liabilities()


def test_deposits_are_no_surplus(tokens: Books) -> None:
    assert_refused(tokens, "recovery: nothing to recover", NAME, tokens.asset, sender=ADMIN)


def test_less_than_nothing_is_no_surplus(make: Callable[..., Contract]) -> None:
    token = make("ShiftingToken")
    books = deploy_books(token.backend, token=token, delay=0)
    token.setScale(500_000, sender=ADMIN)
    assert_refused(books, "recovery: nothing to recover", NAME, token.address, sender=ADMIN)


def test_nothing_to_recover(books: Books, stray: Contract) -> None:
    books.contract.adminWithdrawToken(stray.address, sender=ADMIN)
    assert_refused(books, "recovery: nothing to recover", NAME, stray.address, sender=ADMIN)


def test_token_is_zero(books: Books) -> None:
    books.give(books.address, 5)
    assert_refused(books, "recovery: token is zero", NAME, ZERO_ADDRESS, sender=ADMIN)


def test_token_without_code(books: Books) -> None:
    assert_refused(books, "asset: balance unreadable", NAME, OUTSIDER, sender=ADMIN)


def test_the_contract_is_no_token(books: Books) -> None:
    assert_refused(books, "asset: balance unreadable", NAME, books.address, sender=ADMIN)


def test_token_that_refuses(books: Books, stray: Contract) -> None:
    stray.refuse(True, sender=ADMIN)
    assert_refused(books, "asset: transfer failed", NAME, stray.address, sender=ADMIN)


def test_second_address_of_the_asset(make: Callable[..., Contract]) -> None:
    token = make("TwoAddressToken")
    front = make("TokenFront", token.address)
    token.setFront(front.address, sender=ADMIN)
    books = deploy_books(token.backend, token=token, delay=0)
    books.give(books.address, 70)
    assert_refused(books, "recovery: asset would be short", NAME, front.address, sender=ADMIN)
    books.contract.adminWithdrawToken(token.address, sender=ADMIN)
    assert token.balanceOf(ADMIN) == 70
    assert_refused(books, "recovery: asset would be short", NAME, front.address, sender=ADMIN)


def test_second_address_once_nothing_is_owed(make: Callable[..., Contract]) -> None:
    token = make("TwoAddressToken")
    front = make("TokenFront", token.address)
    token.setFront(front.address, sender=ADMIN)
    books = deploy_books(token.backend, token=token, delay=0)
    for session_id in (SESSION, 2**160 - 1):
        books.contract.withdrawFromSession(session_id, sender=books.contract.sessions(session_id))
    books.give(books.address, 70)
    books.contract.adminWithdrawToken(front.address, sender=ADMIN)
    assert (token.balanceOf(ADMIN), books.held()) == (70, 0)


def test_asset_that_is_already_short(make: Callable[..., Contract]) -> None:
    token = make("ShiftingToken")
    books = deploy_books(token.backend, token=token, delay=0)
    stray = deploy_token(token.backend)
    stray.mint(books.address, 70, sender=OUTSIDER)
    token.setScale(500_000, sender=ADMIN)
    books.contract.adminWithdrawToken(stray.address, sender=ADMIN)
    assert (stray.balanceOf(ADMIN), books.held()) == (70, books.contract.liabilities() // 2)


def test_works_while_paused(books: Books, stray: Contract) -> None:
    books.pause()
    books.contract.adminWithdrawToken(stray.address, sender=ADMIN)


def test_no_owner_loses_anything(tokens: Books) -> None:
    tokens.give(tokens.address, 70)
    tokens.contract.adminWithdrawToken(tokens.asset, sender=ADMIN)
    tokens.earn(NODE, 100)
    tokens.contract.withdrawNodePayment(NODE, sender=SESSION_CONTRACT)
    tokens.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert tokens.held() == tokens.contract.liabilities()


def test_only_the_admin(books: Books, stray: Contract) -> None:
    assert_only(books, ADMIN, NAME, stray.address)
    assert_only(books, ADMIN, NAME, ZERO_ADDRESS)
