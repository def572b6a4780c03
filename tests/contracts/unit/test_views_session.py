"""The views of sessions.

`sessions`, `sessionBalances`, `getSessionBalance`, `sessionNetworkUsage`, `getSessionNetworkUsage`,
`getAccount`.

Given a registered session
    It should read owner, balance, usage and times, under both names the same
Given an id that is unknown, or too large to exist
    It should read zeros
Given words with every bit set
    It should keep the fields apart
Given a pause
    It should still read
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    BALANCE,
    LIMIT,
    OTHER_BALANCE,
    OTHER_OWNER,
    OTHER_SESSION,
    OWNER,
    SESSION,
    UNKNOWN_SESSION,
    WHOLE,
    Books,
)
from tests.evm.backend import GENESIS_TIME, ZERO_ADDRESS

FIELDS = (
    "sessionId",
    "owner",
    "balance",
    "paymentAmount",
    "registeredAt",
    "lastPaymentAt",
    "withdrawalRequestedAt",
)


def _reads(books: Books, session_id: int) -> tuple[object, ...]:
    contract = books.contract
    assert contract.sessionBalances(session_id) == contract.getSessionBalance(session_id)
    assert contract.sessionNetworkUsage(session_id) == contract.getSessionNetworkUsage(session_id)
    return (
        contract.sessions(session_id),
        contract.sessionBalances(session_id),
        contract.sessionNetworkUsage(session_id),
    )


def test_registered_session(books: Books) -> None:
    books.backend.advance(5)
    books.collect(300)
    assert _reads(books, SESSION) == (OWNER, BALANCE - 300, 300)
    account = books.contract.getAccount(SESSION)
    assert account._fields == FIELDS
    expected = (SESSION, OWNER, BALANCE - 300, 300, GENESIS_TIME, books.now, 0)
    assert tuple(account) == expected


def test_largest_id(books: Books) -> None:
    assert _reads(books, OTHER_SESSION) == (OTHER_OWNER, OTHER_BALANCE, 0)
    expected = (OTHER_SESSION, OTHER_OWNER, OTHER_BALANCE, 0, GENESIS_TIME, 0, 0)
    assert tuple(books.contract.getAccount(OTHER_SESSION)) == expected


def test_request(delayed: Books) -> None:
    delayed.backend.advance(5)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == delayed.now


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 0, 2**160, 2**160 + SESSION, WHOLE])
def test_unknown_session(books: Books, session_id: int) -> None:
    assert _reads(books, session_id) == (ZERO_ADDRESS, 0, 0)
    assert tuple(books.contract.getAccount(session_id)) == (0, ZERO_ADDRESS, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("field", ["balance", "usage", "lastPaymentAt"])
def test_fields_of_the_account_keep_apart(books: Books, field: str) -> None:
    full = (1 << layout.SESSION_ACCOUNT[field]) - 1
    books.store(layout.SESSION_ACCOUNTS, SESSION, layout.pack(layout.SESSION_ACCOUNT, **{field: full}))
    account = books.contract.getAccount(SESSION)
    seen = {
        "balance": account.balance,
        "usage": account.paymentAmount,
        "lastPaymentAt": account.lastPaymentAt,
    }
    assert seen == dict.fromkeys(seen, 0) | {field: full}
    assert _reads(books, SESSION) == (OWNER, seen["balance"], seen["usage"])


@pytest.mark.parametrize("field", ["owner", "registeredAt", "withdrawalRequestedAt"])
def test_fields_of_the_title_keep_apart(books: Books, field: str) -> None:
    full = (1 << layout.SESSION_TITLE[field]) - 1
    books.store(layout.SESSION_TITLES, SESSION, layout.pack(layout.SESSION_TITLE, **{field: full}))
    account = books.contract.getAccount(SESSION)
    seen = {name: getattr(account, name) for name in ("owner", "registeredAt", "withdrawalRequestedAt")}
    seen["owner"] = int(seen["owner"], 16)
    assert seen == dict.fromkeys(seen, 0) | {field: full}
    assert int(books.contract.sessions(SESSION), 16) == seen["owner"]


def test_largest_amounts(books: Books) -> None:
    word = layout.pack(layout.SESSION_ACCOUNT, balance=LIMIT - 1, usage=LIMIT - 1)
    books.store(layout.SESSION_ACCOUNTS, SESSION, word)
    assert _reads(books, SESSION) == (OWNER, LIMIT - 1, LIMIT - 1)


def test_works_while_paused(books: Books) -> None:
    books.pause()
    assert _reads(books, SESSION) == (OWNER, BALANCE, 0)
