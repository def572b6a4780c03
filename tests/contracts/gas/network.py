"""Networks to measure on: real-looking ids, addresses without zero bytes, every word already in use.

A byte of zero is cheaper to send than another, so what is measured has none where a real network would have
none: ids are spread over the range that a scenario names, addresses are hashes, amounts are odd numbers of
wei.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice
from typing import TYPE_CHECKING, Final

from eth_utils.crypto import keccak

from tests.contracts.books import (
    ADMIN,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    WHOLE,
    Books,
    artifact,
    deploy_token,
    row,
)
from tests.evm.actors import ACTORS, WEALTH
from tests.evm.backend import ZERO_ADDRESS
from tests.evm.contract import deploy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.evm.backend import Backend

# What sessions hold, and what one charge takes: about 0.001 of a coin with 18 decimals.
DEPOSIT: Final = 1_234_567_890_123_456
CHARGE: Final = 1_111_222_233_334
DELAY: Final = 3 * 86_400
SMALL_IDS, LARGE_IDS = 32, 160


def words(label: str, bits: int) -> Iterator[int]:
    """Hashes cut to `bits`, of which no byte is zero: the worst case for what they cost to send."""
    for number in count():
        word = keccak(text=f"{label} {number}")[: bits // 8]
        if 0 not in word:
            yield int.from_bytes(word, "big")


def session_ids(amount: int, *, bits: int = SMALL_IDS) -> list[int]:
    """Ids below 2**`bits`."""
    return list(islice(words("session", bits), amount))


def node_addresses(amount: int) -> list[str]:
    """Accounts of nodes."""
    return [f"0x{word:040x}" for word in islice(words("node", 160), amount)]


@dataclass(frozen=True)
class Network:
    """Books with a fixed number of sessions, all charged before, and of nodes, all paid before."""

    books: Books
    owner: str
    sessions: list[int]
    nodes: list[str]

    @property
    def backend(self) -> Backend:
        """The chain."""
        return self.books.backend

    @cached_property
    def charges(self) -> list[int]:
        """A batch that charges every session."""
        return [row(session_id, CHARGE) for session_id in self.sessions]

    @cached_property
    def allocations(self) -> list[int]:
        """A batch that pays every node."""
        return [row(node, CHARGE) for node in self.nodes]


def build_network(
    backend: Backend, *, sessions: int, nodes: int, bits: int = SMALL_IDS, delay: int = 0, token: bool = False
) -> Network:
    """Deploy, and use every word once, so that later calls find no word empty."""
    owner = ACTORS["session_owner"]
    for account in ACTORS.values():
        backend.set_balance(account, WEALTH)
    money = deploy_token(backend) if token else None
    asset = ZERO_ADDRESS if money is None else money.address
    contract = deploy(backend, artifact(), asset, ADMIN, delay, sender=ADMIN)
    contract.grantRole(SESSION_CONTRACT_ROLE, SESSION_CONTRACT, sender=ADMIN)
    books = Books(contract, money)
    if money is not None:
        for account in ACTORS.values():
            money.mint(account, WEALTH, sender=ADMIN)
            money.approve(books.address, WHOLE, sender=account)
    network = Network(books, owner, session_ids(sessions, bits=bits), node_addresses(nodes))
    for session_id in network.sessions:
        contract.registerSession(session_id, owner, sender=SESSION_CONTRACT)
        books.deposit(session_id, DEPOSIT, sender=owner)
    _use_everything(network)
    backend.advance(60)
    return network


def _use_everything(network: Network) -> None:
    books, contract = network.books, network.books.contract
    contract.payFromSessionsToNetwork(0, network.charges, sender=SESSION_CONTRACT)
    for node in network.nodes:
        network.books.give(node, 1)
    # Half of what was collected stays in the treasury, so that no measured call empties or fills it.
    books.deposit(network.sessions[0], 2 * CHARGE * len(network.nodes), sender=network.owner)
    books.collect(2 * CHARGE * len(network.nodes), session_id=network.sessions[0])
    if network.nodes:
        books.mark(*network.nodes)
        contract.allocateNodePayments(network.nodes, CHARGE, sender=SESSION_CONTRACT)
