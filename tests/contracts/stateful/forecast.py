"""What tokens and payees will make of a call that the ledger allows.

The ledger knows the rules; whether money really moves is up to strangers. Their moods are known here, so even
their refusals are predicted, as are the calls that they make in the middle of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sessionpay.core import events as ev
from sessionpay.core.ids import Address
from sessionpay.core.ledger import Call
from sessionpay.core.refusals import ContractRefusal
from tests.contracts.stateful import calls
from tests.contracts.stateful.stage import HONEST
from tests.evm.backend import ZERO_ADDRESS
from tests.evm.contract import Reverted
from tests.evm.hostile import TRUE, Fault, Function

if TYPE_CHECKING:
    from tests.contracts.stateful.world import World

    Events = tuple[ev.Event, ...]

TRANSFER_FAILED: Final = "asset: transfer failed"
WRONG_AMOUNT: Final = "asset: wrong amount received"
UNREADABLE: Final = "asset: balance unreadable"
# Larger than any real holding: the ledger then leaves the judgement to the token, which cannot be read.
_UNKNOWN_HOLDING: Final = 2**255


@dataclass(frozen=True, slots=True)
class Echo:
    """A call back into the contract: who makes it, if anybody, and what comes of it."""

    caller: str | None = None
    events: tuple[ev.Event, ...] = ()
    succeeds: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a call ends: with a reason, or with events, those of a call back at the end."""

    reason: str | None
    events: tuple[ev.Event, ...] = ()
    echo: Echo = Echo()


@dataclass(frozen=True, slots=True)
class _Question:
    world: World
    call: Call
    signature: str
    args: tuple[Any, ...]


def forecast(world: World, call: Call, signature: str, args: tuple[Any, ...]) -> Forecast:
    """Predict the outcome of a call exactly."""
    question = _Question(world, call, signature, args)
    try:
        events = tuple(calls.ask(world.ledger, call, signature, args, held=_held(question)))
    except ContractRefusal as refusal:
        return Forecast(refusal.reason)
    reason = _refused_by_strangers(question, events)
    if reason is not None:
        return Forecast(reason)
    echo = _echo(question, events)
    return Forecast(None, events + echo.events, echo)


def fails(world: World, token: str, function: Function) -> bool:
    """Whether a token's function reverts, or answers with what no careful caller takes for success."""
    mood = world.moods[token]
    is_odd = function in mood.odd and mood.answer != b"" and not mood.answer.startswith(TRUE)
    return is_odd or (function in mood.failing and mood.fault != Fault.NONE)


def unreadable(world: World, money: str) -> bool:
    """Whether the contract cannot find out what it holds of a token: an account without code counts."""
    if money == ZERO_ADDRESS:
        return False
    return money not in world.tokens or fails(world, money, Function.BALANCE_OF)


def _held(question: _Question) -> int | None:
    """Tell what the ledger cannot know: how much there is to recover."""
    world = question.world
    if question.signature not in calls.RECOVERIES:
        return None
    money = question.args[0] if question.args else ZERO_ADDRESS
    return _UNKNOWN_HOLDING if unreadable(world, money) else world.wealth[money][world.address]


def _refused_by_strangers(question: _Question, events: Events) -> str | None:
    world, sender = question.world, question.call.sender
    match events:
        case [ev.DepositToSession(amount=amount)]:
            return None if world.stage.token is None else _pull_refused(question, amount)
        case [ev.WithdrawFromSession()]:
            return _send_refused(world, world.asset, sender)
        case [ev.NodePaymentWithdrawn(node=node)]:
            return _send_refused(world, world.asset, world.ledger.payee(node))
        case [ev.TokenRecovered(token=token)]:
            is_blind = unreadable(world, token) or unreadable(world, world.asset)
            return UNREADABLE if is_blind else _send_refused(world, token, sender)
        case _:
            return None


def _send_refused(world: World, money: str, receiver: str) -> str | None:
    if money == ZERO_ADDRESS:
        refuses = receiver in world.stage.coinless or world.moods.get(receiver, HONEST).fault != Fault.NONE
    else:
        refuses = receiver in world.moods[money].blocked or fails(world, money, Function.TRANSFER)
    return TRANSFER_FAILED if refuses else None


def _pull_refused(question: _Question, amount: int) -> str | None:
    world, sender = question.world, question.call.sender
    asset, mood = world.asset, world.moods[world.asset]
    if unreadable(world, asset):
        return UNREADABLE
    allowed = world.tokens[asset].allowance(sender, world.address)
    if question.signature == calls.DEPOSIT_PERMIT and _permit_works(question):
        allowed = amount
    is_short = min(allowed, world.wealth[asset][sender]) < amount
    if is_short or world.address in mood.blocked or fails(world, asset, Function.TRANSFER_FROM):
        return TRANSFER_FAILED
    return WRONG_AMOUNT if mood.skims else None


def _permit_works(question: _Question) -> bool:
    """Ask the token itself, in a trial that leaves no trace."""
    world, sender = question.world, question.call.sender
    _, amount, *permit = question.args
    try:
        world.tokens[world.asset].permit.call(sender, world.address, amount, *permit, sender=world.address)
    except Reverted:
        return False
    return True


def _echo(question: _Question, events: Events) -> Echo:
    """Only AccessControl's own functions and constants may answer in the middle of another call."""
    world = question.world
    caller = _who_calls_back(question, events)
    reentry = world.moods[caller].reentry if caller else None
    if caller is None or reentry is None:
        return Echo()
    if reentry.value or reentry.signature not in (*calls.ACCESS_CONTROL, *calls.UNGUARDED_READS):
        return Echo(caller)
    if reentry.signature in calls.UNGUARDED_READS:
        return Echo(caller, succeeds=True)
    inner = Call(Address(caller), question.call.now)
    try:
        return Echo(caller, tuple(calls.ask(world.ledger, inner, reentry.signature, reentry.args)), True)
    except ContractRefusal:
        return Echo(caller)


def _who_calls_back(question: _Question, events: Events) -> str | None:
    world = question.world
    match events:
        case [ev.DepositToSession()] if world.stage.token is not None:
            calling_back = world.moods[world.asset].calling_back
            permits = Function.PERMIT in calling_back and question.signature == calls.DEPOSIT_PERMIT
            pulls = Function.TRANSFER_FROM in calling_back
            return world.asset if pulls or (permits and _permit_works(question)) else None
        case [ev.WithdrawFromSession()]:
            return _receiver_calls_back(world, world.asset, question.call.sender)
        case [ev.NodePaymentWithdrawn(node=node)]:
            return _receiver_calls_back(world, world.asset, world.ledger.payee(node))
        case [ev.TokenRecovered(token=token)]:
            return _receiver_calls_back(world, token, question.call.sender)
        case _:
            return None


def _receiver_calls_back(world: World, money: str, receiver: str) -> str | None:
    if money == ZERO_ADDRESS:
        return receiver if receiver in world.moods else None
    return money if Function.TRANSFER in world.moods[money].calling_back else None
