"""Tokens that are not what the standard says: each is either exact or refused.

Given a token that answers oddly
    When the answer is nothing or one true word
        It should be believed as far as the balance confirms it
    When it is anything else
        It should be refused
Given a token that takes a fee, lies, pretends, or changes balances by itself
    When it is deposited
        It should be refused unless exactly the amount arrived
    When it shrank
        It should let people leave while there is something, first come, first served
Given a token that is paused, or blocks the contract
    It should refuse, and be exact again afterwards
Given a token of 0, 6 or 18 decimals
    It should be exact
Given a token whose code is gone
    It should refuse, as an account without code agrees to everything
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    ADMIN,
    ARTIFACTS,
    BALANCE,
    LIMIT,
    NODE,
    OTHER_BALANCE,
    OTHER_OWNER,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    Books,
    artifact,
    assert_refused,
    deploy_books,
)
from tests.evm.compile import artifact_at, compiled
from tests.evm.contract import Contract, deploy
from tests.evm.hostile import ODD_ANSWERS, TRUE, Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.backend import Backend

FAILED = "asset: transfer failed"
SHORT = "asset: wrong amount received"
BELIEVED = ("nothing", "true")


def _books(token: Contract) -> Books:
    return deploy_books(token.backend, token=token, delay=0)


@pytest.fixture
def odd(make: Callable[..., Contract]) -> Books:
    """Books of a token whose answers can be chosen; it answers one true word first."""
    token = make("OddReturnToken")
    token.setAnswer(TRUE, sender=ADMIN)
    return _books(token)


def _token(books: Books) -> Contract:
    assert books.token is not None
    return books.token


@pytest.mark.parametrize("name", [name for name in ODD_ANSWERS if name in BELIEVED])
def test_pitfall_9_answers_that_mean_yes(odd: Books, name: str) -> None:
    _token(odd).setAnswer(ODD_ANSWERS[name], sender=ADMIN)
    odd.deposit(SESSION, 5)
    odd.earn(NODE, 100)
    odd.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    odd.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert odd.holding(NODE) == 100
    assert odd.held() == odd.contract.liabilities() == OTHER_BALANCE


# A word that is followed by more is judged by its first 32 bytes, which is all that is copied.
@pytest.mark.parametrize("name", [name for name in ODD_ANSWERS if name not in (*BELIEVED, "true and more")])
def test_pitfall_9_answers_that_mean_no(odd: Books, name: str) -> None:
    odd.earn(NODE, 100)
    _token(odd).setAnswer(ODD_ANSWERS[name], sender=ADMIN)
    assert_refused(odd, FAILED, "depositToSession", SESSION, 5, sender=OWNER)
    assert_refused(odd, FAILED, "withdrawNodePayment", NODE, sender=OUTSIDER)
    assert_refused(odd, FAILED, "withdrawFromSession", SESSION, sender=OWNER)


def test_answer_with_more_after_it(odd: Books) -> None:
    _token(odd).setAnswer(ODD_ANSWERS["true and more"], sender=ADMIN)
    odd.deposit(SESSION, 5)
    assert odd.held() == odd.contract.liabilities()


@pytest.mark.parametrize("answer", [ODD_ANSWERS[name] for name in BELIEVED])
def test_pitfall_9_token_that_pretends(odd: Books, answer: bytes) -> None:
    _token(odd).setAnswer(answer, sender=ADMIN)
    _token(odd).setPretends(True, sender=ADMIN)
    assert_refused(odd, SHORT, "depositToSession", SESSION, 5, sender=OWNER)


def test_pitfall_9_false_in_place_of_a_revert(odd: Books) -> None:
    assert_refused(odd, FAILED, "depositToSession", SESSION, 5, sender=ADMIN)


@pytest.mark.parametrize("fee_ppm", [1, 10_000, 1_000_000])
def test_pitfall_9_fee_on_transfer(make: Callable[..., Contract], fee_ppm: int) -> None:
    books = _books(make("ShiftingToken"))
    _token(books).setFee(fee_ppm, sender=ADMIN)
    _token(books).mint(OWNER, 2_000_000, sender=ADMIN)
    assert_refused(books, SHORT, "depositToSession", SESSION, 1_000_000, sender=OWNER)


def test_fee_that_rounds_to_nothing(make: Callable[..., Contract]) -> None:
    books = _books(make("ShiftingToken"))
    _token(books).setFee(1, sender=ADMIN)
    books.deposit(SESSION, 5)
    assert books.held() == books.contract.liabilities()


@pytest.mark.parametrize(
    ("told", "reason"), [(0, SHORT), (BALANCE, SHORT), (LIMIT, SHORT), (2**256 - 1, SHORT)]
)
def test_pitfall_9_balance_that_stands_still(make: Callable[..., Contract], told: int, reason: str) -> None:
    token = make("FailingToken")
    books = _books(token)
    token.setLie(books.address, True, told, sender=ADMIN)
    assert_refused(books, reason, "depositToSession", SESSION, 5, sender=OWNER)


@pytest.mark.parametrize("scale_ppm", [500_000, 2_000_000])
def test_pitfall_9_balances_that_move(make: Callable[..., Contract], scale_ppm: int) -> None:
    books = _books(make("ShiftingToken"))
    _token(books).setScale(scale_ppm, sender=ADMIN)
    books.deposit(SESSION, 100)
    grown = scale_ppm > 1_000_000
    assert books.contract.surplus() == (BALANCE + OTHER_BALANCE if grown else 0)


def test_token_that_shrank_pays_who_comes_first(make: Callable[..., Contract]) -> None:
    books = _books(make("ShiftingToken"))
    _token(books).setScale(800_000, sender=ADMIN)
    books.contract.withdrawFromSession(SESSION, sender=OWNER)
    args = (OTHER_SESSION, OTHER_BALANCE)
    assert_refused(books, FAILED, "withdrawFromSession", *args, sender=OTHER_OWNER)
    books.contract.withdrawFromSession(OTHER_SESSION, books.held(), sender=OTHER_OWNER)
    assert (books.held(), books.contract.surplus()) == (0, 0)


def test_pitfall_9_paused_token(make: Callable[..., Contract]) -> None:
    books = _books(make("GuardedToken"))
    books.earn(NODE, 100)
    _token(books).setPaused(True, sender=ADMIN)
    assert_refused(books, FAILED, "depositToSession", SESSION, 5, sender=OWNER)
    assert_refused(books, FAILED, "withdrawFromSession", SESSION, sender=OWNER)
    assert_refused(books, FAILED, "withdrawNodePayment", NODE, sender=OUTSIDER)
    _token(books).setPaused(False, sender=ADMIN)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    books.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert books.held() == books.contract.liabilities()


@pytest.mark.parametrize("who", [OWNER, "the contract"])
def test_pitfall_9_token_that_blocks(make: Callable[..., Contract], who: str) -> None:
    books = _books(make("GuardedToken"))
    blocked = books.address if who == "the contract" else who
    _token(books).setBlocked(blocked, True, sender=ADMIN)
    assert_refused(books, FAILED, "depositToSession", SESSION, 5, sender=OWNER)
    assert_refused(books, FAILED, "withdrawFromSession", SESSION, sender=OWNER)
    _token(books).setBlocked(blocked, False, sender=ADMIN)
    books.contract.withdrawFromSession(SESSION, sender=OWNER)


@pytest.mark.parametrize("decimals", [0, 6, 18])
def test_pitfall_9_decimals(backend: Backend, decimals: int) -> None:
    made = artifact_at(ARTIFACTS / "demo" / "TestToken.json")
    books = _books(deploy(backend, made, "Test Dollar", "TUSD", decimals, sender=ADMIN))
    books.deposit(SESSION, 10**decimals)
    books.earn(NODE, 10**decimals)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert books.holding(NODE) == 10**decimals
    assert books.held() == books.contract.liabilities()


def test_deposit_through_a_second_address(make: Callable[..., Contract]) -> None:
    token = make("TwoAddressToken")
    front = make("TokenFront", token.address)
    token.setFront(front.address, sender=ADMIN)
    books = _books(token)
    front.transfer(books.address, 5, sender=OWNER)
    assert books.contract.surplus() == 5
    books.deposit(SESSION, 7)
    assert books.held() == books.contract.liabilities() + 5


def test_donation_is_no_deposit(tokens: Books) -> None:
    tokens.give(tokens.address, 5)
    tokens.deposit(SESSION, 5)
    assert tokens.contract.surplus() == 5
    assert tokens.contract.sessionBalances(SESSION) == BALANCE + 5


def test_more_than_asked_arrives(make: Callable[..., Contract]) -> None:
    token = make("CallbackToken")
    books = _books(token)
    token.setCallback(token.address, token.calldata("mint", books.address, 1), sender=ADMIN)
    token.setTriggers(Function.TRANSFER_FROM, sender=ADMIN)
    assert_refused(books, SHORT, "depositToSession", SESSION, 5, sender=OWNER)
    token.setTriggers(Function.NONE, sender=ADMIN)
    books.deposit(SESSION, 5)
    assert (books.held(), books.contract.surplus()) == (books.contract.liabilities(), 0)


def test_asset_that_vanished_pays_nobody(make: Callable[..., Contract]) -> None:
    vanisher = make("Vanisher")
    codes = (bytes.fromhex(made["bytecode"][2:]) for made in (compiled("VanishingToken"), artifact()))
    vanisher.make(*codes, ADMIN, 0, sender=ADMIN)
    assert vanisher.backend.code(vanisher.token()) == b""
    # Nobody can deposit what is not there, so the balance is written where a deposit would have left it.
    books = Books(Contract(vanisher.backend, vanisher.made(), artifact()["abi"]), token=None)
    books.contract.grantRole(SESSION_CONTRACT_ROLE, SESSION_CONTRACT, sender=ADMIN)
    books.contract.registerSession(SESSION, OWNER, sender=SESSION_CONTRACT)
    books.store(layout.SESSION_ACCOUNTS, SESSION, layout.pack(layout.SESSION_ACCOUNT, balance=5))
    books.set_treasury(liabilities=5)
    assert_refused(books, FAILED, "withdrawFromSession", SESSION, sender=OWNER)
