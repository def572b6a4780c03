"""`allocateNodeAmounts`.

Given a batch with the expected number
    When its rows name active nodes
        It should credit pending and earnings, take the total from the treasury and use up the number
        It should log one event with all rows
    When a row names an inactive node, or one that would pass its lifetime limit
        It should skip it, leave its amount in the treasury, say so in the event, and settle the rest
    When a node is listed twice
        It should be paid twice
    When the sum credited is above the treasury
        It should revert; what is skipped does not count
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
    NODE,
    OTHER_NODE,
    OUTSIDER,
    PAYEE,
    ROWS_MAX,
    SESSION_CONTRACT,
    WHOLE,
    Books,
    assert_only,
    assert_refused,
    event,
    row,
)

NAME = "allocateNodeAmounts"


@pytest.fixture
def funded(books: Books) -> Books:
    """Put 1,000 into the treasury and make two nodes active."""
    books.collect(BALANCE)
    books.mark(NODE, OTHER_NODE)
    return books


def _allocate(books: Books, rows: list[int], applied: list[int], total: int) -> None:
    sequence, held = books.contract.settlementSequence(), books.held()
    owed, network = books.contract.liabilities(), books.contract.totalNetworkBalance()
    receipt = books.contract.allocateNodeAmounts(sequence, rows, sender=SESSION_CONTRACT)
    assert receipt.events == [
        event("NodesAllocated", sequence=sequence, total=total, allocations=tuple(applied))
    ]
    assert books.contract.settlementSequence() == sequence + 1
    assert books.contract.totalNetworkBalance() == network - total
    assert (books.held(), books.contract.liabilities()) == (held, owed)


def _numbers(books: Books, node: str) -> tuple[int, int, int]:
    contract = books.contract
    return (
        contract.nodePendingPayments(node),
        contract.nodeEarnings(node),
        contract.nodeLastUsedTimestamps(node),
    )


def test_credits_every_node(funded: Books) -> None:
    marked = funded.now
    funded.backend.advance(5)
    rows = [row(NODE, 300), row(OTHER_NODE, 1)]
    _allocate(funded, rows, rows, 301)
    assert (_numbers(funded, NODE), _numbers(funded, OTHER_NODE)) == ((300, 300, marked), (1, 1, marked))


def test_credits_add_up(funded: Books) -> None:
    _allocate(funded, [row(NODE, 1)], [row(NODE, 1)], 1)
    funded.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    _allocate(funded, [row(NODE, 2)], [row(NODE, 2)], 2)
    assert _numbers(funded, NODE)[:2] == (2, 3)


@pytest.mark.parametrize("amount", [0, 5, LIMIT - 1])
def test_inactive_node_is_skipped(funded: Books, amount: int) -> None:
    rows = [row(PAYEE, amount), row(NODE, 7), row(PAYEE, amount)]
    _allocate(funded, rows, [row(PAYEE, 0), row(NODE, 7), row(PAYEE, 0)], 7)
    assert funded.stored(layout.NODE_ACCOUNTS, PAYEE) == 0


def test_node_that_was_active_is_skipped(funded: Books) -> None:
    _allocate(funded, [row(NODE, 5)], [row(NODE, 5)], 5)
    funded.contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    _allocate(funded, [row(NODE, 5)], [row(NODE, 0)], 0)
    assert _numbers(funded, NODE) == (5, 5, 0)


@pytest.mark.parametrize("last_used", [1, 2**40 - 1])
def test_lifetime_limit_is_skipped(funded: Books, last_used: int) -> None:
    word = layout.pack(layout.NODE_ACCOUNT, earned=LIMIT - 10, lastUsedAt=last_used)
    funded.store(layout.NODE_ACCOUNTS, NODE, word)
    rows = [row(NODE, 10), row(NODE, LIMIT - 1), row(OTHER_NODE, 3), row(NODE, 9), row(NODE, 1)]
    applied = [row(NODE, 0), row(NODE, 0), row(OTHER_NODE, 3), row(NODE, 9), row(NODE, 0)]
    _allocate(funded, rows, applied, 12)
    assert _numbers(funded, NODE) == (9, LIMIT - 1, last_used)


def test_row_of_zero_changes_nothing(funded: Books) -> None:
    before = funded.stored(layout.NODE_ACCOUNTS, NODE)
    _allocate(funded, [row(NODE, 0)], [row(NODE, 0)], 0)
    assert funded.stored(layout.NODE_ACCOUNTS, NODE) == before


def test_node_listed_twice_is_paid_twice(funded: Books) -> None:
    rows = [row(NODE, 5), row(OTHER_NODE, 1), row(NODE, 6)]
    _allocate(funded, rows, rows, 12)
    assert _numbers(funded, NODE)[:2] == (11, 11)


def test_exactly_the_treasury(funded: Books) -> None:
    rows = [row(NODE, BALANCE - 1), row(OTHER_NODE, 1)]
    _allocate(funded, rows, rows, BALANCE)
    assert funded.contract.totalNetworkBalance() == 0


def test_what_is_skipped_does_not_count(funded: Books) -> None:
    rows = [row(PAYEE, BALANCE), row(NODE, BALANCE)]
    _allocate(funded, rows, [row(PAYEE, 0), row(NODE, BALANCE)], BALANCE)


@pytest.mark.parametrize("second", [1, BALANCE, LIMIT - 1 - BALANCE])
def test_treasury_too_low(funded: Books, second: int) -> None:
    rows = [row(NODE, BALANCE), row(OTHER_NODE, second)]
    assert_refused(funded, "treasury: balance too low", NAME, 0, rows, sender=SESSION_CONTRACT)


def test_sum_past_the_amount_limit(funded: Books) -> None:
    rows = [row(NODE, LIMIT - 1), row(OTHER_NODE, LIMIT - 1)]
    assert_refused(funded, "treasury: balance too low", NAME, 0, rows, sender=SESSION_CONTRACT)


def test_empty_batch_uses_up_a_number(books: Books) -> None:
    _allocate(books, [], [], 0)


def test_512_rows(funded: Books) -> None:
    rows = [row(NODE, 1)] * ROWS_MAX
    _allocate(funded, rows, rows, ROWS_MAX)
    assert _numbers(funded, NODE)[0] == ROWS_MAX


def test_513_rows(funded: Books) -> None:
    assert_refused(funded, "", NAME, 0, [row(NODE, 1)] * (ROWS_MAX + 1), sender=SESSION_CONTRACT)


def test_both_batches_share_one_sequence(funded: Books) -> None:
    _allocate(funded, [], [], 0)
    reason = "batch: wrong sequence"
    assert_refused(funded, reason, "payFromSessionsToNetwork", 0, [], sender=SESSION_CONTRACT)
    funded.contract.payFromSessionsToNetwork(1, [], sender=SESSION_CONTRACT)
    _allocate(funded, [], [], 0)
    assert funded.contract.settlementSequence() == 3


@pytest.mark.parametrize("sequence", [0, 2, 2**32 + 1, WHOLE])
def test_wrong_sequence(funded: Books, sequence: int) -> None:
    _allocate(funded, [row(NODE, 5)], [row(NODE, 5)], 5)
    rows = [row(NODE, 5)]
    assert_refused(funded, "batch: wrong sequence", NAME, sequence, rows, sender=SESSION_CONTRACT)


def test_last_number(funded: Books) -> None:
    before = funded.treasury()
    funded.set_treasury(sequence=2**32 - 2)
    _allocate(funded, [row(NODE, 5)], [row(NODE, 5)], 5)
    assert funded.treasury() == before | {"sequence": 2**32 - 1, "network": BALANCE - 5}
    reason = "batch: sequence exhausted"
    assert_refused(funded, reason, NAME, 2**32 - 1, [row(NODE, 5)], sender=SESSION_CONTRACT)


def test_paused_until_the_end_of_the_pause(funded: Books) -> None:
    funded.pause(DAY)
    funded.backend.advance(DAY - 1)
    for rows in ([], [row(NODE, 5)]):
        assert_refused(funded, "pause: contract is paused", NAME, 0, rows, sender=SESSION_CONTRACT)
    funded.backend.advance(1)
    _allocate(funded, [row(NODE, 5)], [row(NODE, 5)], 5)


def test_only_the_session_contract(funded: Books) -> None:
    assert_only(funded, SESSION_CONTRACT, NAME, 0, [row(NODE, 1)])
    assert_only(funded, SESSION_CONTRACT, NAME, 0, [])
