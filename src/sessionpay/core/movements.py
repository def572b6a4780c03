"""Money moved by an event, one line for each row of it: what a statement is made of."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, TypeVar

from sessionpay.core import events as ev
from sessionpay.core.books import Books
from sessionpay.core.ids import Address, SessionId

Key = TypeVar("Key")


class Kind(StrEnum):
    """Where money went: into a session, out of it, to the treasury, to a node, out to its payee."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    CHARGE = "charge"
    ALLOCATION = "allocation"
    PAYOUT = "payout"


# What adds to the account that its line names; the other kinds take from it.
ADDING = frozenset({Kind.DEPOSIT, Kind.ALLOCATION})


class Movement(NamedTuple):
    """One line: `amount` is never negative, the kind says which way; all amounts in base units.

    Either `session_id` or `node` is the account, `balance_after` what it has afterwards (a node: pending),
    `network_after` what the treasury has.
    """

    kind: Kind
    session_id: SessionId | None
    node: Address | None
    amount: int
    balance_after: int
    network_after: int

    @property
    def signed(self) -> int:
        """The amount as it changes the account."""
        return self.amount if self.kind in ADDING else -self.amount


def movements(books: Books, event: ev.Event) -> list[Movement]:  # noqa: PLR0911 - one return for each event of money
    """Return the lines of `event`, which follows `books`; rows of a batch that applied nothing included."""
    match event:
        case ev.DepositToSession(session_id, amount):
            after = books.session(session_id).balance + amount
            return [Movement(Kind.DEPOSIT, session_id, None, amount, after, books.network)]
        case ev.WithdrawFromSession(session_id, amount):
            after = books.session(session_id).balance - amount
            return [Movement(Kind.WITHDRAWAL, session_id, None, amount, after, books.network)]
        case ev.NodePaymentWithdrawn(node, amount):
            after = books.node(node).pending - amount
            return [Movement(Kind.PAYOUT, None, node, amount, after, books.network)]
        case ev.PaymentToNetwork(session_id, amount):
            return _charges(books, (ev.Charge(session_id, amount),))
        case ev.SessionsCharged():
            return _charges(books, event.charges)
        case ev.NodePaymentAllocated(node, amount):
            return _allocations(books, (ev.Allocation(node, amount),))
        case ev.NodesAllocated():
            return _allocations(books, event.allocations)
    return []


def _charges(books: Books, rows: tuple[ev.Charge, ...]) -> list[Movement]:
    def balance(session_id: SessionId) -> int:
        return books.session(session_id).balance

    after = _running(balance)
    network: int = books.network
    lines = []
    for session_id, amount in rows:
        network += amount
        lines.append(Movement(Kind.CHARGE, session_id, None, amount, after(session_id, -amount), network))
    return lines


def _allocations(books: Books, rows: tuple[ev.Allocation, ...]) -> list[Movement]:
    def pending(node: Address) -> int:
        return books.node(node).pending

    after = _running(pending)
    network: int = books.network
    lines = []
    for node, amount in rows:
        network -= amount
        lines.append(Movement(Kind.ALLOCATION, None, node, amount, after(node, amount), network))
    return lines


def _running(before: Callable[[Key], int]) -> Callable[[Key, int], int]:
    """Return a function that changes a balance and returns it; earlier rows of a batch count."""
    balances: dict[Key, int] = {}

    def change(key: Key, amount: int) -> int:
        balances[key] = (balances[key] if key in balances else before(key)) + amount
        return balances[key]

    return change
