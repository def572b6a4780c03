"""The hostile contracts, before anything is tested with them.

Given a token or a payee from the zoo, on each of the two chains
    When it is told to misbehave
        It should misbehave in exactly that way
    When it is not
        It should be an honest token or payee
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .actors import ACTORS
from .compile import compiled
from .contract import Contract, Reverted, deploy
from .hostile import FALSE, MEGABYTE_ANSWER, ODD_ANSWERS, TRUE, Fault, Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backend import Backend

ADMIN, HOLDER, SPENDER, PAYEE = (ACTORS[role] for role in ("admin", "session_owner", "outsider", "payee"))
MEGABYTE = 2**20
ZOO = ("OddReturnToken", "FailingToken", "ShiftingToken", "GuardedToken", "TwoAddressToken", "CallbackToken")


@pytest.fixture
def make(backend: Backend) -> Callable[..., Contract]:
    """Deploy a hostile contract; a token comes with 1,000 for the holder, who allows the spender 600."""

    def deployed(name: str, *args: object) -> Contract:
        contract = deploy(backend, compiled(name), *args, sender=ADMIN)
        if "mint(address,uint256)" in contract.functions:
            contract.mint(HOLDER, 1_000, sender=ADMIN)
            contract.approve(SPENDER, 600, sender=HOLDER)
        return contract

    return deployed


@pytest.mark.parametrize("name", ZOO)
def test_tokens_are_honest_at_first(make: Callable[..., Contract], name: str) -> None:
    token = make(name)
    token.transfer(PAYEE, 100, sender=HOLDER)
    token.transferFrom(HOLDER, PAYEE, 600, sender=SPENDER)
    assert (token.balanceOf(HOLDER), token.balanceOf(PAYEE)) == (300, 700)


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_odd_answers(make: Callable[..., Contract], backend: Backend, answer: bytes) -> None:
    token = make("OddReturnToken")
    token.setAnswer(answer, sender=ADMIN)
    data = token.calldata("transfer", PAYEE, 5)
    assert backend.call(sender=HOLDER, to=token.address, data=data).output == answer
    token.transfer(PAYEE, 5, sender=HOLDER)
    assert token.balanceOf(PAYEE) == 5


def test_odd_token_answers_false_and_pretends(make: Callable[..., Contract], backend: Backend) -> None:
    token = make("OddReturnToken")
    for name, args in (("transfer", (PAYEE, 1_001)), ("transferFrom", (HOLDER, PAYEE, 601))):
        data = token.calldata(name, *args)
        assert backend.call(sender=HOLDER, to=token.address, data=data).output == FALSE
        token.send(data, sender=SPENDER)
    token.setAnswer(TRUE, sender=ADMIN)
    token.setPretends(True, sender=ADMIN)
    token.transfer(PAYEE, 5, sender=HOLDER)
    assert token.balanceOf(PAYEE) == 0


@pytest.mark.parametrize(
    ("fault", "data_length", "reason"),
    [
        (Fault.SILENT, 0, ""),
        (Fault.FORGED, 100, "session: not registered"),
        (Fault.BURN, 0, ""),
        (Fault.MEGABYTE, MEGABYTE, None),
    ],
)
def test_faults(make: Callable[..., Contract], fault: Fault, data_length: int, reason: str | None) -> None:
    payee, token = make("HostilePayee"), make("FailingToken")
    for contract in (payee, token):
        contract.setFault(fault, "session: not registered", sender=ADMIN)
    token.setFailing(Function.TRANSFER | Function.BALANCE_OF, sender=ADMIN)
    attempts: list[Callable[[], object]] = [
        lambda: payee.send(sender=HOLDER, value=1),
        lambda: token.transfer(PAYEE, 1, sender=HOLDER),
        lambda: token.balanceOf(PAYEE),
    ]
    for attempt in attempts:
        with pytest.raises(Reverted) as refusal:
            attempt()
        assert len(refusal.value.data) == data_length
        assert reason is None or refusal.value.reason == reason
    token.transferFrom(HOLDER, PAYEE, 1, sender=SPENDER)


def test_payee_accepts_again(make: Callable[..., Contract], backend: Backend) -> None:
    payee = make("HostilePayee")
    payee.setFault(Fault.SILENT, sender=ADMIN)
    payee.setFault(Fault.NONE, sender=ADMIN)
    payee.send(sender=HOLDER, value=3)
    assert backend.balance(payee.address) == 3


def test_failing_token_lies_and_permits_anything(make: Callable[..., Contract]) -> None:
    token = make("FailingToken")
    token.setLie(HOLDER, True, 5, sender=ADMIN)
    assert token.balanceOf(HOLDER) == 5
    token.permit(HOLDER, PAYEE, 9, 0, 0, FALSE, FALSE, sender=PAYEE)
    assert token.allowance(HOLDER, PAYEE) == 9


def test_megabyte_answer(backend: Backend) -> None:
    flood = deploy(backend, MEGABYTE_ANSWER, sender=ADMIN)
    flood.send(sender=HOLDER, value=2)
    assert backend.balance(flood.address) == 2
    output = backend.call(sender=HOLDER, to=flood.address, data=b"\x01\x02\x03\x04").output
    assert (output[:32], len(output)) == (TRUE, MEGABYTE)


def test_shifting_token(make: Callable[..., Contract]) -> None:
    token = make("ShiftingToken")
    token.setFee(100_000, sender=ADMIN)
    token.transfer(PAYEE, 100, sender=HOLDER)
    assert (token.balanceOf(HOLDER), token.balanceOf(PAYEE)) == (900, 90)
    token.setScale(500_000, sender=ADMIN)
    assert (token.balanceOf(HOLDER), token.balanceOf(PAYEE)) == (450, 45)
    token.setFee(0, sender=ADMIN)
    token.transfer(PAYEE, 50, sender=HOLDER)
    assert (token.balanceOf(HOLDER), token.balanceOf(PAYEE)) == (400, 95)


def test_guarded_token(make: Callable[..., Contract]) -> None:
    token = make("GuardedToken")
    token.setBlocked(PAYEE, True, sender=ADMIN)
    with pytest.raises(Reverted, match="token: blocked"):
        token.transfer(PAYEE, 1, sender=HOLDER)
    token.setPaused(True, sender=ADMIN)
    with pytest.raises(Reverted, match="token: paused"):
        token.transferFrom(HOLDER, SPENDER, 1, sender=SPENDER)


def test_two_addresses_move_one_balance(make: Callable[..., Contract]) -> None:
    token = make("TwoAddressToken")
    front = make("TokenFront", token.address)
    token.setFront(front.address, sender=ADMIN)
    front.transfer(PAYEE, 10, sender=HOLDER)
    front.transferFrom(HOLDER, PAYEE, 20, sender=SPENDER)
    assert token.balanceOf(PAYEE) == front.balanceOf(PAYEE) == 30
    with pytest.raises(Reverted, match="token: front only"):
        token.transferThroughFront(HOLDER, PAYEE, 1, sender=PAYEE)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("function", [Function.TRANSFER, Function.TRANSFER_FROM, Function.PERMIT])
def test_token_calls_back(
    make: Callable[..., Contract], dollar: Contract, function: Function, late: bool
) -> None:
    token = make("CallbackToken")
    token.setCallback(dollar.address, dollar.calldata("transfer", PAYEE, 7), sender=ADMIN)
    token.setTriggers(function, late, sender=ADMIN)
    calls: dict[Function, Callable[[], object]] = {
        Function.TRANSFER: lambda: token.transfer(PAYEE, 1, sender=HOLDER),
        Function.TRANSFER_FROM: lambda: token.transferFrom(HOLDER, PAYEE, 1, sender=SPENDER),
        Function.PERMIT: lambda: token.permit(HOLDER, PAYEE, 1, 0, 0, FALSE, FALSE, sender=PAYEE),
    }
    calls[function]()
    assert (token.attempts(), token.successes()) == (1, 0)
    assert b"token: balance too small" in token.returned()
    dollar.mint(token.address, 7, sender=ADMIN)
    calls[function]()
    assert (token.attempts(), token.successes(), token.returned()) == (2, 1, TRUE)
    assert dollar.balanceOf(PAYEE) == 7
    for other in calls.keys() - {function}:
        calls[other]()
    assert token.attempts() == 2


def test_token_calls_back_while_its_balance_is_read(make: Callable[..., Contract], dollar: Contract) -> None:
    token = make("CallbackToken")
    token.setTriggers(Function.BALANCE_OF, sender=ADMIN)
    token.setCallback(dollar.address, dollar.calldata("totalSupply"), sender=ADMIN)
    with pytest.raises(Reverted, match="callback: went through"):
        token.balanceOf(HOLDER)
    token.setCallback(dollar.address, dollar.calldata("mint", PAYEE, 1), sender=ADMIN)
    assert token.balanceOf(HOLDER) == 1_000


def test_payee_calls_back_with_value(make: Callable[..., Contract], backend: Backend) -> None:
    payee, other = make("HostilePayee"), make("HostilePayee")
    payee.setCallback(other.address, b"", 4, sender=ADMIN)
    payee.setCallsBack(True, sender=ADMIN)
    payee.send(sender=HOLDER, value=10)
    assert (payee.attempts(), payee.successes()) == (1, 1)
    assert (backend.balance(payee.address), backend.balance(other.address)) == (6, 4)
    # Called back by what it calls, it does not call again.
    payee.setCallback(payee.address, b"", 1, sender=ADMIN)
    payee.send(sender=HOLDER, value=1)
    assert payee.attempts() == 2


def test_hostile_contracts_act(make: Callable[..., Contract], dollar: Contract) -> None:
    payee = make("HostilePayee")
    dollar.mint(payee.address, 5, sender=ADMIN)
    payee.act(dollar.address, dollar.calldata("transfer", PAYEE, 5), sender=HOLDER)
    assert dollar.balanceOf(PAYEE) == 5
    with pytest.raises(Reverted, match="token: balance too small"):
        payee.act(dollar.address, dollar.calldata("transfer", PAYEE, 5), sender=HOLDER)


def test_force_feeder(make: Callable[..., Contract], backend: Backend, dollar: Contract) -> None:
    feeder = make("ForceFeeder")
    with pytest.raises(Reverted):
        dollar.send(sender=HOLDER, value=9)
    feeder.feed(dollar.address, sender=HOLDER, value=9)
    assert backend.balance(dollar.address) == 9
