"""Everything a history needs on the chain: deployments, tokens, hostile contracts, rich people.

It is put up once and restored before each history. Moods say how a hostile contract behaves from now on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.contracts.books import artifact
from tests.contracts.layout import slot_of
from tests.evm.actors import ACTORS
from tests.evm.backend import ZERO_ADDRESS
from tests.evm.compile import compiled
from tests.evm.contract import Contract, deploy
from tests.evm.hostile import TRUE, Fault, Function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.evm.backend import Backend

HERE: Final = Path(__file__).parent
NATIVE: Final = "native"
TOKEN: Final = "token"  # noqa: S105 - no secret
# More than the contract may ever owe, so that its own limits are what stops a deposit.
RICHES: Final = 2**98
ALLOWED: Final = 2**255
# More mappings than the token has.
SLOTS_MAX: Final = 256 * 8
# What a hostile contract says when it pretends to be the payment contract.
FORGERY: Final = "session: not registered"


class Reentry(NamedTuple):
    """The call that a hostile contract makes while it is being called; an empty signature sends raw bytes."""

    signature: str
    args: tuple[Any, ...]
    calldata: bytes
    value: int


@dataclass(frozen=True, slots=True)
class Mood:
    """How a token or a payee behaves; without anything set it is honest.

    A payee has only `fault` and `reentry`; which of its functions misbehave is a token's choice.
    """

    fault: Fault = Fault.NONE
    failing: Function = Function.NONE
    reentry: Reentry | None = None
    calling_back: Function = Function.NONE
    late: bool = False
    odd: Function = Function.NONE
    answer: bytes = TRUE
    skims: bool = False
    blocked: frozenset[str] = frozenset()


HONEST: Final = Mood()


@dataclass(slots=True)
class Stage:
    """The chain before a history; `contracts` by withdrawal delay."""

    backend: Backend
    kind: str
    token: Contract | None
    stray: Contract
    feeder: Contract
    hostile: tuple[Contract, ...]
    contracts: dict[int, Contract] = field(default_factory=dict)
    # The mapping of balances in a token's storage.
    balances: int = 0

    @property
    def asset(self) -> str:
        """Address of the asset; zero for the native coin."""
        return ZERO_ADDRESS if self.token is None else self.token.address

    @property
    def tokens(self) -> tuple[Contract, ...]:
        """All tokens: the asset, if it is one, and the one that is sent here by mistake."""
        return (self.stray,) if self.token is None else (self.token, self.stray)

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone but the payment contract."""
        others = (*self.hostile, *self.tokens, self.feeder)
        return (*ACTORS.values(), *(one.address for one in others))

    @property
    def coinless(self) -> tuple[str, ...]:
        """Contracts that take no native coin in any mood, because they have no function for it."""
        return (*(one.address for one in self.tokens), self.feeder.address)

    @property
    def payers(self) -> tuple[str, ...]:
        """Everyone who deposits: the actors and the hostile contracts."""
        return (*ACTORS.values(), *(one.address for one in self.hostile))


def put_up(backend: Backend, *, kind: str, delays: Sequence[int]) -> Stage:
    """Deploy everything and make everybody rich."""
    admin = ACTORS["admin"]

    def made(name: str, folder: Path | None = None) -> Contract:
        made_from = compiled(name) if folder is None else compiled(name, folder=folder)
        return deploy(backend, made_from, sender=admin)

    stage = Stage(
        backend=backend,
        kind=kind,
        token=made("MoodyToken", HERE) if kind == TOKEN else None,
        stray=made("MoodyToken", HERE),
        feeder=made("ForceFeeder"),
        hostile=(made("HostilePayee"), made("HostilePayee")),
    )
    for delay in delays:
        stage.contracts[delay] = deploy(
            backend, artifact(), stage.asset, admin, delay, sender=ACTORS["outsider"]
        )
    for account in stage.payers:
        backend.set_balance(account, RICHES)
        if stage.token is not None:
            stage.token.mint(account, RICHES, sender=admin)
            for contract in stage.contracts.values():
                stage.token.approve(contract.address, ALLOWED, sender=account)
    stage.balances = _mapping_of_balances(stage)
    return stage


def balance_of(stage: Stage, money: str, account: str) -> int:
    """Read what an account really has of a token, in every mood of the token; or of the native coin."""
    if money == ZERO_ADDRESS:
        return stage.backend.balance(account)
    return stage.backend.storage(money, slot_of(stage.balances, int(account, 16)))


def _mapping_of_balances(stage: Stage) -> int:
    """Find it by what is in it: to read a word is a hundred times faster than to call a function."""
    owner, backend = int(ACTORS["admin"], 16), stage.backend
    stage.stray.mint(ACTORS["admin"], RICHES, sender=ACTORS["admin"])
    slots = range(SLOTS_MAX)
    return next(one for one in slots if backend.storage(stage.stray.address, slot_of(one, owner)) == RICHES)


def change_mood(one: Contract, target: str, before: Mood, after: Mood) -> None:
    """Tell a token or a payee how to behave towards the payment contract at `target`."""
    sender = ACTORS["outsider"]
    if after.fault != before.fault:
        one.setFault(after.fault, FORGERY, sender=sender)
    if after.reentry != before.reentry and after.reentry is not None:
        reentry = after.reentry
        one.setCallback(target, reentry.calldata, reentry.value, sender=sender)
    if "transfer(address,uint256)" not in one.functions:
        if (after.reentry is None) != (before.reentry is None):
            one.setCallsBack(after.reentry is not None, sender=sender)
        return
    if after.failing != before.failing:
        one.setFailing(after.failing, sender=sender)
    if (after.calling_back, after.late) != (before.calling_back, before.late):
        one.setCallingBack(after.calling_back, after.late, sender=sender)
    if (after.odd, after.answer) != (before.odd, before.answer):
        one.setAnswer(after.odd, after.answer, sender=sender)
    if after.skims != before.skims:
        one.setSkims(after.skims, sender=sender)
    for account in after.blocked ^ before.blocked:
        one.setBlocked(account, account in after.blocked, sender=sender)
