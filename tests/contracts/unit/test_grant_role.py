"""`grantRole`.

Given the default admin
    When it grants a role
        It should be held at once, beside those who have it already, and logged
    When the account has it already
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
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    Books,
    assert_only,
    assert_refused,
    event,
)

NAME = "grantRole"
ROLES = (DEFAULT_ADMIN_ROLE, ADMIN_ROLE, SESSION_CONTRACT_ROLE)


@pytest.mark.parametrize("role", ROLES)
def test_grants(books: Books, role: bytes) -> None:
    receipt = books.contract.grantRole(role, OUTSIDER, sender=ADMIN)
    assert receipt.events == [event("RoleGranted", role=role, account=OUTSIDER, sender=ADMIN)]
    assert books.contract.hasRole(role, OUTSIDER)
    books.collect(1)


def test_granted_already(books: Books) -> None:
    receipt = books.contract.grantRole(SESSION_CONTRACT_ROLE, SESSION_CONTRACT, sender=ADMIN)
    assert receipt.events == []
    books.collect(1)


def test_counts_at_once(books: Books) -> None:
    books.contract.grantRole(SESSION_CONTRACT_ROLE, OUTSIDER, sender=ADMIN)
    books.contract.payFromSessionToNetwork(SESSION, 1, sender=OUTSIDER)
    books.contract.grantRole(ADMIN_ROLE, OUTSIDER, sender=ADMIN)
    books.contract.pause(1, sender=OUTSIDER)


def test_admin_role_grants_nothing(books: Books) -> None:
    books.contract.grantRole(ADMIN_ROLE, OUTSIDER, sender=ADMIN)
    reason = "access_control: account is missing role"
    assert_refused(books, reason, NAME, ADMIN_ROLE, OWNER, sender=OUTSIDER)


@pytest.mark.parametrize("role", ROLES)
def test_only_the_default_admin(books: Books, role: bytes) -> None:
    assert_only(books, ADMIN, NAME, role, OUTSIDER)
