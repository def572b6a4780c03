"""Following contracts into a database: what the planner says, done, each step in one transaction.

A process that dies in the middle of a step has changed nothing, and the next one goes on from there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from sessionpay.chain.errors import NodeRefused, Unreachable, WrongChain
from sessionpay.core.books import Books
from sessionpay.core.errors import BrokenHistory, SessionPayError
from sessionpay.indexer.agree import united
from sessionpay.indexer.errors import CountersDiffer, Disagreement, FaultyAnswer, FinalChanged
from sessionpay.indexer.plan import (
    Action,
    Broken,
    Cursor,
    Fetch,
    Finalise,
    Follow,
    LookAt,
    Rewind,
    Span,
    View,
    plan,
)
from sessionpay.indexer.source import Counters, Header, Source
from sessionpay.store import books as store
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import Block, Contract, Entry

# Each node is asked so often before the books stand still, because the first fault may have passed by then.
ROUNDS = 4
POLL_SECONDS = 2
FIRST_SPAN = Span()

# No node could be asked, or would answer.
SILENCE = (Unreachable, NodeRefused, WrongChain)
# A node answered, and its answer does not fit.
LIES = (FaultyAnswer, BrokenHistory, CountersDiffer, FinalChanged)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one contract stands: block numbers of its books, of the chain's head, and what is counted."""

    contract: Contract
    head_number: int
    final_number: int
    verified_number: int
    chain_head: int
    event_count: int
    reorganisations: int

    @property
    def lag(self) -> int:
        """How many blocks the books are behind the chain."""
        return max(0, self.chain_head - self.head_number)


