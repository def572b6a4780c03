"""The stage for re-entrancy: a stranger that holds every right there is, and is called in the middle of a call.

The stranger is a contract: it owns sessions, is a node, holds both roles and has approved its token, so that
nothing but the lock can keep what it calls back from working. `INNER` are the calls that it makes, `OUTER` the
calls in whose middle it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    BALANCE,
    DAY,
    DELAY,
    NODE,
    OUTSIDER,
    OWNER,
    SESSION,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    WHOLE,
    Books,
    deploy_books,
    deploy_token,
    picture,
    row,
)
from tests.evm.compile import compiled
from tests.evm.contract import deploy
from tests.evm.hostile import Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.backend import Backend
    from tests.evm.contract import Contract

# Sessions of the stranger: one to leave by, one to call back about, one that can be withdrawn from, too.
LEAVING, CALLED, USABLE, ASKED, NEW = 21, 22, 23, 24, 25
NO_SIGNATURE: Final = (2**40, 27, bytes(32), bytes(32))


class Trigger(Enum):
    """When the stranger is called: by native coin that arrives, or by a token's function."""

    COIN = Function.NONE
    TRANSFER = Function.TRANSFER
    TRANSFER_FROM = Function.TRANSFER_FROM
    PERMIT = Function.PERMIT
    BALANCE_OF = Function.BALANCE_OF


@dataclass(frozen=True, slots=True)
class Stage:
    """Books with a delay, the stranger, and a stray token that is a stranger as well."""

    books: Books
    stranger: Contract
    stray: Contract

    def arm(self, trigger: Trigger, payload: bytes, *, value: int = 0, late: bool = False) -> Contract:
        """Make the stranger call back; returns the contract that will call."""
        for caller in (self.stranger, self.stray):
            caller.setCallback(self.books.address, payload, value, sender=OUTSIDER)
            if "setTriggers(uint256,bool)" in caller.functions:
                caller.setTriggers(trigger.value, late, sender=OUTSIDER)
        if trigger is Trigger.COIN:
            self.stranger.setCallsBack(True, sender=OUTSIDER)
        return self.stranger

    def act(self, name: str, *args: object, value: int = 0) -> None:
        """Call the books as the stranger."""
        data = self.books.contract.calldata(name, *args)
        self.stranger.act(self.books.address, data, sender=OUTSIDER, value=value)

    def picture(self) -> dict[str, object]:
        """Everything that a call could change, the stranger's own included."""
        seen, contract = picture(self.books), self.books.contract
        for session_id in (LEAVING, CALLED, USABLE, ASKED, NEW):
            seen[f"session {session_id}"] = contract.getAccount(session_id)
        for account in (self.stranger.address, self.stray.address):
            seen[f"node {account}"] = contract.nodePendingPayments(account), contract.nodePayees(account)
            seen[f"coin {account}"] = self.books.backend.balance(account)
            seen[f"asset {account}"] = self.books.holding(account)
        seen["roles"] = contract.hasRole(ADMIN_ROLE, OWNER), contract.pausedUntil()
        return seen


def native_stage(backend: Backend) -> Stage:
    """The stranger is paid in native coin."""
    stranger = deploy(backend, compiled("HostilePayee"), sender=ADMIN)
    return _staged(deploy_books(backend, token=None, delay=DELAY), stranger)


def token_stage(backend: Backend) -> Stage:
    """The stranger is the asset itself."""
    token = deploy(backend, compiled("CallbackToken"), sender=ADMIN)
    return _staged(deploy_books(backend, token=token, delay=DELAY), token)


def coin_in_token_stage(backend: Backend) -> Stage:
    """The stranger is an admin that receives native coin from books of an honest token."""
    stranger = deploy(backend, compiled("HostilePayee"), sender=ADMIN)
    return _staged(deploy_books(backend, token=deploy_token(backend), delay=DELAY), stranger)


def _staged(books: Books, stranger: Contract) -> Stage:
    contract, me = books.contract, stranger.address
    stray = deploy(books.backend, compiled("CallbackToken"), sender=ADMIN)
    stage = Stage(books, stranger, stray)
    for role in (ADMIN_ROLE, SESSION_CONTRACT_ROLE):
        for account in (me, stray.address):
            contract.grantRole(role, account, sender=ADMIN)
    for session_id in (LEAVING, CALLED, USABLE, ASKED):
        contract.registerSession(session_id, me, sender=SESSION_CONTRACT)
        books.deposit(session_id, BALANCE)
    for session_id in (LEAVING, USABLE):
        stage.act("requestSessionWithdrawal", session_id)
    books.backend.advance(DELAY)
    stage.act("requestSessionWithdrawal", ASKED)
    books.earn(NODE, 100)
    books.mark(me, NODE)
    books.collect(200)
    contract.allocateNodePayments([me, NODE], 50, sender=SESSION_CONTRACT)
    books.give(me, 10_000)
    books.backend.set_balance(me, 10_000)
    books.backend.set_balance(stray.address, 10_000)
    if books.token is not None:
        approve = books.token.calldata("approve", books.address, WHOLE)
        stranger.act(books.token.address, approve, sender=OUTSIDER)
    # Something of every sort to recover.
    books.give(books.address, 70)
    books.backend.set_balance(books.address, books.backend.balance(books.address) + 70)
    stray.mint(books.address, 70, sender=ADMIN)
    return stage


type_args = tuple[object, ...]
INNER: Final[dict[str, tuple[str, Callable[[Stage], tuple[object, ...]]]]] = {}


def _inner(signature: str, args: Callable[[Stage], tuple[object, ...]] = lambda _: ()) -> None:
    INNER[signature] = (signature.split("(")[0], args)
