"""`depositToSessionWithPermit`.

Given books of a token with EIP-2612
    When the caller brings a permit that it signed itself
        It should deposit without an approval before, and use the permit up
    When somebody used the permit first, the permit is bad, or the token knows no permits
        It should still deposit while the allowance is enough, and revert otherwise
    When the signer is not the caller
        It should revert
    When the amount, the session or the time is wrong
        It should revert with the reason
Given books of the native coin
    It should revert
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    BALANCE,
    DAY,
    LIMIT,
    OUTSIDER,
    OWNER,
    PAYEE,
    SESSION,
    UNKNOWN_SESSION,
    Books,
    assert_refused,
    deploy_books,
    event,
)
from tests.evm.hostile import sign_permit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Contract

NAME = "depositToSessionWithPermit"
NO_SIGNATURE = (27, bytes(32), bytes(32))


def _token(books: Books) -> Contract:
    assert books.token is not None
    return books.token


def _permit(
    books: Books, amount: int, *, role: str = "outsider", deadline: int = 2**40
) -> tuple[object, ...]:
    signature = sign_permit(_token(books), role=role, spender=books.address, amount=amount, deadline=deadline)
    return amount, deadline, *signature


def test_deposits_without_an_approval(tokens: Books) -> None:
    held, owed = tokens.held(), tokens.contract.liabilities()
    receipt = tokens.contract.depositToSessionWithPermit(SESSION, *_permit(tokens, 250), sender=OUTSIDER)
    assert receipt.events == [event("DepositToSession", sessionId=SESSION, amount=250)]
    assert tokens.contract.sessionBalances(SESSION) == BALANCE + 250
    assert (tokens.held(), tokens.contract.liabilities()) == (held + 250, owed + 250)
    token = _token(tokens)
    assert (token.nonces(OUTSIDER), token.allowance(OUTSIDER, tokens.address)) == (1, 0)


def test_permit_used_by_a_front_runner(tokens: Books) -> None:
    amount, deadline, v, r, s = _permit(tokens, 250)
    _token(tokens).permit(OUTSIDER, tokens.address, amount, deadline, v, r, s, sender=PAYEE)
    tokens.contract.depositToSessionWithPermit(SESSION, amount, deadline, v, r, s, sender=OUTSIDER)
    assert tokens.contract.sessionBalances(SESSION) == BALANCE + 250


def test_permit_used_twice(tokens: Books) -> None:
    permit = _permit(tokens, 250)
    tokens.contract.depositToSessionWithPermit(SESSION, *permit, sender=OUTSIDER)
    assert_refused(tokens, "asset: transfer failed", NAME, SESSION, *permit, sender=OUTSIDER)


def test_bad_permit_with_enough_allowance(tokens: Books) -> None:
    _token(tokens).approve(tokens.address, 250, sender=OUTSIDER)
    tokens.contract.depositToSessionWithPermit(SESSION, 250, 0, *NO_SIGNATURE, sender=OUTSIDER)
    assert tokens.contract.sessionBalances(SESSION) == BALANCE + 250


def test_bad_permit_with_too_little_allowance(tokens: Books) -> None:
    _token(tokens).approve(tokens.address, 249, sender=OUTSIDER)
    assert_refused(
        tokens, "asset: transfer failed", NAME, SESSION, 250, 2**40, *NO_SIGNATURE, sender=OUTSIDER
    )


def test_permit_at_its_deadline_and_after(tokens: Books) -> None:
    permit = _permit(tokens, 5, deadline=tokens.now + 10)
    tokens.backend.advance(11)
    assert_refused(tokens, "asset: transfer failed", NAME, SESSION, *permit, sender=OUTSIDER)
    permit = _permit(tokens, 5, deadline=tokens.now)
    tokens.contract.depositToSessionWithPermit(SESSION, *permit, sender=OUTSIDER)


def test_permit_of_somebody_else(tokens: Books) -> None:
    permit = _permit(tokens, 5, role="outsider")
    _token(tokens).mint(PAYEE, 5, sender=PAYEE)
    assert_refused(tokens, "asset: transfer failed", NAME, SESSION, *permit, sender=PAYEE)


def test_token_that_knows_no_permits(make: Callable[..., Contract]) -> None:
    books = deploy_books(make("GuardedToken").backend, token=make("GuardedToken"), delay=0)
    books.contract.depositToSessionWithPermit(SESSION, 5, 2**40, *NO_SIGNATURE, sender=OWNER)
    assert books.contract.sessionBalances(SESSION) == BALANCE + 5
    assert_refused(books, "asset: transfer failed", NAME, SESSION, 5, 2**40, *NO_SIGNATURE, sender=OUTSIDER)


def test_native_books_know_no_permits(native: Books) -> None:
    assert_refused(native, "asset: is not a token", NAME, SESSION, 5, 2**40, *NO_SIGNATURE, sender=OWNER)


def test_amount_is_zero(tokens: Books) -> None:
    assert_refused(tokens, "session: amount is zero", NAME, SESSION, *_permit(tokens, 0), sender=OUTSIDER)


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 2**160])
def test_session_is_not_registered(tokens: Books, session_id: int) -> None:
    assert_refused(tokens, "session: not registered", NAME, session_id, *_permit(tokens, 5), sender=OUTSIDER)


def test_paused_until_the_end_of_the_pause(tokens: Books) -> None:
    permit = _permit(tokens, 5)
    tokens.pause(DAY)
    tokens.backend.advance(DAY - 1)
    assert_refused(tokens, "pause: contract is paused", NAME, SESSION, *permit, sender=OUTSIDER)
    tokens.backend.advance(1)
    tokens.contract.depositToSessionWithPermit(SESSION, *permit, sender=OUTSIDER)


def test_liabilities_limit(tokens: Books) -> None:
    room = LIMIT - 1 - tokens.contract.liabilities()
    _token(tokens).mint(OUTSIDER, LIMIT, sender=PAYEE)
    permit = _permit(tokens, room + 1)
    assert_refused(tokens, "treasury: liabilities limit", NAME, SESSION, *permit, sender=OUTSIDER)
    tokens.contract.depositToSessionWithPermit(SESSION, *_permit(tokens, room), sender=OUTSIDER)


def test_lifetime_limit(tokens: Books) -> None:
    word = layout.pack(layout.SESSION_ACCOUNT, balance=BALANCE, usage=LIMIT - 1 - BALANCE - 5)
    tokens.store(layout.SESSION_ACCOUNTS, SESSION, word)
    permit = _permit(tokens, 6)
    assert_refused(tokens, "session: lifetime limit", NAME, SESSION, *permit, sender=OUTSIDER)
    tokens.contract.depositToSessionWithPermit(SESSION, *_permit(tokens, 5), sender=OUTSIDER)


def test_no_role_is_needed(tokens: Books) -> None:
    tokens.contract.depositToSessionWithPermit(
        SESSION, *_permit(tokens, 5, role="session_owner"), sender=OWNER
    )
    assert tokens.contract.sessionBalances(SESSION) == BALANCE + 5
