"""The audit: contract storage, its events replayed, the books in SQL and the real balance, at one block."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.core.books import Books
from sessionpay.core.errors import SessionPayError
from sessionpay.core.movements import Kind
from sessionpay.indexer.plan import Span
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import deployment_block
from sessionpay.services.audit import Comparison, compare
from sessionpay.store import derived, evidence, queries
from sessionpay.store.evidence import Checkpoint, Contract

CONTRACT, EVENTS, BOOKS, STATEMENTS = "contract", "events", "books", "statements"


class CannotAudit(SessionPayError):
    """The numbers cannot be compared, so nothing is said about them."""

    def __init__(self, reason: str) -> None:
        """Keep why."""
        self.reason = reason
        super().__init__(f"could not check: {reason}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One number on which two sides do not agree; an address counts as a number."""

    name: str
    sides: tuple[str, str]
    numbers: tuple[int, int]

    @property
    def difference(self) -> int:
        """How far the two are apart, never below zero."""
        return abs(self.numbers[0] - self.numbers[1])


@dataclass(frozen=True, slots=True)
class Totals:
    """What all sessions have, what is pending of all nodes, the treasury and what is owed, in base units."""

    sessions: int
    nodes: int
    treasury: int
    liabilities: int

    @classmethod
    def of(cls, books: Books) -> "Totals":
        """Add up books."""
        return cls(
            sum(session.balance for session in books.sessions.values()),
            sum(node.pending for node in books.nodes.values()),
            books.network,
            books.liabilities,
        )


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found at one block; `surplus` and `balance` in base units.

    `difference` adds up how far apart any two sides are on any number; `totals` are by side.
    """

    block: int
    difference: int
    first_difference: Finding | None
    surplus: int
    balance: int
    totals: Mapping[str, Totals]


def audit_books(
    contract: SessionPayment, connection: Connection, known: Contract, *, block: int | None = None
) -> Audit:
    """Hold contract, events, derived tables and statements against each other after `block`.

    The last block of the books when left out; for an earlier one the derived tables, which are only of
    the last block, are left out. Raises `CannotAudit` for a block that the books do not have.
    """
    checkpoint = evidence.checkpoint(connection, known)
    at = checkpoint.head_number if block is None else block
    _require_indexed(known, checkpoint, at)
    _require_same_chain(contract, evidence.window(connection, known), at)
    replayed = evidence.replay(connection, known, up_to=at)
    sides = {EVENTS: replayed}
    findings = list(_statements(queries.every_line(connection, known, up_to=at), replayed))
    if at == checkpoint.head_number:
        sides[BOOKS] = derived.books(connection, known)
        findings = [*_apart(replayed, sides[BOOKS]), *findings]
        counted = (checkpoint.event_count, evidence.count(connection, known))
        findings.append(Finding("number of events", (BOOKS, EVENTS), counted))
    return _audit(contract, sides, findings, at)


def audit_chain(contract: SessionPayment, *, block: int | None = None) -> Audit:
    """Hold the contract against its own events after `block`, the latest when left out; no database."""
    at = contract.block_number() if block is None else block
    if at > contract.block_number():
        raise CannotAudit(f"block {at} is above the chain's latest, {contract.block_number()}")
    books = Books(withdrawal_delay=contract.withdrawal_delay())
    source = ChainSource(contract.web3, contract.address)
    first, span = deployment_block(contract), Span()
    if at < first:
        raise CannotAudit(f"block {at} is before the contract's first, {first}")
    while first <= at:
        last = min(at, first + span.blocks - 1)
        try:
            entries = source.history(first, last)
        except (NodeRefused, Unreachable):
            if span.blocks == 1:
                raise
            span = span.halved()
            continue
        for entry in entries:
            books.record((entry.event,), entry.timestamp)
        first, span = last + 1, span.grown(len(entries))
    return _audit(contract, {EVENTS: books}, [], at)


def _audit(
    contract: SessionPayment, sides: Mapping[str, Books], findings: Iterable[Finding], block: int
) -> Audit:
    others = sides.get(BOOKS, Books())
    replayed = sides[EVENTS]
    found = compare(contract, replayed, sessions=others.sessions, nodes=others.nodes, block=block)
    wrong = [*_of_chain(found), *_roles(contract, replayed, block)]
    wrong += [finding for finding in findings if finding.difference]
    treasury = contract.total_network_balance(block=block)
    stored = Totals(found.sessions_balance, found.nodes_pending, treasury, found.liabilities)
    wrong += _sum_of(stored)
    # What compare found first stands for all that it found.
    beside = sum(finding.difference for finding in wrong[1 if found.first_difference else 0 :])
    return Audit(
        block=block,
        difference=found.difference + beside,
        first_difference=wrong[0] if wrong else None,
        surplus=found.surplus,
        balance=found.balance,
        totals={CONTRACT: stored, **{name: Totals.of(books) for name, books in sides.items()}},
    )


def _of_chain(found: Comparison) -> Iterator[Finding]:
    if found.first_difference is not None:
        item = found.first_difference
        yield Finding(item.name, (CONTRACT, EVENTS), (item.chain, item.books))


def _sum_of(stored: Totals) -> Iterator[Finding]:
    """Yield what the contract owes where it is not the sum of what it owes to each."""
    owed = stored.sessions + stored.nodes + stored.treasury
    if owed != stored.liabilities:
        yield Finding("sum of all balances", (CONTRACT, "liabilities"), (owed, stored.liabilities))


def _roles(contract: SessionPayment, books: Books, block: int) -> Iterator[Finding]:
    for role, account in sorted(books.roles):
        if not contract.has_role(role, account, block=block):
            yield Finding(f"role {role} of {account}", (CONTRACT, EVENTS), (0, 1))


def _apart(replayed: Books, kept: Books) -> Iterator[Finding]:
    """Yield every number that derived tables have otherwise than a replay."""

    def item(name: str, left: int, right: int) -> Finding:
        return Finding(name, (EVENTS, BOOKS), (left, right))

    for name in ("network", "liabilities", "sequence", "paused_until"):
        yield item(name, getattr(replayed, name), getattr(kept, name))
    for session_id in sorted({*replayed.sessions, *kept.sessions}):
        left, right = replayed.session(session_id), kept.session(session_id)
        for name in left.__slots__:
            yield item(f"session {session_id} {name}", _number(left, name), _number(right, name))
    for node in sorted({*replayed.nodes, *kept.nodes}):
        for name in replayed.node(node).__slots__:
            values = _number(replayed.node(node), name), _number(kept.node(node), name)
            yield item(f"node {node} {name}", *values)
    for role, account in sorted(replayed.roles ^ kept.roles):
        is_replayed = (role, account) in replayed.roles
        yield item(f"role {role} of {account}", int(is_replayed), int(not is_replayed))


def _number(row: object, name: str) -> int:
    value = getattr(row, name)
    return int(value, 16) if isinstance(value, str) else int(value)


def _statements(lines: Iterable[queries.Line], replayed: Books) -> Iterator[Finding]:
    """Add up every statement; yield each balance on a line, and each sum at the end."""
    sums: dict[object, int] = {}
    network = 0
    for line in lines:
        sums[line.subject] = sums.get(line.subject, 0) + line.amount
        network += {Kind.CHARGE: -line.amount, Kind.ALLOCATION: -line.amount}.get(line.kind, 0)
        if sums[line.subject] != line.balance:
            name = f"{_named(line.subject)} balance after block {line.block_number}"
            yield Finding(name, (STATEMENTS, "sum of its lines"), (line.balance, sums[line.subject]))
    yield Finding("network", (EVENTS, STATEMENTS), (replayed.network, network))
    for session_id, session in replayed.sessions.items():
        yield Finding(
            f"session {session_id} balance", (EVENTS, STATEMENTS), (session.balance, sums.get(session_id, 0))
        )
    for node, kept in replayed.nodes.items():
        yield Finding(f"node {node} pending", (EVENTS, STATEMENTS), (kept.pending, sums.get(node, 0)))


def _named(subject: object) -> str:
    return f"node {subject}" if isinstance(subject, str) else f"session {subject}"


def _require_indexed(known: Contract, checkpoint: Checkpoint, block: int) -> None:
    if checkpoint.head_number < known.first_block:
        raise CannotAudit("nothing is indexed yet; run `sessionpay index run --once`")
    if block > checkpoint.head_number:
        raise CannotAudit(f"the books end at block {checkpoint.head_number}, before block {block}")
    if block < known.first_block:
        raise CannotAudit(f"block {block} is before the contract's first, {known.first_block}")


def _require_same_chain(contract: SessionPayment, window: Mapping[int, evidence.Block], block: int) -> None:
    """Refuse to compare with a block that was taken back since, or is not on the node's chain."""
    if block not in window:
        return
    source = ChainSource(contract.web3, contract.address)
    found = source.block(block)
    if found is None or found.block.hash != window[block].hash:
        raise CannotAudit(f"block {block} of the books is not on the node's chain; index again")
