"""`supportsInterface`.

Given the identifiers of ERC-165 and of AccessControl
    It should be true
Given any other, the invalid one included
    It should be false
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.contracts.books import Books


@pytest.mark.parametrize("identifier", ["01ffc9a7", "7965db0b"])
def test_supported(books: Books, identifier: str) -> None:
    assert books.contract.supportsInterface(bytes.fromhex(identifier)) is True


@pytest.mark.parametrize("identifier", ["ffffffff", "00000000", "36372b07", "01ffc9a8"])
def test_not_supported(books: Books, identifier: str) -> None:
    assert books.contract.supportsInterface(bytes.fromhex(identifier)) is False
