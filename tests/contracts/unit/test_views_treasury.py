"""The views of the whole.

`totalNetworkBalance`, `liabilities`, `settlementSequence`, `pausedUntil`.

Given deposits, charges, allocations and payouts
    It should read what the sums say
Given words with every bit set
    It should keep the fields apart
"""

from __future__ import annotations

import pytest

from tests.contracts import layout
from tests.contracts.books import (
    BALANCE,
    NODE,
    OTHER_BALANCE,
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    Books,
)

VIEWS = {
    "network": "totalNetworkBalance",
    "liabilities": "liabilities",
    "sequence": "settlementSequence",
    "pausedUntil": "pausedUntil",
}


def _reads(books: Books) -> dict[str, int]:
    return {field: getattr(books.contract, view)() for field, view in VIEWS.items()}


def test_follow_the_money(books: Books) -> None:
    owed = BALANCE + OTHER_BALANCE
    expected = {"network": 0, "liabilities": owed, "sequence": 0, "pausedUntil": 0}
    assert _reads(books) == expected
    books.collect(300)
    assert _reads(books) == expected | {"network": 300}
    books.mark(NODE)
    books.contract.allocateNodePayments([NODE], 100, sender=SESSION_CONTRACT)
    assert _reads(books) == expected | {"network": 200}
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert _reads(books) == expected | {"network": 200, "liabilities": owed - 100}
    books.contract.withdrawFromSession(SESSION, 50, sender=OWNER)
    assert _reads(books) == expected | {"network": 200, "liabilities": owed - 150}
    books.contract.payFromSessionsToNetwork(0, [], sender=SESSION_CONTRACT)
    books.pause()
    paused = {"network": 200, "liabilities": owed - 150, "sequence": 1, "pausedUntil": books.now + 86_400}
    assert _reads(books) == paused == books.treasury()


@pytest.mark.parametrize("field", VIEWS)
def test_fields_keep_apart(books: Books, field: str) -> None:
    full = (1 << layout.TREASURY_WORD[field]) - 1
    books.set_treasury(**dict.fromkeys(VIEWS, 0) | {field: full})
    assert _reads(books) == dict.fromkeys(VIEWS, 0) | {field: full}
