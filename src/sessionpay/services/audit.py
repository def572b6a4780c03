"""Books held against the chain: every public number, to the base unit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sessionpay.chain.client import SessionPayment
from sessionpay.core.books import Books
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits


@dataclass(frozen=True, slots=True)
class Item:
    """One public number: what the contract says and what the books say; an address counts as a number."""

    name: str
    chain: int
    books: int

    @property
    def difference(self) -> int:
        """How far the two are apart, never below zero."""
        return abs(self.chain - self.books)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The contract at one block against the books.

    `difference` sums the absolute differences of every public number of every
    session, node and the treasury, and |balance - liabilities - surplus|;
    `balance` is what the contract really holds of its asset, `sessions_balance` and `nodes_pending`
    what its storage says of all the sessions and nodes together, in base units.
    """

    block: int
    difference: int
    first_difference: Item | None
    balance: int
    liabilities: BaseUnits
    surplus: int
    items: int
    sessions_balance: int
    nodes_pending: int


def compare(
    contract: SessionPayment,
    books: Books,
    *,
    sessions: Iterable[SessionId] = (),
    nodes: Iterable[Address] = (),
    block: int | None = None,
) -> Comparison:
    """Hold `books` against `contract` at `block`, the latest when left out.

    Every session and node that the books know is looked at, and those named besides.
    """
    block = contract.block_number() if block is None else block
    balance = contract.balance(block=block)
    liabilities = contract.liabilities(block=block)
    surplus = contract.surplus(block=block)
    items = [Item("real balance", balance, liabilities + surplus)]
    items += _treasury(contract, books, block)
    sessions_balance = nodes_pending = 0
    for session_id in sorted({*books.sessions, *sessions}):
        of_session = list(_session(contract, books, session_id, block))
        sessions_balance += of_session[1].chain
        items += of_session
    for node in sorted({*books.nodes, *nodes}):
        of_node = list(_node(contract, books, node, block))
        nodes_pending += of_node[0].chain
        items += of_node
    wrong = [item for item in items if item.difference]
    return Comparison(
        block=block,
        difference=sum(item.difference for item in wrong),
        first_difference=wrong[0] if wrong else None,
        balance=balance,
        liabilities=liabilities,
        surplus=surplus,
        items=len(items),
        sessions_balance=sessions_balance,
        nodes_pending=nodes_pending,
    )


def _treasury(contract: SessionPayment, books: Books, block: int) -> Iterator[Item]:
    yield Item("totalNetworkBalance", contract.total_network_balance(block=block), books.network)
    yield Item("liabilities", contract.liabilities(block=block), books.liabilities)
    yield Item("settlementSequence", contract.settlement_sequence(block=block), books.sequence)
    yield Item("pausedUntil", contract.paused_until(block=block), books.paused_until)


def _session(contract: SessionPayment, books: Books, session_id: SessionId, block: int) -> Iterator[Item]:
    found = contract.get_account(session_id, block=block)
    kept = books.session(session_id)
    name = f"session {session_id}"
    yield Item(f"{name} owner", int(found.owner, 16), int(kept.owner, 16))
    yield Item(f"{name} balance", found.balance, kept.balance)
    yield Item(f"{name} usage", found.payment_amount, kept.usage)
    yield Item(f"{name} registeredAt", found.registered_at, kept.registered_at)
    yield Item(f"{name} lastPaymentAt", found.last_payment_at, kept.last_payment_at)
    yield Item(f"{name} withdrawalRequestedAt", found.withdrawal_requested_at, kept.withdrawal_requested_at)


def _node(contract: SessionPayment, books: Books, node: Address, block: int) -> Iterator[Item]:
    kept = books.node(node)
    name = f"node {node}"
    yield Item(f"{name} pending", contract.node_pending_payments(node, block=block), kept.pending)
    yield Item(f"{name} earnings", contract.node_earnings(node, block=block), kept.earned)
    yield Item(f"{name} lastUsedAt", contract.node_last_used_timestamps(node, block=block), kept.last_used_at)
    yield Item(f"{name} payee", int(contract.node_payees(node, block=block), 16), int(kept.payee, 16))
