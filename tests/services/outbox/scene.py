"""A contract on a node with a small epoch to settle, and what the chain says when that is done.

Every scene has accounts and a contract of its own, so that many of them share one node. Blocks are mined
only when the outbox sleeps, unless a test says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Address,
    Allocation,
    BaseUnits,
    Charge,
    Sender,
    SessionId,
    SessionPayment,
    deploy_session_payment,
)
from sessionpay.chain import rpc
from sessionpay.chain.deploy import deploy_refusing_payee
from sessionpay.chain.keys import Signer, signer_from_key
from sessionpay.services.outbox import Clock, Outbox, Timing
from sessionpay.store import outbox as store
from sessionpay.store.outbox import Batch, Purpose, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sessionpay.store.database import Database

WEALTH = 10**24
EPOCH = 7
CONFIRMATIONS = 2
# Session 9 exists for others to charge; it has nothing, so nobody's numbers change by it.
BALANCES = {1: 1_000, 2: 300, 3: 0, 4: 50, 9: 0}
NODES = 3
REFUSING = 1
TIMING = Timing(poll_seconds=120, stuck_seconds=300)


def connected(url: str) -> Web3:
    """Connect without second tries, which would only take time here."""
    return Web3(HTTPProvider(url, request_kwargs={"timeout": 20}, exception_retry_configuration=None))


def derived(seed: str, role: str) -> Signer:
    """Return the key of somebody in a scene."""
    return signer_from_key(keccak(text=f"{seed}/{role}").hex())


@dataclass
class Ticker:
    """Time for an outbox: whenever it sleeps, a block is mined."""

    web3: Web3
    seconds: int = 0
    now: int = 1_800_000_000

    def sleep(self, seconds: int) -> None:
        self.seconds += seconds
        rpc.ask(self.web3, "anvil_mine", "0x1")

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now + self.seconds, elapsed=lambda: self.seconds, sleep=self.sleep)


@dataclass(frozen=True)
class Scene:
    """Who is there; it can be handed to another process."""

    url: str
    seed: str
    contract: Address

    @property
    def nodes(self) -> tuple[Address, ...]:
        return tuple(derived(self.seed, f"node {number}").address for number in range(NODES))

    def signer(self, role: str) -> Signer:
        return derived(self.seed, role)

    def binding(self, role: str = "operator", web3: Web3 | None = None) -> SessionPayment:
        """Return the contract in somebody's hands."""
        web3 = web3 or connected(self.url)
        return SessionPayment(web3, self.contract, sender=Sender(web3, self.signer(role)))

    def plan(self) -> dict[Purpose, list[Rows]]:
        """Return what the epoch needs: two batches where the contract numbers them."""
        first, second, third = self.nodes
        return {
            Purpose.CHARGE: [charges((1, 600), (2, 400)), charges((3, 5), (4, 50), (8, 1))],
            Purpose.MARK: [(first, second)],
            Purpose.ALLOCATE: [
                (Allocation(first, BaseUnits(500)), Allocation(second, BaseUnits(300))),
                # The third node was never active, so the contract skips its row.
                (Allocation(third, BaseUnits(40)), Allocation(first, BaseUnits(50))),
            ],
            Purpose.PAYOUT: [(first,), (second,)],
        }

    def numbers(self) -> dict[str, Any]:
        """Return every public number that the epoch changes, by names that do not depend on accounts."""
        web3 = connected(self.url)
        books = SessionPayment(web3, self.contract)
        return {
            "sessions": [(books.session_balances(one), books.session_network_usage(one)) for one in BALANCES],
            "nodes": [(books.node_pending_payments(one), books.node_earnings(one)) for one in self.nodes],
            "paid": rpc.balance(web3, self.nodes[0]) - WEALTH,
            "network": books.total_network_balance(),
            "liabilities": books.liabilities(),
            "balance": books.balance(),
            "sequence": books.settlement_sequence(),
        }


def charges(*rows: tuple[int, int]) -> tuple[Charge, ...]:
    return tuple(Charge(SessionId(session_id), BaseUnits(amount)) for session_id, amount in rows)


def set_scene(url: str, seed: str) -> Scene:
    """Deploy a contract and fill it; afterwards blocks are mined on demand."""
    web3 = connected(url)
    rpc.ask(web3, "evm_setAutomine", True)
    roles = ("admin", "operator", "successor", "stranger", *(f"node {number}" for number in range(NODES)))
    people = {role: Sender(web3, derived(seed, role)) for role in roles}
    for sender in people.values():
        rpc.ask(web3, "anvil_setBalance", sender.address, hex(WEALTH))
    admin = people["admin"]
    books = deploy_session_payment(admin, asset=ZERO_ADDRESS, admin=admin.address, withdrawal_delay=0)
    for role in ("admin", "operator", "successor"):
        books.grant_role(SESSION_CONTRACT_ROLE, people[role].address)
    for session_id, amount in BALANCES.items():
        books.register_session(session_id, admin.address)
        if amount:
            books.deposit_to_session(session_id, amount)
    node = people[f"node {REFUSING}"]
    refusing = deploy_refusing_payee(admin, ZERO_ADDRESS)
    books.with_sender(node).set_node_payee(node.address, refusing.address)
    rpc.ask(web3, "evm_setAutomine", False)
    return Scene(url, seed, books.address)


@dataclass
class Run:
    """An outbox at work on a scene; `heard` is what it reported."""

    scene: Scene
    database: Database
    url: str
    ticker: Ticker
    role: str = "operator"
    settings: dict[str, Any] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def outbox(self) -> Outbox:
        binding = SessionPayment(connected(self.url), self.scene.contract, sender=self._sender())
        settings = {"confirmations": CONFIRMATIONS, "timing": TIMING, **self.settings}
        return Outbox(self.database, binding, clock=self.ticker.clock, report=self.heard.append, **settings)

    def _sender(self) -> Sender:
        # The chain id is asked of the node itself, because the way to it may be cut.
        sender = Sender(connected(self.scene.url), self.scene.signer(self.role))
        sender.web3 = connected(self.url)
        return sender

    def settle(
        self, purposes: Collection[Purpose] = tuple(Purpose), *, stop: Callable[[], bool] = lambda: False
    ) -> list[Batch]:
        """Do these parts of the epoch, or what is left of them."""
        outbox, planned = self.outbox(), self.scene.plan()
        done: list[Batch] = []
        for purpose in purposes:
            with self.database.writing() as connection:
                store.plan(connection, EPOCH, purpose, planned[purpose])
            done += outbox.drive(EPOCH, purpose, stop=stop)
        return done
