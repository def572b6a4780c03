"""`previewCharges`.

Given rows of every sort: good, short, unknown, empty, zero, duplicate
    It should return the total and the rows as the call then applies them
Given a pause, any caller and any sequence
    It should not care
Given 513 rows
    It should revert without data (what 512 cost is measured in `tests/contracts/gas`)
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    BALANCE,
    LIMIT,
    OTHER_BALANCE,
    OTHER_SESSION,
    OUTSIDER,
    ROWS_MAX,
    SESSION,
    SESSION_CONTRACT,
    UNKNOWN_SESSION,
    Books,
    row,
)
from tests.evm.contract import Reverted

CASES = {
    "empty": ([], [], 0),
    "exact": ([row(SESSION, BALANCE)], [row(SESSION, BALANCE)], BALANCE),
    "short": ([row(SESSION, BALANCE + 1)], [row(SESSION, BALANCE)], BALANCE),
    "largest": ([row(OTHER_SESSION, LIMIT - 1)], [row(OTHER_SESSION, OTHER_BALANCE)], OTHER_BALANCE),
    "unknown": ([row(UNKNOWN_SESSION, 5), row(0, 5)], [row(UNKNOWN_SESSION, 0), row(0, 0)], 0),
    "zero": ([row(SESSION, 0)], [row(SESSION, 0)], 0),
    "duplicate": (
        [row(SESSION, 600), row(OTHER_SESSION, 1), row(SESSION, 600), row(SESSION, 1)],
        [row(SESSION, 600), row(OTHER_SESSION, 1), row(SESSION, 400), row(SESSION, 0)],
        BALANCE + 1,
    ),
    "duplicate of a short one": (
        [row(SESSION, LIMIT - 1), row(SESSION, 5), row(OTHER_SESSION, 5)],
        [row(SESSION, BALANCE), row(SESSION, 0), row(OTHER_SESSION, 5)],
        BALANCE + 5,
    ),
}


@pytest.mark.parametrize(("rows", "applied", "total"), CASES.values(), ids=CASES)
def test_says_what_the_call_does(books: Books, rows: list[int], applied: list[int], total: int) -> None:
    assert books.contract.previewCharges(rows) == (total, tuple(applied))
    receipt = books.contract.payFromSessionsToNetwork(0, rows, sender=SESSION_CONTRACT)
    assert receipt.events[0].args == {"sequence": 0, "total": total, "charges": tuple(applied)}


def test_changes_nothing(books: Books) -> None:
    for _ in range(2):
        assert books.contract.previewCharges([row(SESSION, 5)])[0] == 5
    assert books.contract.sessionBalances(SESSION) == BALANCE


def test_ignores_role_pause_and_sequence(books: Books) -> None:
    books.set_treasury(sequence=2**32 - 1)
    books.pause()
    assert books.contract.previewCharges([row(SESSION, 5)], sender=OUTSIDER) == (5, (row(SESSION, 5),))


def test_513_rows(books: Books) -> None:
    with pytest.raises(Reverted) as refusal:
        books.contract.previewCharges([row(SESSION, 0)] * (ROWS_MAX + 1))
    assert refusal.value.data == b""
