"""The audit: the node's logs, the events in SQL, what follows from them, and the contract, at one block.

Each side is held against the one that it follows from, so that the first thing that differs is the cause
and not one of its effects:

    logs of the node = events in SQL = contract storage, roles and real balance
                       events in SQL = tables of accounts = lines of statements = rows for taking back
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from sessionpay.chain import storage
from sessionpay.chain.client import SessionPayment
from sessionpay.core.books import Books
from sessionpay.core.errors import SessionPayError
from sessionpay.indexer.errors import IndexerError
from sessionpay.indexer.source import ChainSource, Source
from sessionpay.indexer.start import deployment_block
from sessionpay.services.audit import Comparison, Watch, compare
from sessionpay.services.bookkeeping import hold_checkpoint, hold_contract, hold_window
from sessionpay.services.findings import Compared, Finding, Tally, compared
from sessionpay.services.folder_audit import hold_epochs
from sessionpay.services.provenance import EVENTS, LOGS, Reach, logged, witnessed
from sessionpay.services.recount import BOOKS, STATEMENTS, UNDO, Count, UndoCheck, hold_lines, hold_tables
from sessionpay.store import evidence, kept
from sessionpay.store.evidence import Checkpoint, Contract

CONTRACT = "contract"


class CannotAudit(SessionPayError):
    """The numbers cannot be compared, so nothing is said about them."""

    def __init__(self, reason: str) -> None:
        """Keep why."""
        self.reason = reason
        super().__init__(f"could not check: {reason}")


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

    `difference` adds up how far any two sides are apart, and 1 for each thing that is no number and not
    the same; `totals` are by side. `compared` is what was held against what. `at` is when it was found, in
    unix seconds, None where its maker keeps no clock.
    """

    block: int
    difference: int
    first_difference: Finding | None
    surplus: int
    balance: int
    totals: Mapping[str, Totals]
    compared: tuple[Compared, ...] = ()
    at: int | None = None

    def joined(self, tallies: Sequence[Tally]) -> "Audit":
        """Return the audit with what was found besides; effects come after their causes."""
        firsts = [self.first_difference, *(tally.first for tally in tallies)]
        return replace(
            self,
            difference=self.difference + sum(tally.difference for tally in tallies),
            first_difference=next((first for first in firsts if first is not None), None),
            compared=(*self.compared, *compared(tallies)),
        )


def audit_books(
    contract: SessionPayment,
    connection: Connection,
    known: Contract,
    *,
    block: int | None = None,
    folders: Path | None = None,
    recomputed: int | None = None,
    watch: Watch | None = None,
) -> Audit:
    """Hold logs, events, contract and everything derived against each other after `block`.

    The last block of the books when left out; for an earlier one the tables of accounts, which are only
    of the last block, are left out. `folders` is where settled epochs are, which are held as well, the
    last `recomputed` of them (all when left out) computed anew. `watch` is told how far it is. Raises
    `CannotAudit` for a block that the books do not have, and whatever node or database cannot give.
    """
    checkpoint = evidence.checkpoint(connection, known)
    at = checkpoint.head_number if block is None else block
    _require_indexed(known, checkpoint, at)
    source = ChainSource(contract.web3, contract.address)
    with _standing(source, at, evidence.window(connection, known)):
        if at == checkpoint.head_number:
            found = _audit_all(contract, connection, known, checkpoint, source=source, watch=watch)
            if folders is None:
                return found
            network = found.totals[CONTRACT].treasury
            held = hold_epochs(
                contract, connection, known, folders, network=network, recomputed=recomputed, watch=watch
            )
            return found.joined(held)
        return _audit_past(contract, connection, known, at, source=source, watch=watch)


def audit_chain(contract: SessionPayment, *, block: int | None = None, watch: Watch | None = None) -> Audit:
    """Hold the contract against its own events after `block`, the latest when left out; no database."""
    head = contract.block_number()
    at = head if block is None else block
    if at > head:
        raise CannotAudit(f"block {at} is above the chain's latest, {head}")
    first = deployment_block(contract)
    if at < first:
        raise CannotAudit(f"block {at} is before the contract's first, {first}")
    source = ChainSource(contract.web3, contract.address)
    with _standing(source, at, {}):
        count = Count.empty(withdrawal_delay=contract.withdrawal_delay())
        for entry in logged(Reach(source, contract.address, first, at), watch=watch):
            count.add(entry)
        return _concluded(contract, count, None, at, before=(), after=(), watch=watch)


def _audit_all(
    contract: SessionPayment,
    connection: Connection,
    known: Contract,
    checkpoint: Checkpoint,
    *,
    source: Source,
    watch: Watch | None,
) -> Audit:
    """Audit after the last block, where everything in the database has something to be held against."""
    at = checkpoint.head_number
    logs, window = Tally((LOGS, EVENTS)), Tally(("node", BOOKS))
    terms, counted = Tally((CONTRACT, BOOKS)), Tally((EVENTS, BOOKS))
    lines, undo, accounts = Tally((EVENTS, STATEMENTS)), Tally((EVENTS, UNDO)), Tally((EVENTS, BOOKS))
    hold_contract(contract, known, tally=terms)
    hold_window(contract, connection, known, checkpoint, tally=window)
    count = Count.empty(withdrawal_delay=known.withdrawal_delay)
    # Without a bound, because an event above the last block is as forged as any other.
    entries = evidence.entries(connection, known)
    seen = witnessed(entries, reach=_reach(contract, known, source, at), tally=logs, watch=watch)
    with (
        closing(kept.movement_rows(connection, known)) as there,
        closing(kept.undo_rows(connection, known)) as noted,
    ):
        check = UndoCheck(noted, final_number=checkpoint.final_number, tally=undo)
        hold_lines(seen, there, count=count, lines=lines, undo=check)
    _hold_chain_ids(connection, known, logs)
    books = hold_tables(connection, known, count, tally=accounts)
    hold_checkpoint(connection, known, checkpoint, count.state.event_count, tally=counted)
    after = (terms, accounts, lines, undo, counted, window)
    return _concluded(contract, count, books, at, before=(logs,), after=after, watch=watch)


