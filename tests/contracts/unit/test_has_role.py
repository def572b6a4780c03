"""`hasRole`.

Given the roles as deployed
    It should be true for their holders and nobody else
Given a role that does not exist
    It should be false for everybody
"""

from __future__ import annotations

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    DEFAULT_ADMIN_ROLE,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    Books,
)
from tests.evm.actors import ACTORS

HOLDERS = {DEFAULT_ADMIN_ROLE: ADMIN, ADMIN_ROLE: ADMIN, SESSION_CONTRACT_ROLE: SESSION_CONTRACT}


def test_holders_and_nobody_else(books: Books) -> None:
    for role, holder in HOLDERS.items():
        held = {
            account for account in (*ACTORS.values(), books.address) if books.contract.hasRole(role, account)
        }
        assert held == {holder}


def test_unknown_role(books: Books) -> None:
    assert not any(books.contract.hasRole(b"\x01" * 32, account) for account in ACTORS.values())
