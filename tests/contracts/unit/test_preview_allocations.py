"""`previewAllocations`.

Given rows of every sort: good, inactive, at the lifetime limit, zero, duplicate
    It should return the total and the rows as the call then applies them
Given more than the treasury
    It should revert; what is skipped does not count
Given a pause, any caller and any sequence
    It should not care
Given 513 rows
    It should revert without data (what 512 cost is measured in `tests/contracts/gas`)
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    BALANCE,
    LIMIT,
    NODE,
    OTHER_NODE,
    OUTSIDER,
    PAYEE,
    ROWS_MAX,
    SESSION_CONTRACT,
    Books,
    assert_refused,
    row,
)
from tests.evm.contract import Reverted

# Active, and ten units short of the lifetime limit.
OLD_NODE = "0x" + "0d" * 20
CASES = {
    "empty": ([], [], 0),
    "exact": ([row(NODE, BALANCE)], [row(NODE, BALANCE)], BALANCE),
    "inactive": ([row(PAYEE, LIMIT - 1), row(NODE, 1)], [row(PAYEE, 0), row(NODE, 1)], 1),
    "zero": (
        [row(NODE, 0), row(PAYEE, 0), row(OLD_NODE, 0)],
        [row(NODE, 0), row(PAYEE, 0), row(OLD_NODE, 0)],
        0,
    ),
    "duplicate": ([row(NODE, 5), row(OTHER_NODE, 1), row(NODE, 6)],) * 2 + (12,),
    "lifetime limit": ([row(OLD_NODE, 10), row(NODE, 1)], [row(OLD_NODE, 0), row(NODE, 1)], 1),
    "below it": ([row(OLD_NODE, 9)], [row(OLD_NODE, 9)], 9),
    "reaching it": (
        [row(OLD_NODE, 5), row(OLD_NODE, 5), row(OLD_NODE, 4), row(OLD_NODE, 1)],
        [row(OLD_NODE, 5), row(OLD_NODE, 0), row(OLD_NODE, 4), row(OLD_NODE, 0)],
        9,
    ),
}


@pytest.fixture
def funded(books: Books) -> Books:
    """Put 1,000 into the treasury; two nodes are active, a third is close to its lifetime limit."""
    books.collect(BALANCE)
    books.mark(NODE, OTHER_NODE)
    word = layout.pack(layout.NODE_ACCOUNT, earned=LIMIT - 10, lastUsedAt=1)
    books.store(layout.NODE_ACCOUNTS, OLD_NODE, word)
    return books


@pytest.mark.parametrize(("rows", "applied", "total"), CASES.values(), ids=CASES)
def test_says_what_the_call_does(funded: Books, rows: list[int], applied: list[int], total: int) -> None:
    assert funded.contract.previewAllocations(rows) == (total, tuple(applied))
    receipt = funded.contract.allocateNodeAmounts(0, rows, sender=SESSION_CONTRACT)
    assert receipt.events[0].args == {"sequence": 0, "total": total, "allocations": tuple(applied)}


@pytest.mark.parametrize("second", [1, LIMIT - 1 - BALANCE, LIMIT - 1])
def test_treasury_too_low(funded: Books, second: int) -> None:
    rows = [row(NODE, BALANCE), row(OTHER_NODE, second)]
    assert_refused(funded, "treasury: balance too low", "previewAllocations", rows, sender=OUTSIDER)


def test_changes_nothing(funded: Books) -> None:
    for _ in range(2):
        assert funded.contract.previewAllocations([row(NODE, 5)])[0] == 5
    assert funded.contract.nodePendingPayments(NODE) == 0


def test_ignores_role_pause_and_sequence(funded: Books) -> None:
    funded.set_treasury(sequence=2**32 - 1)
    funded.pause()
    assert funded.contract.previewAllocations([row(NODE, 5)], sender=OUTSIDER) == (5, (row(NODE, 5),))


def test_513_rows(funded: Books) -> None:
    with pytest.raises(Reverted) as refusal:
        funded.contract.previewAllocations([row(NODE, 0)] * (ROWS_MAX + 1))
    assert refusal.value.data == b""