def _audit_past(
    contract: SessionPayment,
    connection: Connection,
    known: Contract,
    at: int,
    *,
    source: Source,
    watch: Watch | None,
) -> Audit:
    """Audit after an earlier block: logs, events, contract, and the lines up to there."""
    logs, lines = Tally((LOGS, EVENTS)), Tally((EVENTS, STATEMENTS))
    count = Count.empty(withdrawal_delay=known.withdrawal_delay)
    entries = evidence.entries(connection, known, up_to=at)
    seen = witnessed(entries, reach=_reach(contract, known, source, at), tally=logs, watch=watch)
    with closing(kept.movement_rows(connection, known, up_to=at)) as there:
        hold_lines(seen, there, count=count, lines=lines)
    return _concluded(contract, count, None, at, before=(logs,), after=(lines,), watch=watch)


def _concluded(
    contract: SessionPayment,
    count: Count,
    books: Books | None,
    block: int,
    *,
    before: Sequence[Tally],
    after: Sequence[Tally],
    watch: Watch | None,
) -> Audit:
    """Hold the contract against what was counted, and put every tally together, causes first."""
    other = Books() if books is None else books
    found = compare(
        contract, count.books, sessions=other.sessions, nodes=other.nodes, block=block, watch=watch
    )
    roles, sums = Tally((CONTRACT, EVENTS)), Tally((CONTRACT, "liabilities"))
    _hold_roles(contract, count, other, block, tally=roles)
    stored = Totals(found.sessions_balance, found.nodes_pending, found.network, found.liabilities)
    sums.hold("sum of all balances", stored.sessions + stored.nodes + stored.treasury, stored.liabilities)
    tallies = [*before, _of_chain(found), roles, sums, *after]
    sides = {EVENTS: count.books} if books is None else {EVENTS: count.books, BOOKS: books}
    return Audit(
        block=block,
        difference=sum(tally.difference for tally in tallies),
        first_difference=next((tally.first for tally in tallies if tally.first is not None), None),
        surplus=found.surplus,
        balance=found.balance,
        totals={CONTRACT: stored, **{name: Totals.of(side) for name, side in sides.items()}},
        compared=compared(tallies),
    )


def _of_chain(found: Comparison) -> Tally:
    item = found.first_difference
    first = None if item is None else Finding(item.name, (CONTRACT, EVENTS), (item.chain, item.books))
    return Tally((CONTRACT, EVENTS), found.difference, first, found.items)


def _hold_roles(contract: SessionPayment, count: Count, books: Books, block: int, *, tally: Tally) -> None:
    """Ask for every role that was ever given, because one that was taken back must be gone."""
    asked = sorted({*count.roles_seen, *count.books.roles, *books.roles})
    for (role, account), is_held in zip(asked, storage.roles(contract, asked, block=block), strict=True):
        should = (role, account) in count.books.roles
        tally.hold(f"role {role} of {account}", _held(is_held), _held(should))


def _held(is_held: bool) -> str:
    return "held" if is_held else "not held"


def _hold_chain_ids(connection: Connection, known: Contract, tally: Tally) -> None:
    for event in kept.strange_events(connection, known):
        name = f"event {event.log_index} of block {event.block_number} chain_id"
        tally.hold(name, known.chain_id, event.chain_id)


def _reach(contract: SessionPayment, known: Contract, source: Source, at: int) -> Reach:
    # A first block that was moved up in the books must not hide what was logged before it.
    first = min(deployment_block(contract) or known.first_block, known.first_block)
    return Reach(source, contract.address, first, at)


def _require_indexed(known: Contract, checkpoint: Checkpoint, block: int) -> None:
    if checkpoint.head_number < known.first_block:
        raise CannotAudit("nothing is indexed yet; run `sessionpay index run --once`")
    if block > checkpoint.head_number:
        raise CannotAudit(f"the books end at block {checkpoint.head_number}, before block {block}")
    if block < known.first_block:
        raise CannotAudit(f"block {block} is before the contract's first, {known.first_block}")


@contextmanager
def _standing(source: Source, number: int, window: Mapping[int, evidence.Block]) -> Iterator[None]:
    """Refuse to compare with a block that is not on the node's chain, or is taken back meanwhile."""
    before = source.block(number)
    if before is None:
        raise CannotAudit(f"node {source.name} has no block {number}; it is behind, or serves another chain")
    if number in window and window[number].hash != before.block.hash:
        raise CannotAudit(f"block {number} of the books is not on the node's chain; index again")
    moved = CannotAudit(f"block {number} was taken back during the audit; audit again")
    try:
        yield
    except IndexerError:
        # A node that is reorganised while it answers contradicts itself.
        if _hash(source, number) != before.block.hash:
            raise moved from None
        raise
    if _hash(source, number) != before.block.hash:
        raise moved


def _hash(source: Source, number: int) -> str | None:
    found = source.block(number)
    return None if found is None else found.block.hash
