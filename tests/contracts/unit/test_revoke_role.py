"""`revokeRole`.

Given the default admin
    When it revokes a role
        It should not be held any more, and be logged
    When the account has it not
        It should change and log nothing
Given anyone else, holders of the other roles included
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    DEFAULT_ADMIN_ROLE,
    MISSING_ROLE,
    OUTSIDER,
    SESSION,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    Books,
    assert_only,
    assert_refused,
    event,
)

NAME = "revokeRole"
HOLDERS = {DEFAULT_ADMIN_ROLE: ADMIN, ADMIN_ROLE: ADMIN, SESSION_CONTRACT_ROLE: SESSION_CONTRACT}


@pytest.mark.parametrize(("role", "holder"), HOLDERS.items())
def test_revokes(books: Books, role: bytes, holder: str) -> None:
    receipt = books.contract.revokeRole(role, holder, sender=ADMIN)
    assert receipt.events == [event("RoleRevoked", role=role, account=holder, sender=ADMIN)]
    assert not books.contract.hasRole(role, holder)


def test_counts_at_once(books: Books) -> None:
    books.contract.revokeRole(SESSION_CONTRACT_ROLE, SESSION_CONTRACT, sender=ADMIN)
    assert_refused(books, MISSING_ROLE, "payFromSessionToNetwork", SESSION, 1, sender=SESSION_CONTRACT)


def test_not_held(books: Books) -> None:
    receipt = books.contract.revokeRole(SESSION_CONTRACT_ROLE, OUTSIDER, sender=ADMIN)
    assert receipt.events == []


@pytest.mark.parametrize(("role", "holder"), HOLDERS.items())
def test_only_the_default_admin(books: Books, role: bytes, holder: str) -> None:
    assert_only(books, ADMIN, NAME, role, holder)
