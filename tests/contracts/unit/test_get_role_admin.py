"""`getRoleAdmin`.

Given any role, known or not
    It should be the default admin role, since nothing can set another
"""

from __future__ import annotations

import pytest

from tests.contracts.books import ADMIN_ROLE, DEFAULT_ADMIN_ROLE, SESSION_CONTRACT_ROLE, Books


@pytest.mark.parametrize("role", [DEFAULT_ADMIN_ROLE, ADMIN_ROLE, SESSION_CONTRACT_ROLE, b"\x01" * 32])
def test_is_the_default_admin_role(books: Books, role: bytes) -> None:
    assert books.contract.getRoleAdmin(role) == DEFAULT_ADMIN_ROLE
