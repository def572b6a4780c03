"""The constructor.

Given a deployer, an asset, an admin and a delay
    When the admin is somebody else
        It should end with the admin in both admin roles, the deployer in none, and nobody else in any
        It should log the deployer's grant, its end, and the two grants
    When the admin is the deployer
        It should keep both roles
    When the asset is zero
        It should keep books of the native coin
    When the asset is a token
        It should keep books of that token
    When the delay is 0 or 30 days
        It should take it
When the admin is zero, the delay is longer, or the asset has no code or no readable balance
    It should revert with a reason of its own
When value is sent along
    It should revert without data
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from eth_abi.abi import encode

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    DAY,
    DEFAULT_ADMIN_ROLE,
    OUTSIDER,
    SESSION_CONTRACT_ROLE,
    Books,
    artifact,
    event,
)
from tests.evm.actors import ACTORS
from tests.evm.backend import ZERO_ADDRESS, Backend
from tests.evm.contract import Contract, deploy, revert_reason
from tests.evm.hostile import MEGABYTE_ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable

DELAY_MAX = 30 * DAY


def _create(backend: Backend, asset: str, admin: str, delay: int, *, value: int = 0) -> Contract:
    return deploy(backend, artifact(), asset, admin, delay, sender=OUTSIDER, value=value)


def _refuses(backend: Backend, reason: str, asset: str, admin: str, delay: int, *, value: int = 0) -> None:
    wealth = backend.balance(OUTSIDER)
    data = bytes.fromhex(artifact()["bytecode"].removeprefix("0x"))
    data += encode(["address", "address", "uint256"], [asset, admin, delay])
    outcome = backend.execute(sender=OUTSIDER, to=None, data=data, value=value)
    assert (outcome.success, outcome.logs, outcome.created) == (False, (), None)
    assert revert_reason(outcome.output) == reason
    assert backend.balance(OUTSIDER) == wealth


@pytest.mark.parametrize("admin", [ADMIN, OUTSIDER], ids=["other", "deployer"])
def test_admin_alone_holds_roles(backend: Backend, admin: str) -> None:
    contract = _create(backend, ZERO_ADDRESS, admin, 0)
    for role in (DEFAULT_ADMIN_ROLE, ADMIN_ROLE, SESSION_CONTRACT_ROLE):
        for account in (*ACTORS.values(), contract.address, ZERO_ADDRESS):
            expected = account == admin and role != SESSION_CONTRACT_ROLE
            assert contract.hasRole(role, account) == expected


@pytest.mark.parametrize("admin", [ADMIN, OUTSIDER], ids=["other", "deployer"])
def test_events(backend: Backend, admin: str) -> None:
    data = bytes.fromhex(artifact()["bytecode"].removeprefix("0x"))
    data += encode(["address", "address", "uint256"], [ZERO_ADDRESS, admin, 0])
    outcome = backend.execute(sender=OUTSIDER, to=None, data=data)
    assert outcome.created is not None
    contract = Contract(backend, outcome.created, artifact()["abi"])
    assert contract.decode(outcome.logs) == [
        event("RoleGranted", role=DEFAULT_ADMIN_ROLE, account=OUTSIDER, sender=OUTSIDER),
        event("RoleRevoked", role=DEFAULT_ADMIN_ROLE, account=OUTSIDER, sender=OUTSIDER),
        event("RoleGranted", role=DEFAULT_ADMIN_ROLE, account=admin, sender=OUTSIDER),
        event("RoleGranted", role=ADMIN_ROLE, account=admin, sender=OUTSIDER),
    ]


def test_books_start_empty(backend: Backend) -> None:
    contract = _create(backend, ZERO_ADDRESS, ADMIN, 0)
    names = ("liabilities", "totalNetworkBalance", "surplus", "settlementSequence", "pausedUntil")
    assert [getattr(contract, name)() for name in names] == [0, 0, 0, 0, 0]


def test_native_asset(backend: Backend) -> None:
    assert _create(backend, ZERO_ADDRESS, ADMIN, 0).ASSET() == ZERO_ADDRESS


def test_token_asset(tokens: Books) -> None:
    assert _create(tokens.backend, tokens.asset, ADMIN, 0).ASSET() == tokens.asset


@pytest.mark.parametrize("delay", [0, 1, DELAY_MAX])
def test_delay(backend: Backend, delay: int) -> None:
    assert _create(backend, ZERO_ADDRESS, ADMIN, delay).WITHDRAWAL_DELAY() == delay


def test_admin_is_zero(backend: Backend, tokens: Books) -> None:
    _refuses(backend, "init: admin is zero", ZERO_ADDRESS, ZERO_ADDRESS, 0)
    _refuses(backend, "init: admin is zero", tokens.asset, ZERO_ADDRESS, 0)


@pytest.mark.parametrize("delay", [DELAY_MAX + 1, 2**256 - 1])
def test_delay_too_long(backend: Backend, tokens: Books, delay: int) -> None:
    _refuses(backend, "init: delay too long", ZERO_ADDRESS, ADMIN, delay)
    _refuses(backend, "init: delay too long", tokens.asset, ADMIN, delay)


def test_asset_without_code(backend: Backend) -> None:
    _refuses(backend, "asset: no code", ACTORS["payee"], ADMIN, 0)


def test_asset_without_balances(backend: Backend, make: Callable[..., Contract]) -> None:
    _refuses(backend, "asset: balance unreadable", make("HostilePayee").address, ADMIN, 0)


def test_asset_that_fails(backend: Backend, make: Callable[..., Contract]) -> None:
    token = make("FailingToken")
    token.setFailing(8, sender=ADMIN)
    for fault in (1, 2, 3, 4):
        token.setFault(fault, "init: admin is zero", sender=ADMIN)
        _refuses(backend, "asset: balance unreadable", token.address, ADMIN, 0)


def test_asset_that_answers_too_much(backend: Backend) -> None:
    flood = deploy(backend, MEGABYTE_ANSWER, sender=ADMIN)
    assert _create(backend, flood.address, ADMIN, 0).surplus() == 1


def test_takes_no_value(backend: Backend) -> None:
    _refuses(backend, "", ZERO_ADDRESS, ADMIN, 0, value=1)


def test_arguments_out_of_range(backend: Backend) -> None:
    data = bytes.fromhex(artifact()["bytecode"].removeprefix("0x")) + b"\xff" * 64 + bytes(32)
    outcome = backend.execute(sender=OUTSIDER, to=None, data=data)
    assert (outcome.success, outcome.output) == (False, b"")
