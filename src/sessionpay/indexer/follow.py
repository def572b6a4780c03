"""Following contracts into a database: what the planner says, done, each step in one transaction.

A process that dies in the middle of a step has changed nothing, and the next one goes on from there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sessionpay.core.books import Books
from sessionpay.core.errors import BrokenHistory, SessionPayError
from sessionpay.indexer.errors import CountersDiffer, Disagreement, FaultyAnswer, FinalChanged
from sessionpay.indexer.nodes import SILENCE, Nodes, existing
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
from sessionpay.indexer.repair import first_difference, go_back
from sessionpay.indexer.source import Counters, Header, Source
from sessionpay.store import books as store
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import Block, Contract, Entry

# Each node is asked so often before the books stand still, because the first fault may have passed by then.
ROUNDS = 4
POLL_SECONDS = 2
FIRST_SPAN = Span()

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
        self._nodes = Nodes(contract, sources, span=span)
        self._confirmations = confirmations
        self._progress = progress
        self._chain_head = contract.first_block - 1
        self._repaired_at: int | None = None
        self._was_reread = False

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
        while len(faults) < ROUNDS * len(self._nodes):
            try:
                return self._step()
            except (*SILENCE, *LIES) as fault:
                faults.append(fault)
                self._nodes.turn()
        lies = [fault for fault in faults if isinstance(fault, LIES)]
        if not lies or all(isinstance(fault, FinalChanged) for fault in faults):
            raise faults[-1]
        if self._repair():
            return True
        with self._database.reading() as connection:
            block = evidence.checkpoint(connection, self.contract).head_number
        raise Disagreement(self.contract, block=block, reasons=[str(fault) for fault in lies])

    def _repair(self) -> bool:
        """Go back behind a mistake in the books; False if none can be found."""
        for _attempt in range(ROUNDS * len(self._nodes)):
            try:
                return self._went_back()
            except (*SILENCE, *LIES):
                self._nodes.turn()
        return False

    def _went_back(self) -> bool:
        """Go back to where the contract confirmed the books; the next time, to where nodes tell otherwise.

        The second is done once, because it reads all of history. What is not final is read again in any
        case, because that costs least.
        """
        with self._database.reading() as connection:
            checkpoint = evidence.checkpoint(connection, self.contract)
        verified = checkpoint.verified_number
        if verified < checkpoint.head_number and self._repaired_at != verified:
            go_back(self._database, self.contract, self._nodes, to=verified)
            self._repaired_at = verified
            return True
        if self._was_reread:
            return False
        number = first_difference(self._database, self.contract, self._nodes)
        to = checkpoint.final_number if number is None else number - 1
        if to < checkpoint.head_number:
            go_back(self._database, self.contract, self._nodes, to=to)
        self._was_reread = True
        return to < checkpoint.head_number

    # One step with the node whose turn it is

    def _step(self) -> bool:
        self._nodes.require_chain()
        cursor = self._cursor()
        action = self._decide(cursor)
        match action:
            case Fetch(first, last):
                self._fetch(cursor, first, last)
            case Follow(first, last):
                self._follow(cursor, first, last)
            case Rewind(to):
                with self._database.writing() as connection:
                    store.take_back(connection, self.contract, to=to)
            case Finalise(number):
                self._finalise(number)
            case Broken(number, theirs):
                name, ours = self._nodes.first.name, cursor.window[number]
                raise FinalChanged(name, number=number, ours=ours, theirs=theirs)
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

    def _decide(self, cursor: Cursor) -> Action:
        """Ask the planner, and the node for the hashes that the planner wants to see."""
        view = self._view()
        self._chain_head = view.head.number
        action = plan(cursor, view, span=self._nodes.span)
        while isinstance(action, LookAt):
            header = self._nodes.first.block(action.number)
            found = header.block.hash if header else None
            view = replace(view, hashes={**view.hashes, action.number: found})
            action = plan(cursor, view, span=self._nodes.span)
        return action

    def _view(self) -> View:
        head = self._nodes.first.head().block
        if self._confirmations is None:
            final = self._nodes.final()
        else:
            number = head.number - self._confirmations
            final = self._nodes.first.block(number) if number >= 0 else None
        return View(head, None if final is None else final.block)

    def _fetch(self, cursor: Cursor, first: int, last: int) -> None:
        source = self._nodes.first
        self._require_child(cursor, existing(source, first))
        end = existing(source, last)
        self._nodes.require_agreement(end.block)
        entries = self._nodes.history(first, last)
        ended = all(entry.block_hash == end.block.hash for entry in entries if entry.block_number == last)
        if not ended:
            raise FaultyAnswer(source.name, rule=f"its logs stand in another block {last} than it has")
        self._advance(entries, [end.block], is_final=True)

    def _follow(self, cursor: Cursor, first: int, last: int) -> None:
        source = self._nodes.first
        blocks: list[Block] = []
        entries: list[Entry] = []
        for number in range(first, last + 1):
            header = source.block(number)
            if header is None or (blocks and header.block.parent_hash != blocks[-1].hash):
                break  # The chain changed in between; what is read up to here still fits together.
            if not blocks:
                self._require_child(cursor, header)
            entries += self._nodes.events_of(header)
            blocks.append(header.block)
        if not blocks:
            raise FaultyAnswer(source.name, rule=f"it has no block {first} below its own head")
        self._advance(entries, blocks, is_final=False)

    def _advance(self, entries: list[Entry], blocks: list[Block], *, is_final: bool) -> None:
        counters = self._nodes.counters(blocks[-1])
        try:
            with self._database.writing() as connection:
                self._write(connection, entries, blocks, counters, is_final=is_final)
        except IntegrityError:
            rule = "it gave an event in a block that the books have under another number"
            raise FaultyAnswer(self._nodes.first.name, rule=rule) from None

    def _write(
        self,
        connection: Connection,
        entries: list[Entry],
        blocks: list[Block],
        counters: Counters | None,
        *,
        is_final: bool,
    ) -> None:
        head = blocks[-1]
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

    def _finalise(self, number: int) -> None:
        with self._database.reading() as connection:
            block = evidence.window(connection, self.contract)[number]
        self._nodes.require_agreement(block)
        with self._database.writing() as connection:
            store.make_final(connection, self.contract, block)

    def _require_child(self, cursor: Cursor, header: Header) -> None:
        ours = cursor.window.get(cursor.head_number)
        if ours is not None and header.block.parent_hash != ours:
            rule = f"its block {header.block.number} does not follow block {cursor.head_number}"
            raise FaultyAnswer(self._nodes.first.name, rule=rule)


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
