"""`emergencyWithdrawETH`.

Given native coin that was forced in
    When an admin recovers it from books of a token
        It should send the admin all of it and log it
    When an admin recovers it from books of the native coin
        It should send the surplus and not a wei more
When nothing is there
    It should revert
When the caller does not take money
    It should revert
When the contract is paused
    It should work
Given anyone else
    It should revert
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    NODE,
    OUTSIDER,
    OWNER,
    SESSION,
    Books,
    assert_only,
    assert_refused,
    event,
)
from tests.evm.backend import ZERO_ADDRESS
from tests.evm.contract import Reverted
from tests.evm.hostile import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Contract

NAME = "emergencyWithdrawETH"


@pytest.fixture
def forced(books: Books, make: Callable[..., Contract]) -> Books:
    """Books into which 70 wei were forced by a contract that ended itself."""
    make("ForceFeeder").feed(books.address, sender=OUTSIDER, value=70)
    return books


def test_recovers_what_was_forced_in(forced: Books) -> None:
    forced.earn(NODE, 100)
    forced.collect(100)
    wealth, owed, held = forced.backend.balance(ADMIN), forced.contract.liabilities(), forced.held()
    receipt = forced.contract.emergencyWithdrawETH(sender=ADMIN)
    assert receipt.events == [event("TokenRecovered", token=ZERO_ADDRESS, to=ADMIN, amount=70)]
    assert forced.backend.balance(ADMIN) == wealth + 70
    assert forced.held() == forced.contract.liabilities() == owed
    assert forced.held() == (held - 70 if forced.token is None else held)


def test_goes_to_whoever_calls(forced: Books) -> None:
    forced.contract.grantRole(ADMIN_ROLE, OUTSIDER, sender=ADMIN)
    wealth = forced.backend.balance(OUTSIDER)
    forced.contract.emergencyWithdrawETH(sender=OUTSIDER)
    assert forced.backend.balance(OUTSIDER) == wealth + 70


def test_nothing_to_recover(books: Books) -> None:
    assert_refused(books, "recovery: nothing to recover", NAME, sender=ADMIN)


def test_recovered_already(forced: Books) -> None:
    forced.contract.emergencyWithdrawETH(sender=ADMIN)
    assert_refused(forced, "recovery: nothing to recover", NAME, sender=ADMIN)


def test_surplus_of_a_token_is_no_native_coin(tokens: Books) -> None:
    tokens.give(tokens.address, 70)
    assert_refused(tokens, "recovery: nothing to recover", NAME, sender=ADMIN)


def test_less_than_nothing_is_no_surplus(native: Books) -> None:
    native.backend.set_balance(native.address, native.contract.liabilities() - 1)
    assert_refused(native, "recovery: nothing to recover", NAME, sender=ADMIN)


def test_caller_that_takes_no_money(forced: Books, make: Callable[..., Contract]) -> None:
    caller = make("HostilePayee")
    caller.setFault(Fault.FORGED, "recovery: nothing to recover", sender=ADMIN)
    forced.contract.grantRole(ADMIN_ROLE, caller.address, sender=ADMIN)
    with pytest.raises(Reverted, match="asset: transfer failed"):
        caller.act(forced.address, forced.contract.calldata(NAME), sender=ADMIN)
    assert forced.backend.balance(forced.address) >= 70


def test_works_while_paused(forced: Books) -> None:
    forced.pause()
    forced.contract.emergencyWithdrawETH(sender=ADMIN)


def test_no_owner_loses_anything(forced: Books) -> None:
    forced.contract.emergencyWithdrawETH(sender=ADMIN)
    forced.earn(NODE, 100)
    forced.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    forced.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert forced.held() == forced.contract.liabilities()


def test_only_the_admin(forced: Books) -> None:
    assert_only(forced, ADMIN, NAME)
