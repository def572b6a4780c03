"""Pitfall 5: what is called in the middle of a call calls back.

Given a stranger that may do everything by itself
    When it calls any function of the books, views included, while they are paying it or asking its token
        It should be turned away without data
        It should not change what the call in the middle of which it was comes to
    When it calls while a view asks its token for a balance
        It should be able to read, and to change nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import OUTSIDER, OWNER, SESSION
from tests.contracts.reentry import (
    COIN,
    EXEMPT,
    INNER,
    KINDS,
    LEAVING,
    NO_SIGNATURE,
    READERS,
    RECOVERY,
    STRAY,
    TOKEN,
    Stage,
    build_stages,
    inner_value,
)
from tests.evm.contract import Reverted
from tests.evm.hostile import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.evm.backend import Backend


def _deposit(stage: Stage) -> None:
    stage.books.deposit(SESSION, 5, sender=OWNER)


def _deposit_with_permit(stage: Stage) -> None:
    stage.books.contract.depositToSessionWithPermit(SESSION, 5, *NO_SIGNATURE, sender=OWNER)


# Stage, in which function of the stranger it calls back, and the call in whose middle that is.
Outer = tuple[str, Function, "Callable[[Stage], None]"]
OUTERS: dict[str, Outer] = {
    "payout of native coin": (COIN, Function.NONE, lambda stage: stage.act("withdrawNodePayment", stage.me)),
    "withdrawal of native coin": (
        COIN,
        Function.NONE,
        lambda stage: stage.act("withdrawFromSession", LEAVING),
    ),
    "part of it": (COIN, Function.NONE, lambda stage: stage.act("withdrawFromSession", LEAVING, 5)),
    "recovery of native coin": (COIN, Function.NONE, lambda stage: stage.act("emergencyWithdrawETH")),
    "recovery of stray coin": (RECOVERY, Function.NONE, lambda stage: stage.act("emergencyWithdrawETH")),
    "recovery of a stray token": (
        STRAY,
        Function.TRANSFER,
        lambda stage: stage.act("adminWithdrawToken", stage.me),
    ),
    "reading a stray token": (
        STRAY,
        Function.BALANCE_OF,
        lambda stage: stage.act("adminWithdrawToken", stage.me),
    ),
    "payout of a token": (TOKEN, Function.TRANSFER, lambda stage: stage.act("withdrawNodePayment", stage.me)),
    "withdrawal of a token": (
        TOKEN,
        Function.TRANSFER,
        lambda stage: stage.act("withdrawFromSession", LEAVING),
    ),
    "part of a token": (TOKEN, Function.TRANSFER, lambda stage: stage.act("withdrawFromSession", LEAVING, 5)),
    "recovery of the token": (
        TOKEN,
        Function.TRANSFER,
        lambda stage: stage.act("adminWithdrawToken", stage.me),
    ),
    "reading the token": (
        TOKEN,
        Function.BALANCE_OF,
        lambda stage: stage.act("adminWithdrawToken", stage.me),
    ),
    "deposit": (TOKEN, Function.TRANSFER_FROM, _deposit),
    "reading in a deposit": (TOKEN, Function.BALANCE_OF, _deposit),
    "permit": (TOKEN, Function.PERMIT, _deposit_with_permit),
    "deposit after a permit": (TOKEN, Function.TRANSFER_FROM, _deposit_with_permit),
}


@pytest.fixture(scope="module")
def stages(chain: Backend, deployments: object) -> Iterator[Mapping[str, Stage]]:
    """Every stage, built once for many callbacks."""
    del deployments
    before = chain.snapshot()
    yield build_stages(chain)
    chain.restore(before)


@pytest.fixture
def stage(request: pytest.FixtureRequest, stages: Mapping[str, Stage], backend: Backend) -> Stage:
    """One of the stages, put back after the test."""
    del backend
    return stages[request.param]


@pytest.fixture(scope="module")
def untroubled(stages: Mapping[str, Stage]) -> Callable[[str], dict[str, object]]:
    """Tell what an outer call comes to when nobody calls back."""
    known: dict[str, dict[str, object]] = {}

    def result(name: str) -> dict[str, object]:
        if name not in known:
            kind, _, call = OUTERS[name]
            before = stages[kind].books.backend.snapshot()
            call(stages[kind])
            known[name] = stages[kind].picture()
            stages[kind].books.backend.restore(before)
        return known[name]

    return result


STAGES = pytest.mark.parametrize("stage", KINDS, indirect=True)
MIDDLES = pytest.mark.parametrize(
    ("stage", "outer", "late"),
    [
        pytest.param(kind, name, late, id=f"{name}{', late' * late}")
        for name, (kind, function, _) in OUTERS.items()
        for late in ((False, True) if function in (Function.TRANSFER, Function.TRANSFER_FROM) else (False,))
    ],
    indirect=["stage"],
)


@STAGES
def test_every_function_is_called_or_exempt(stage: Stage) -> None:
    assert {
        name for name in stage.books.contract.functions if name.split("(")[0] not in EXEMPT
    } == INNER.keys()


@STAGES
@pytest.mark.parametrize("inner", INNER)
def test_stranger_may_do_everything_by_itself(stage: Stage, inner: str) -> None:
    if inner == "unpause()":
        stage.act("pause", 5)
    refused = (stage.books.token is None and "WithPermit" in inner) or (
        stage.books.token is not None and inner == "depositToSession(uint256)"
    )
    value = inner_value(stage, inner)
    if refused:
        # The asset has no permits, or no value to take as the amount.
        with pytest.raises(Reverted, match=r"^asset: is not a token$|^session: amount is zero$"):
            stage.act(inner, *INNER[inner](stage), value=value)
    else:
        stage.act(inner, *INNER[inner](stage), value=value)


@MIDDLES
@pytest.mark.parametrize("inner", INNER)
def test_pitfall_5_calling_back(
    stage: Stage,
    untroubled: Callable[[str], dict[str, object]],
    outer: str,
    late: bool,
    inner: str,
) -> None:
    _, function, call = OUTERS[outer]
    expected = untroubled(outer)
    payload = stage.books.contract.calldata(inner, *INNER[inner](stage))
    stage.arm(payload, value=inner_value(stage, inner), when=function, late=late)
    call(stage)
    stage.stranger.setCallback(stage.stranger.address, b"", 0, sender=OUTSIDER)
    if function is Function.BALANCE_OF:
        # Reading leaves no trace; the token fails on purpose when the callback went through.
        stage.stranger.setTriggers(Function.NONE, sender=OUTSIDER)
    else:
        assert stage.stranger.attempts() == 1
        assert stage.stranger.successes() == 0
        assert stage.stranger.returned() == b""
    assert stage.picture() == expected


@MIDDLES
def test_stage_notices_a_callback_that_goes_through(stage: Stage, outer: str, late: bool) -> None:
    # Roles are outside the lock, so a question about one is answered: the stage is not blind.
    _, function, call = OUTERS[outer]
    stage.arm(stage.books.contract.calldata("getRoleAdmin", bytes(32)), when=function, late=late)
    if function is Function.BALANCE_OF:
        with pytest.raises(Reverted, match=r"^asset: balance unreadable$"):
            call(stage)
    else:
        call(stage)
        assert (stage.stranger.attempts(), stage.stranger.successes()) == (1, 1)


@pytest.mark.parametrize("stage", [TOKEN], indirect=True)
@pytest.mark.parametrize("inner", [name for name in INNER if name != "surplus()"])
def test_calling_back_while_a_view_reads(stage: Stage, inner: str) -> None:
    # Nothing is half done while `surplus` asks the token: reading is harmless there, writing impossible.
    before = stage.picture()
    stage.arm(stage.books.contract.calldata(inner, *INNER[inner](stage)), when=Function.BALANCE_OF)
    if inner in READERS:
        with pytest.raises(Reverted, match=r"^asset: balance unreadable$"):
            stage.books.contract.surplus()
    else:
        assert stage.books.contract.surplus() == 70
    stage.stranger.setTriggers(Function.NONE, sender=OUTSIDER)
    assert stage.picture() == before