class Follower:
    """One contract, the nodes that serve its chain, and the database that its books are in.

    `confirmations` says how many blocks below the head are final, where the node's own word for it is not
    to be taken; `span` how much of history is asked for at first. `progress` is called after each step
    that changed something.
    """

    def __init__(
        self,
        database: Database,
        contract: Contract,
        sources: Sequence[Source],
        *,
        confirmations: int | None = None,
        span: Span = FIRST_SPAN,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Bind them together; nothing is asked yet."""
        self.contract = contract
        self._database = database
        self._sources = list(sources)
        self._confirmations = confirmations
        self._progress = progress
        self._span = span
        self._chain_head = contract.first_block - 1
        self._healed_at: int | None = None

    def catch_up(self) -> Progress:
        """Take steps until the books are at the head of the chain; raises as `step`."""
        while self.step():
            pass
        return self.position()

    def position(self) -> Progress:
        """Return where the books stand; the chain's head as it was last seen."""
        with self._database.reading() as connection:
            checkpoint = evidence.checkpoint(connection, self.contract)
        return Progress(
            contract=self.contract,
            head_number=checkpoint.head_number,
            final_number=checkpoint.final_number,
            verified_number=checkpoint.verified_number,
            chain_head=self._chain_head,
            event_count=checkpoint.event_count,
            reorganisations=checkpoint.reorganisations,
        )

    def step(self) -> bool:
        """Do the next thing; False if there is nothing to do until the chain grows.

        Nodes are asked in turn until one gives an answer that fits. Raises `Unreachable`, `NodeRefused` or
        `WrongChain` if none answers, `FinalChanged` or `Disagreement` if no answer fits.
        """
        faults: list[SessionPayError] = []
        while len(faults) < ROUNDS * len(self._sources):
            try:
                return self._step(self._sources[0])
            except (*SILENCE, *LIES) as fault:
                faults.append(fault)
                self._sources.append(self._sources.pop(0))
        return self._give_up(faults)

    def _give_up(self, faults: list[SessionPayError]) -> bool:
        """Go back to where the contract itself confirmed the books, once; then say what is wrong."""
        lies = [fault for fault in faults if isinstance(fault, LIES)]
        if not lies:
            raise faults[-1]
        if all(isinstance(fault, FinalChanged) for fault in faults):
            raise faults[-1]
        with self._database.writing() as connection:
            checkpoint = evidence.checkpoint(connection, self.contract)
            verified = checkpoint.verified_number
            if verified < checkpoint.head_number and self._healed_at != verified:
                self._healed_at = verified
                store.take_back(connection, self.contract, to=verified, is_reorganisation=False)
                return True
        reasons = [str(fault) for fault in lies]
        raise Disagreement(self.contract, block=checkpoint.head_number, reasons=reasons)

    # One step with one node

    def _step(self, source: Source) -> bool:
        found = source.chain_id()
        if found != self.contract.chain_id:
            raise WrongChain(expected=self.contract.chain_id, found=found)
        cursor = self._cursor()
        action = self._decide(source, cursor)
        match action:
            case Fetch(first, last):
                self._fetch(source, cursor, first, last)
            case Follow(first, last):
                self._follow(source, cursor, first, last)
            case Rewind(to):
                with self._database.writing() as connection:
                    store.take_back(connection, self.contract, to=to)
            case Finalise(number):
                self._finalise(source, number)
            case Broken(number, theirs):
                raise FinalChanged(source.name, number=number, ours=cursor.window[number], theirs=theirs)
            case _:
                return False
        if self._progress is not None:
            self._progress(self.position())
        return True

    def _cursor(self) -> Cursor:
        with self._database.reading() as connection:
            checkpoint = evidence.checkpoint(connection, self.contract)
            window = evidence.window(connection, self.contract)
        return Cursor(
            first_block=self.contract.first_block,
            head_number=checkpoint.head_number,
            final_number=checkpoint.final_number,
            window={number: block.hash for number, block in window.items()},
        )

    def _decide(self, source: Source, cursor: Cursor) -> Action:
        """Ask the planner, and the node for the hashes that the planner wants to see."""
        view = self._view(source)
        self._chain_head = view.head.number
        action = plan(cursor, view, span=self._span)
        while isinstance(action, LookAt):
            header = source.block(action.number)
            found = header.block.hash if header else None
            view = replace(view, hashes={**view.hashes, action.number: found})
            action = plan(cursor, view, span=self._span)
        return action

    def _view(self, source: Source) -> View:
        head = source.head().block
        if self._confirmations is None:
            final = source.final()
        else:
            number = head.number - self._confirmations
            final = source.block(number) if number >= 0 else None
        return View(head, None if final is None else final.block)

    def _fetch(self, source: Source, cursor: Cursor, first: int, last: int) -> None:
        try:
            self._require_child(source, cursor, _existing(source, first))
            end = _existing(source, last)
            entries = source.history(first, last)
        except (Unreachable, NodeRefused):
            # The range may have been too much for the node, so the next attempt asks for less.
            self._span = self._span.halved()
            raise
        ended = all(entry.block_hash == end.block.hash for entry in entries if entry.block_number == last)
        if not ended:
            raise FaultyAnswer(source.name, rule=f"its logs stand in another block {last} than it has")
        self._require_agreement(source, end.block)
        entries = self._compared(source, entries, lambda other: other.history(first, last))
        self._advance(source, entries, [end.block], is_final=True)
        self._span = self._span.grown(len(entries))

    def _compared(
        self, source: Source, entries: list[Entry], ask: Callable[[Source], list[Entry]]
    ) -> list[Entry]:
        """Return the events as two nodes give them, where there are two; the contract's sums come on top."""
        for other in self._sources[1:]:
            try:
                theirs = ask(other)
            except (*SILENCE, FaultyAnswer):
                continue
            return united(self.contract.address, first=(source, entries), second=(other, theirs))
        return entries

    def _follow(self, source: Source, cursor: Cursor, first: int, last: int) -> None:
        blocks: list[Block] = []
        entries: list[Entry] = []
        for number in range(first, last + 1):
            header = source.block(number)
            if header is None or (blocks and header.block.parent_hash != blocks[-1].hash):
                break  # The chain changed in between; what is read up to here still fits together.
            if not blocks:
                self._require_child(source, cursor, header)
            entries += self._compared(source, source.events_of(header), _same_block(header))
            blocks.append(header.block)
        if not blocks:
            raise FaultyAnswer(source.name, rule=f"it has no block {first} below its own head")
        self._advance(source, entries, blocks, is_final=False)

    def _advance(self, source: Source, entries: list[Entry], blocks: list[Block], *, is_final: bool) -> None:
        head = blocks[-1]
        counters = self._counters(source, head)
        with self._database.writing() as connection:
            final_number = evidence.checkpoint(connection, self.contract).final_number
            books = store.advance(
                connection,
                self.contract,
                entries=entries,
                blocks=blocks,
                final_number=head.number if is_final else final_number,
            )
            if is_final:
                store.make_final(connection, self.contract, head)
            self._verify(connection, counters, books, head)

    def _verify(self, connection: Connection, counters: Counters | None, books: Books, head: Block) -> None:
        """Hold the books against the contract; without its word they stay unverified."""
        if counters is None:
            return
        ours = Counters.of(books)
        for name in Counters.__slots__:
            chain, kept = getattr(counters, name), getattr(ours, name)
            if chain != kept:
                raise CountersDiffer(name, block=head.number, chain=chain, books=kept)
        store.mark_verified(connection, self.contract, head.number)

    def _counters(self, source: Source, head: Block) -> Counters | None:
        """Ask for the contract's sums, another node than the one that gave the events if there is one."""
        for other in [each for each in self._sources if each is not source] + [source]:
            try:
                found = other.block(head.number)
                counters = other.counters(head.number) if found and found.block.hash == head.hash else None
                # Asked by number, so the block must still be the same one.
                again = other.block(head.number) if counters else None
            except (*SILENCE, FaultyAnswer):
                continue
            if counters is not None and again is not None and again.block.hash == head.hash:
                return counters
        return None

    def _finalise(self, source: Source, number: int) -> None:
        with self._database.reading() as connection:
            block = evidence.window(connection, self.contract)[number]
        self._require_agreement(source, block)
        with self._database.writing() as connection:
            store.make_final(connection, self.contract, block)

    def _require_agreement(self, source: Source, block: Block) -> None:
        """Refuse to call a block final that another node does not have; one that is behind has no say."""
        for other in self._sources:
            if other is source:
                continue
            try:
                found = other.block(block.number)
            except (*SILENCE, FaultyAnswer):
                continue
            if found is not None and found.block.hash != block.hash:
                rule = f"its final block {block.number} is another one at {other.name}"
                raise FaultyAnswer(source.name, rule=rule)

    def _require_child(self, source: Source, cursor: Cursor, header: Header) -> None:
        ours = cursor.window.get(cursor.head_number)
        if ours is not None and header.block.parent_hash != ours:
            rule = f"its block {header.block.number} does not follow block {cursor.head_number}"
            raise FaultyAnswer(source.name, rule=rule)


def _same_block(header: Header) -> Callable[[Source], list[Entry]]:
    return lambda source: source.events_of(header)


def _existing(source: Source, number: int) -> Header:
    header = source.block(number)
    if header is None:
        raise FaultyAnswer(source.name, rule=f"it has no block {number} below its own final one")
    return header


def run(
    database: Database,
    followers: Sequence[Follower],
    *,
    stop: Callable[[], bool],
    once: bool = False,
    poll_seconds: float = POLL_SECONDS,
    on_fault: Callable[[SessionPayError], None] | None = None,
) -> list[Progress]:
    """Follow every contract until `stop` says so, or with `once` until each is at the head of its chain.

    A node that does not answer is waited for, unless `once`; `on_fault` hears of it. Raises
    `DatabaseBusy` if another indexer is at work, and otherwise as `Follower.step`.
    """
    with database.sole_writer():
        store.prepare(database)
        while not stop():
            is_idle = True
            for follower in followers:
                try:
                    while follower.step() and not stop():
                        is_idle = False
                except SILENCE as fault:
                    if once:
                        raise
                    if on_fault is not None:
                        on_fault(fault)
            if once:
                break
            if is_idle:
                time.sleep(poll_seconds)
        return [follower.position() for follower in followers]
