"""The stage for re-entrancy: a stranger with every right there is, that is called in the middle of a call.

The stranger is a contract. It owns sessions, is a node, holds both roles and has approved its tokens, so that
nothing but the lock can keep what it calls back from working. `INNER` are the calls that it makes, and a
stage's `outers` the calls in whose middle it is.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    from collections.abc import Callable, Mapping

    from tests.evm.backend import Backend
    from tests.evm.contract import Contract

# Sessions of the stranger: to leave by, to call back about with a usable request, with a waiting one, without
# one; and an id that is free.
LEAVING, USABLE, WAITING, QUIET, NEW = 21, 22, 23, 24, 25
# Where the stranger stands: it is paid native coin, it is the asset, it was sent by mistake, or it recovers
# native coin from books of an honest token.
COIN, TOKEN, STRAY, RECOVERY = KINDS = ("payee", "asset", "stray token", "recovering admin")
NO_SIGNATURE: Final = (2**40, 27, bytes(32), bytes(32))
# What has no lock: AccessControl's own, and constants. They touch no money.
EXEMPT: Final = frozenset(
    {"hasRole", "getRoleAdmin", "grantRole", "revokeRole", "renounceRole", "supportsInterface"}
    | {"DEFAULT_ADMIN_ROLE", "ADMIN_ROLE", "SESSION_CONTRACT_ROLE", "ASSET", "WITHDRAWAL_DELAY"}
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Books with a delay, the stranger, and an honest token that was sent to the books by mistake."""

    books: Books
    stranger: Contract
    stray: Contract

    @property
    def me(self) -> str:
        """Address of the stranger."""
        return self.stranger.address

    def arm(
        self, payload: bytes, *, value: int = 0, when: Function = Function.NONE, late: bool = False
    ) -> None:
        """Make the stranger call the books back, when it is paid or in functions of its token."""
        self.stranger.setCallback(self.books.address, payload, value, sender=OUTSIDER)
        if when:
            self.stranger.setTriggers(when, late, sender=OUTSIDER)
        else:
            self.stranger.setCallsBack(True, sender=OUTSIDER)

    def act(self, name: str, *args: object, value: int = 0) -> None:
        """Call the books as the stranger."""
        data = self.books.contract.calldata(name, *args)
        self.stranger.act(self.books.address, data, sender=OUTSIDER, value=value)

    def picture(self) -> dict[str, object]:
        """Everything that a call could change, the stranger's own included."""
        seen, contract = picture(self.books), self.books.contract
        for session_id in (LEAVING, USABLE, WAITING, QUIET, NEW):
            seen[f"session {session_id}"] = contract.getAccount(session_id)
        seen["node"] = contract.nodePendingPayments(self.me), contract.nodePayees(self.me)
        seen["used"] = contract.nodeLastUsedTimestamps(self.me)
        seen["coin"] = self.books.backend.balance(self.me)
        seen["asset"] = self.books.holding(self.me)
        seen["stray"] = self.stray.balanceOf(self.books.address)
        return seen


