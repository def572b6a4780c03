"""`renounceRole`.

Given the holder of a role
    When it gives the role up
        It should not hold it any more, and it should be logged
    When all roles are given up
        It should leave the treasury locked, and owners and nodes free to leave
Given an account without the role
    It should change and log nothing
Given anyone who names another account
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    DEFAULT_ADMIN_ROLE,
    MISSING_ROLE,
    NODE,
    OTHER_OWNER,
    OTHER_SESSION,
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

NAME = "renounceRole"
HOLDERS = {DEFAULT_ADMIN_ROLE: ADMIN, ADMIN_ROLE: ADMIN, SESSION_CONTRACT_ROLE: SESSION_CONTRACT}


@pytest.mark.parametrize(("role", "holder"), HOLDERS.items())
def test_renounces(books: Books, role: bytes, holder: str) -> None:
    receipt = books.contract.renounceRole(role, holder, sender=holder)
    assert receipt.events == [event("RoleRevoked", role=role, account=holder, sender=holder)]
    assert not books.contract.hasRole(role, holder)


def test_not_held(books: Books) -> None:
    assert books.contract.renounceRole(ADMIN_ROLE, OUTSIDER, sender=OUTSIDER).events == []


def test_exits_stay_open_without_any_role(books: Books) -> None:
    books.collect(50)
    books.earn(NODE, 300)
    for role, holder in HOLDERS.items():
        books.contract.renounceRole(role, holder, sender=holder)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    books.contract.withdrawFromSession(SESSION, sender=OWNER)
    books.contract.withdrawFromSession(OTHER_SESSION, sender=OTHER_OWNER)
    assert books.held() == books.contract.liabilities() == books.contract.totalNetworkBalance() == 50
    assert_refused(books, MISSING_ROLE, "allocateNodePayments", [NODE], 50, sender=SESSION_CONTRACT)
    assert_refused(books, MISSING_ROLE, "grantRole", ADMIN_ROLE, ADMIN, sender=ADMIN)


@pytest.mark.parametrize(("role", "holder"), HOLDERS.items())
def test_only_for_itself(books: Books, role: bytes, holder: str) -> None:
    reason = "access_control: can only renounce roles for itself"
    assert_only(books, holder, NAME, role, holder, reason=reason)
