"""What no function answers.

Given books of either kind
    When native coin is sent plainly, with or without value
        It should revert without data
    When the calldata is shorter than a selector, or the selector is unknown
        It should revert without data
"""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.contracts.books import ADMIN, OWNER, Books, picture

CALLS = {
    "plain": b"",
    "short": b"\x01\x02\x03",
    "unknown": b"\xde\xad\xbe\xef",
    "long": b"\xde\xad\xbe\xef" * 40,
}


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("data", CALLS.values(), ids=CALLS)
def test_reverts_without_data(books: Books, data: bytes, value: int) -> None:
    before = picture(books)
    outcome = books.backend.execute(sender=OWNER, to=books.address, data=data, value=value)
    assert (outcome.success, outcome.output, outcome.logs) == (False, b"", ())
    assert picture(books) == before


def test_every_selector_prefix_is_not_enough(books: Books) -> None:
    for function in books.contract.functions.values():
        outcome = books.backend.call(sender=OWNER, to=books.address, data=function.selector[:3])
        assert (outcome.success, outcome.output) == (False, b"")


@pytest.mark.parametrize(
    "signature", ["set_role_admin(bytes32,bytes32)", "owner()", "transferOwnership(address)", "getAccount()"]
)
def test_functions_that_are_not_offered(books: Books, signature: str) -> None:
    data = keccak(text=signature)[:4] + bytes(64)
    outcome = books.backend.call(sender=ADMIN, to=books.address, data=data)
    assert (outcome.success, outcome.output) == (False, b"")