# Calls that would all work if the stranger made them by itself, with the arguments that they need for that.
INNER: Final[Mapping[str, Callable[[Stage], tuple[object, ...]]]] = {
    "depositToSession(uint256)": lambda _: (QUIET,),
    "depositToSession(uint256,uint256)": lambda _: (QUIET, 5),
    "depositToSessionWithPermit(uint256,uint256,uint256,uint8,bytes32,bytes32)": lambda _: (
        QUIET,
        5,
        *NO_SIGNATURE,
    ),
    "withdrawNodePayment(address)": lambda _: (NODE,),
    "setNodePayee(address,address)": lambda stage: (stage.me, OUTSIDER),
    "requestSessionWithdrawal(uint256)": lambda _: (QUIET,),
    "cancelSessionWithdrawal(uint256)": lambda _: (WAITING,),
    "withdrawFromSession(uint256)": lambda _: (USABLE,),
    "withdrawFromSession(uint256,uint256)": lambda _: (USABLE, 5),
    "transferSession(uint256,address)": lambda _: (QUIET, OUTSIDER),
    "registerSession(uint256,address)": lambda _: (NEW, OUTSIDER),
    "payFromSessionToNetwork(uint256,uint256)": lambda _: (SESSION, 5),
    "payFromSessionsToNetwork(uint256,uint256[])": lambda _: (0, [row(SESSION, 5)]),
    "allocateNodePayments(address[],uint256)": lambda _: ([NODE], 5),
    "allocateNodeAmounts(uint256,uint256[])": lambda _: (0, [row(NODE, 5)]),
    "updateNodeLastUsedTimestamp(address)": lambda _: (OUTSIDER,),
    "updateNodeLastUsedTimestamps(address[])": lambda _: ([OUTSIDER],),
    "deleteNodeLastUsedTimestamp(address)": lambda _: (NODE,),
    "pause(uint256)": lambda _: (DAY,),
    "unpause()": lambda _: (),
    "adminWithdrawToken(address)": lambda stage: (stage.stray.address,),
    "emergencyWithdrawETH()": lambda _: (),
    "surplus()": lambda _: (),
    "previewCharges(uint256[])": lambda _: ([row(SESSION, 5)],),
    "previewAllocations(uint256[])": lambda _: ([row(NODE, 5)],),
    "sessions(uint256)": lambda _: (SESSION,),
    "sessionBalances(uint256)": lambda _: (SESSION,),
    "getSessionBalance(uint256)": lambda _: (SESSION,),
    "sessionNetworkUsage(uint256)": lambda _: (SESSION,),
    "getSessionNetworkUsage(uint256)": lambda _: (SESSION,),
    "getAccount(uint256)": lambda _: (SESSION,),
    "nodePendingPayments(address)": lambda _: (NODE,),
    "nodeEarnings(address)": lambda _: (NODE,),
    "nodeLastUsedTimestamps(address)": lambda _: (NODE,),
    "nodePayees(address)": lambda _: (NODE,),
    "totalNetworkBalance()": lambda _: (),
    "liabilities()": lambda _: (),
    "settlementSequence()": lambda _: (),
    "pausedUntil()": lambda _: (),
}
# Where the views begin in `INNER`.
READERS: Final = frozenset(list(INNER)[list(INNER).index("surplus()") :])


def inner_value(stage: Stage, signature: str) -> int:
    """How much native coin goes with a call back."""
    return 5 if stage.books.token is None and signature.startswith("depositToSession(") else 0


def build_stages(backend: Backend) -> dict[str, Stage]:
    """Build every stage; their requests become usable together, and wait for nothing after."""
    stages = {kind: _build(backend, kind) for kind in KINDS}
    backend.advance(DELAY)
    for stage in stages.values():
        stage.act("requestSessionWithdrawal", WAITING)
        _give_money(stage)
    return stages


def _build(backend: Backend, kind: str) -> Stage:
    calls_from_token = kind in (TOKEN, STRAY)
    name = "CallbackToken" if calls_from_token else "HostilePayee"
    stranger = deploy(backend, compiled(name), sender=ADMIN)
    assets = {TOKEN: stranger, RECOVERY: deploy_token(backend)}
    books = deploy_books(backend, token=assets.get(kind), delay=DELAY)
    stage = Stage(books, stranger, deploy_token(backend))
    for role in (ADMIN_ROLE, SESSION_CONTRACT_ROLE):
        books.contract.grantRole(role, stage.me, sender=ADMIN)
    for session_id in (LEAVING, USABLE, WAITING, QUIET):
        books.contract.registerSession(session_id, stage.me, sender=SESSION_CONTRACT)
        books.deposit(session_id, BALANCE, sender=OWNER)
    for session_id in (LEAVING, USABLE):
        stage.act("requestSessionWithdrawal", session_id)
    return stage


def _give_money(stage: Stage) -> None:
    books, backend = stage.books, stage.books.backend
    books.collect(300)
    books.mark(stage.me, NODE)
    books.contract.allocateNodePayments([stage.me, NODE], 50, sender=SESSION_CONTRACT)
    backend.set_balance(stage.me, 10_000)
    if books.token is not None:
        books.token.mint(stage.me, 10_000, sender=ADMIN)
        approval = books.token.calldata("approve", books.address, WHOLE)
        stage.stranger.act(books.token.address, approval, sender=OUTSIDER)
        books.token.mint(books.address, 70, sender=ADMIN)
    backend.set_balance(books.address, backend.balance(books.address) + 70)
    stage.stray.mint(books.address, 70, sender=ADMIN)
    if "mint(address,uint256)" in stage.stranger.functions and books.token is None:
        stage.stranger.mint(books.address, 70, sender=ADMIN)
