"""Books held against the chain: every public number, to the base unit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sessionpay.chain import storage
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.views import Account
from sessionpay.core.books import Books, Node, Session
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.services.findings import apart

# What travels together over HTTP; more would only make the waits between two signs of life longer.
ACCOUNTS_AT_ONCE = 100

# Told after each step what is gone through, how many are done, and of how many.
Watch = Callable[[str, int, int], None]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Item:
    """One public number: what the contract says and what the books say; an address is a text."""

    name: str
    chain: int | str
    books: int | str

    @property
    def difference(self) -> int:
        """How far the two are apart, never below zero; two addresses that are not the same count 1."""
        return apart(self.chain, self.books)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The contract at one block against the books.

    `difference` sums the absolute differences of every public number of every
    session, node and the treasury, and |balance - liabilities - surplus|, and 1 for each address that is
    another one; `balance` is what the contract really holds of its asset, `sessions_balance` and
    `nodes_pending` what its storage says of all the sessions and nodes together, in base units.
    """

    block: int
    difference: int
    first_difference: Item | None
    balance: int
    liabilities: BaseUnits
    surplus: int
    network: BaseUnits
    items: int
    sessions_balance: int
    nodes_pending: int


@dataclass(slots=True)
class _Sum:
    """Items as they come, added up."""

    difference: int = 0
    first: Item | None = None
    count: int = 0

    def add(self, items: Iterable[Item]) -> None:
        for item in items:
            self.count += 1
            if item.difference:
                self.difference += item.difference
                self.first = self.first or item


def compare(
    contract: SessionPayment,
    books: Books,
    *,
    sessions: Iterable[SessionId] = (),
    nodes: Iterable[Address] = (),
    block: int | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Hold `books` against `contract` at `block`, the latest when left out.

    Every session and node that the books know is looked at, and those named besides.
    """
    block = contract.block_number() if block is None else block
    balance, surplus = contract.balance(block=block), contract.surplus(block=block)
    liabilities, network = contract.liabilities(block=block), contract.total_network_balance(block=block)
    found = _Sum()
    found.add([Item("real balance", balance, liabilities + surplus)])
    found.add(
        [
            Item("totalNetworkBalance", network, books.network),
            Item("liabilities", liabilities, books.liabilities),
            Item("settlementSequence", contract.settlement_sequence(block=block), books.sequence),
            Item("pausedUntil", contract.paused_until(block=block), books.paused_until),
        ]
    )
    sessions_balance = nodes_pending = 0
    all_sessions, all_nodes = sorted({*books.sessions, *sessions}), sorted({*books.nodes, *nodes})
    done, total = 0, len(all_sessions) + len(all_nodes)
    for some_sessions in _chunks(all_sessions):
        for account in storage.accounts(contract, some_sessions, block=block):
            sessions_balance += account.balance
            found.add(_session(account, books.session(account.session_id)))
        done += len(some_sessions)
        if watch is not None:
            watch("sessions and nodes", done, total)
    for some_nodes in _chunks(all_nodes):
        stored = storage.nodes(contract, some_nodes, block=block)
        for address, node in zip(some_nodes, stored, strict=True):
            nodes_pending += node.pending
            found.add(_node(address, node, books.node(address)))
        done += len(some_nodes)
        if watch is not None:
            watch("sessions and nodes", done, total)
    return Comparison(
        block=block,
        difference=found.difference,
        first_difference=found.first,
        balance=balance,
        liabilities=liabilities,
        surplus=surplus,
        network=network,
        items=found.count,
        sessions_balance=sessions_balance,
        nodes_pending=nodes_pending,
    )


def _chunks(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), ACCOUNTS_AT_ONCE):
        yield keys[start : start + ACCOUNTS_AT_ONCE]


def _session(found: Account, kept: Session) -> Iterator[Item]:
    name = f"session {found.session_id}"
    yield Item(f"{name} owner", found.owner, kept.owner)
    yield Item(f"{name} balance", found.balance, kept.balance)
    yield Item(f"{name} usage", found.payment_amount, kept.usage)
    yield Item(f"{name} registeredAt", found.registered_at, kept.registered_at)
    yield Item(f"{name} lastPaymentAt", found.last_payment_at, kept.last_payment_at)
    yield Item(f"{name} withdrawalRequestedAt", found.withdrawal_requested_at, kept.withdrawal_requested_at)


def _node(address: Address, found: Node, kept: Node) -> Iterator[Item]:
    name = f"node {address}"
    yield Item(f"{name} pending", found.pending, kept.pending)
    yield Item(f"{name} earnings", found.earned, kept.earned)
    yield Item(f"{name} lastUsedAt", found.last_used_at, kept.last_used_at)
    yield Item(f"{name} payee", found.payee, kept.payee)
