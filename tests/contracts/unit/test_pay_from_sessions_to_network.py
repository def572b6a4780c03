"""`payFromSessionsToNetwork`.

Given a batch with the expected number
    When its rows can be paid
        It should charge each, collect the total, use up the number and log one event with all rows
    When a row is short, unknown, empty, zero or a duplicate
        It should take what is there, say so in the event, and settle the rest
    When a row applied nothing
        It should write nothing for it and move no time
    When it has no rows, or 512
        It should work
    When it has more
        It should revert without data
When the number is not the expected one, or the last there is, or the contract is paused
    It should revert with the reason
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    BALANCE,
    DAY,
    LIMIT,
    OTHER_BALANCE,
    OTHER_SESSION,
    OWNER,
    ROWS_MAX,
    SESSION,
    SESSION_CONTRACT,
    UNKNOWN_SESSION,
    WHOLE,
    Books,
    assert_only,
    assert_refused,
    event,
    row,
)

NAME = "payFromSessionsToNetwork"


def _charge(books: Books, rows: list[int], applied: list[int], total: int) -> None:
    sequence, held = books.contract.settlementSequence(), books.held()
    owed, network = books.contract.liabilities(), books.contract.totalNetworkBalance()
    receipt = books.contract.payFromSessionsToNetwork(sequence, rows, sender=SESSION_CONTRACT)
    assert receipt.events == [
        event("SessionsCharged", sequence=sequence, total=total, charges=tuple(applied))
    ]
    assert books.contract.settlementSequence() == sequence + 1
    assert books.contract.totalNetworkBalance() == network + total
    assert (books.held(), books.contract.liabilities()) == (held, owed)


def test_charges_every_row(books: Books) -> None:
    rows = [row(SESSION, 400), row(OTHER_SESSION, OTHER_BALANCE)]
    first, second = books.contract.getAccount(SESSION), books.contract.getAccount(OTHER_SESSION)
    books.backend.advance(5)
    _charge(books, rows, rows, 400 + OTHER_BALANCE)
    assert books.contract.getAccount(SESSION) == first._replace(
        balance=BALANCE - 400, paymentAmount=400, lastPaymentAt=books.now
    )
    assert books.contract.getAccount(OTHER_SESSION) == second._replace(
        balance=0, paymentAmount=OTHER_BALANCE, lastPaymentAt=books.now
    )


def test_charges_add_up(books: Books) -> None:
    for amount in (1, 2, 3):
        _charge(books, [row(SESSION, amount)], [row(SESSION, amount)], amount)
    assert books.contract.sessionNetworkUsage(SESSION) == 6
    assert books.contract.settlementSequence() == 3


def test_each_batch_replaces_the_time_of_the_one_before(books: Books) -> None:
    for sequence in range(4):
        books.backend.advance(1)
        books.contract.payFromSessionsToNetwork(sequence, [row(SESSION, 1)], sender=SESSION_CONTRACT)
        assert books.contract.getAccount(SESSION).lastPaymentAt == books.now


@pytest.mark.parametrize("amount", [BALANCE + 1, LIMIT - 1])
def test_short_row_takes_what_is_there(books: Books, amount: int) -> None:
    rows = [row(SESSION, amount), row(OTHER_SESSION, 1)]
    _charge(books, rows, [row(SESSION, BALANCE), row(OTHER_SESSION, 1)], BALANCE + 1)
    assert books.contract.sessionBalances(SESSION) == 0


@pytest.mark.parametrize("session_id", [UNKNOWN_SESSION, 0, 2**160 - 2])
def test_unknown_session_pays_nothing(books: Books, session_id: int) -> None:
    rows = [row(session_id, 5), row(SESSION, 7)]
    _charge(books, rows, [row(session_id, 0), row(SESSION, 7)], 7)
    assert books.stored(layout.SESSION_ACCOUNTS, session_id) == 0
    assert tuple(books.contract.getAccount(session_id))[2:] == (0, 0, 0, 0, 0)


def test_empty_session_keeps_its_time(books: Books) -> None:
    books.collect(BALANCE)
    account = books.contract.getAccount(SESSION)
    books.backend.advance(5)
    _charge(books, [row(SESSION, 5)], [row(SESSION, 0)], 0)
    assert books.contract.getAccount(SESSION) == account


def test_row_of_zero_keeps_its_time(books: Books) -> None:
    account = books.contract.getAccount(SESSION)
    books.backend.advance(5)
    _charge(books, [row(SESSION, 0), row(UNKNOWN_SESSION, 0)], [row(SESSION, 0), row(UNKNOWN_SESSION, 0)], 0)
    assert books.contract.getAccount(SESSION) == account


def test_duplicates_share_one_balance(books: Books) -> None:
    rows = [row(SESSION, 600), row(OTHER_SESSION, 1), row(SESSION, 600), row(SESSION, 1)]
    applied = [row(SESSION, 600), row(OTHER_SESSION, 1), row(SESSION, 400), row(SESSION, 0)]
    _charge(books, rows, applied, BALANCE + 1)
    assert books.contract.sessionNetworkUsage(SESSION) == BALANCE


def test_duplicates_that_both_fit(books: Books) -> None:
    rows = [row(SESSION, 5), row(SESSION, 5)]
    _charge(books, rows, rows, 10)
    assert books.contract.sessionNetworkUsage(SESSION) == 10


def test_largest_amounts(books: Books) -> None:
    books.give(OWNER, LIMIT)
    books.deposit(SESSION, LIMIT - 1 - books.contract.liabilities())
    balance = LIMIT - 1 - OTHER_BALANCE
    rows = [row(OTHER_SESSION, LIMIT - 1), row(SESSION, LIMIT - 1)]
    _charge(books, rows, [row(OTHER_SESSION, OTHER_BALANCE), row(SESSION, balance)], LIMIT - 1)
    assert books.contract.totalNetworkBalance() == books.contract.liabilities() == LIMIT - 1


def test_empty_batch_uses_up_a_number(books: Books) -> None:
    _charge(books, [], [], 0)


def test_leaves_a_request_alone(delayed: Books) -> None:
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    requested = delayed.now
    delayed.backend.advance(5)
    _charge(delayed, [row(SESSION, 5)], [row(SESSION, 5)], 5)
    assert delayed.contract.getAccount(SESSION).withdrawalRequestedAt == requested


def test_512_rows(books: Books) -> None:
    rows = [row(SESSION, 1)] * ROWS_MAX
    _charge(books, rows, rows, ROWS_MAX)


def test_513_rows(books: Books) -> None:
    assert_refused(books, "", NAME, 0, [row(SESSION, 1)] * (ROWS_MAX + 1), sender=SESSION_CONTRACT)


def test_sent_twice_lands_once(books: Books) -> None:
    _charge(books, [row(SESSION, 5)], [row(SESSION, 5)], 5)
    assert_refused(books, "batch: wrong sequence", NAME, 0, [row(SESSION, 5)], sender=SESSION_CONTRACT)


@pytest.mark.parametrize("sequence", [0, 2, 2**32 + 1, WHOLE])
def test_wrong_sequence(books: Books, sequence: int) -> None:
    _charge(books, [], [], 0)
    assert_refused(books, "batch: wrong sequence", NAME, sequence, [], sender=SESSION_CONTRACT)


def test_last_number(books: Books) -> None:
    before = books.treasury()
    books.set_treasury(sequence=2**32 - 2)
    _charge(books, [row(SESSION, 5)], [row(SESSION, 5)], 5)
    assert books.treasury() == before | {"sequence": 2**32 - 1, "network": 5}
    reason = "batch: sequence exhausted"
    assert_refused(books, reason, NAME, 2**32 - 1, [row(SESSION, 5)], sender=SESSION_CONTRACT)
    assert_refused(books, "batch: wrong sequence", NAME, 2**32, [], sender=SESSION_CONTRACT)
    assert_refused(books, "batch: wrong sequence", NAME, 0, [], sender=SESSION_CONTRACT)


def test_paused_until_the_end_of_the_pause(books: Books) -> None:
    books.pause(DAY)
    books.backend.advance(DAY - 1)
    for rows in ([], [row(SESSION, 5)]):
        assert_refused(books, "pause: contract is paused", NAME, 0, rows, sender=SESSION_CONTRACT)
    books.backend.advance(1)
    _charge(books, [row(SESSION, 5)], [row(SESSION, 5)], 5)


def test_only_the_session_contract(books: Books) -> None:
    assert_only(books, SESSION_CONTRACT, NAME, 0, [row(SESSION, 1)])
    assert_only(books, SESSION_CONTRACT, NAME, 0, [])
