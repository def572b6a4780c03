"""`surplus`.

Given books that hold exactly what they owe
    It should read zero
Given asset that nobody deposited
    It should read how much
Given something else than the asset
    It should not count it
Given less than what is owed
    It should read zero
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import (
    NODE,
    OUTSIDER,
    OWNER,
    SESSION,
    Books,
    deploy_books,
    deploy_token,
)
from tests.evm.contract import Reverted
from tests.evm.hostile import Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Contract


def test_zero_while_nobody_donates(books: Books) -> None:
    assert books.contract.surplus() == 0
    books.earn(NODE, 300)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    books.contract.withdrawFromSession(SESSION, 50, sender=OWNER)
    assert books.contract.surplus() == 0


@pytest.mark.parametrize("donation", [1, 2**96])
def test_counts_donations(books: Books, donation: int) -> None:
    books.give(books.address, donation)
    assert books.contract.surplus() == donation


def test_native_coin_is_no_surplus_of_a_token(tokens: Books) -> None:
    tokens.backend.set_balance(tokens.address, 5)
    assert tokens.contract.surplus() == 0


def test_stray_token_is_no_surplus(books: Books) -> None:
    deploy_token(books.backend).mint(books.address, 5, sender=OUTSIDER)
    assert books.contract.surplus() == 0


def test_zero_when_below(native: Books) -> None:
    owed = native.contract.liabilities()
    for held in (owed - 1, 0):
        native.backend.set_balance(native.address, held)
        assert native.contract.surplus() == 0


def test_token_that_shrank(make: Callable[..., Contract]) -> None:
    token = make("ShiftingToken")
    books = deploy_books(token.backend, token=token, delay=0)
    token.setScale(500_000, sender=OUTSIDER)
    assert books.contract.surplus() == 0
    token.setScale(2_000_000, sender=OUTSIDER)
    assert books.contract.surplus() == books.contract.liabilities()


def test_token_that_does_not_answer(make: Callable[..., Contract]) -> None:
    token = make("FailingToken")
    books = deploy_books(token.backend, token=token, delay=0)
    token.setFailing(Function.BALANCE_OF, sender=OUTSIDER)
    token.setFault(2, "session: not registered", sender=OUTSIDER)
    with pytest.raises(Reverted, match=r"^asset: balance unreadable$"):
        books.contract.surplus()


def test_works_while_paused(books: Books) -> None:
    books.pause()
    assert books.contract.surplus() == 0
