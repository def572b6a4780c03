"""Payees, owners and admins that do not simply take their money.

Given a payee that reverts, burns all gas, returns megabytes or imitates the contract's own words
    When its node is paid
        It should fail with one text of the contract's own, keep the money pending, and pass nothing on
        It should pay every other node
    When another payee is set
        It should pay everything
Given an owner or an admin of that sort
    It should fail in the same way, for nobody else
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    BALANCE,
    NODE,
    OTHER_NODE,
    OUTSIDER,
    OWNER,
    PAYEE,
    SESSION,
    Books,
    assert_refused,
    deploy_books,
)
from tests.evm.contract import Contract, Reverted, deploy
from tests.evm.hostile import MEGABYTE_ANSWER, Fault, Function

if TYPE_CHECKING:
    from collections.abc import Callable

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
FAILED = "asset: transfer failed"
# What the contract itself would say; a payee that says it must not be believed.
FORGERY = "node: nothing to pay"
# Paying a payee that floods its caller must cost what the payee spends, not what a copy would.
FLOODED_GAS_MAX = 4_000_000


@pytest.fixture
def hostile(make: Callable[..., Contract]) -> Contract:
    """Deploy a payee that can be told to fail."""
    return make("HostilePayee")


def _earning(books: Books, payee: str) -> None:
    books.earn(NODE, 300)
    books.earn(OTHER_NODE, 200)
    books.contract.setNodePayee(NODE, payee, sender=NODE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_pitfall_6_payee_that_fails(native: Books, hostile: Contract, fault: Fault) -> None:
    _earning(native, hostile.address)
    hostile.setFault(fault, FORGERY, sender=ADMIN)
    assert_refused(native, FAILED, "withdrawNodePayment", NODE, sender=OUTSIDER)
    assert native.contract.nodePendingPayments(NODE) == 300
    wealth = native.holding(OTHER_NODE)
    native.contract.withdrawNodePayment(OTHER_NODE, sender=OUTSIDER)
    assert native.holding(OTHER_NODE) == wealth + 200
    data = native.contract.calldata("setNodePayee", NODE, PAYEE)
    hostile.act(native.address, data, sender=OUTSIDER)
    native.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert native.contract.nodePendingPayments(NODE) == 0
    assert native.held() == native.contract.liabilities()


def test_pitfall_6_payee_that_answers_a_megabyte(native: Books) -> None:
    flood = deploy(native.backend, MEGABYTE_ANSWER, sender=ADMIN)
    _earning(native, flood.address)
    receipt = native.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert receipt.gas_used < FLOODED_GAS_MAX
    assert native.backend.balance(flood.address) == 300


def test_payee_without_code_of_a_token(tokens: Books) -> None:
    _earning(tokens, "0x" + "5a" * 20)
    tokens.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert tokens.holding("0x" + "5a" * 20) == 300


def test_payee_that_the_token_blocks(make: Callable[..., Contract]) -> None:
    token = make("GuardedToken")
    books = deploy_books(token.backend, token=token, delay=0)
    _earning(books, PAYEE)
    token.setBlocked(PAYEE, True, sender=ADMIN)
    assert_refused(books, FAILED, "withdrawNodePayment", NODE, sender=OUTSIDER)
    books.contract.withdrawNodePayment(OTHER_NODE, sender=OUTSIDER)
    books.contract.setNodePayee(NODE, OUTSIDER, sender=PAYEE)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert books.held() == books.contract.liabilities()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_owner_that_takes_no_money(native: Books, hostile: Contract, fault: Fault) -> None:
    native.contract.transferSession(SESSION, hostile.address, sender=OWNER)
    hostile.setFault(fault, FORGERY, sender=ADMIN)
    for args in ((SESSION,), (SESSION, 1)):
        assert_refused(native, FAILED, "withdrawFromSession", *args, sender=hostile.address)
    data = native.contract.calldata("transferSession", SESSION, OUTSIDER)
    hostile.act(native.address, data, sender=OUTSIDER)
    native.contract.withdrawFromSession(SESSION, sender=OUTSIDER)
    assert native.held() == native.contract.liabilities()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_admin_that_takes_no_money(native: Books, hostile: Contract, fault: Fault) -> None:
    native.give(native.address, 70)
    native.contract.grantRole(ADMIN_ROLE, hostile.address, sender=ADMIN)
    hostile.setFault(fault, FORGERY, sender=ADMIN)
    assert_refused(native, FAILED, "emergencyWithdrawETH", sender=hostile.address)
    native.contract.emergencyWithdrawETH(sender=ADMIN)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("function", list(Function)[1:], ids=lambda function: function.name)
def test_token_that_fails(make: Callable[..., Contract], function: Function, fault: Fault) -> None:
    token = make("FailingToken")
    books = deploy_books(token.backend, token=token, delay=0)
    _earning(books, PAYEE)
    token.setFault(fault, FORGERY, sender=ADMIN)
    calls: dict[Function, list[tuple[str, tuple[object, ...], str]]] = {
        Function.TRANSFER: [
            ("withdrawNodePayment", (NODE,), FAILED),
            ("withdrawFromSession", (SESSION,), FAILED),
            ("withdrawFromSession", (SESSION, 1), FAILED),
        ],
        Function.TRANSFER_FROM: [("depositToSession", (SESSION, 1), FAILED)],
        Function.BALANCE_OF: [("depositToSession", (SESSION, 1), "asset: balance unreadable")],
        Function.PERMIT: [],
    }
    for name, args, reason in calls[function]:
        before = books.treasury()
        token.setFailing(function, sender=ADMIN)
        with pytest.raises(Reverted) as refusal:
            getattr(books.contract, name)(*args, sender=OWNER)
        assert refusal.value.reason == reason
        token.setFailing(Function.NONE, sender=ADMIN)
        assert books.treasury() == before
        assert books.held() == books.contract.liabilities()


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.FORGED, Fault.MEGABYTE], ids=lambda fault: fault.name)
def test_permit_that_fails(make: Callable[..., Contract], fault: Fault) -> None:
    token = make("FailingToken")
    books = deploy_books(token.backend, token=token, delay=0)
    token.setFault(fault, FORGERY, sender=ADMIN)
    token.setFailing(Function.PERMIT, sender=ADMIN)
    nothing = bytes(32)
    books.contract.depositToSessionWithPermit(SESSION, 5, 0, 27, nothing, nothing, sender=OWNER)
    assert books.contract.sessionBalances(SESSION) == BALANCE + 5
    with pytest.raises(Reverted, match=f"^{FAILED}$"):
        books.contract.depositToSessionWithPermit(SESSION, 5, 0, 27, nothing, nothing, sender=OUTSIDER)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_stray_token_that_fails(books: Books, make: Callable[..., Contract], fault: Fault) -> None:
    stray = make("FailingToken")
    stray.mint(books.address, 5, sender=ADMIN)
    stray.setFault(fault, FORGERY, sender=ADMIN)
    for function, reason in ((Function.TRANSFER, FAILED), (Function.BALANCE_OF, "asset: balance unreadable")):
        stray.setFailing(function, sender=ADMIN)
        assert_refused(books, reason, "adminWithdrawToken", stray.address, sender=ADMIN)
