"""What must hold of the books whatever the chain does and the nodes say, for tests and for the campaign.

A scenario is a history with its changes and the nodes that serve it, drawn as a whole so that the same
rules can be tried on a few fixed examples in the default run, and on any number of random ones.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from sessionpay.chain.errors import ChainError
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.indexer.errors import Disagreement, FinalChanged, IndexerError
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.plan import Span
from sessionpay.store import books as store
from sessionpay.store import derived, evidence, queries

from .history import CONTRACT, DELAY, Chain
from .provider import CHAIN_ID, FINAL_DEPTH, PLAIN_FAULTS, Fault, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

ETH = Asset(ZERO_ADDRESS, "ETH", 18)
# However restless a chain is, it comes to rest for long enough to be read now and then.
UNREST_PERCENT = 3


@dataclass(frozen=True, slots=True)
class Change:
    """How a chain goes on: `size` more blocks, or as many others in place of the last and `longer` more."""

    kind: str
    size: int
    longer: int

    def apply(self, chain: Chain) -> None:
        """Change the chain, but never below its last final block."""
        possible = chain.head.number - max(0, chain.highest - FINAL_DEPTH)
        depth = min(self.size, possible)
        if self.kind == "grow" or depth == 0:
            chain.grow(self.size)
        else:
            chain.reorganise(depth, longer=max(self.longer, 1 - depth))


@dataclass(frozen=True, slots=True)
class Serving:
    """What a node can do at all: honest nodes differ in it, too."""

    filters: bool
    receipts: bool
    times: bool
    archive_depth: int | None
    range_max: int | None

    def apply(self, node: Node) -> Node:
        """Make the node one of this kind."""
        node.filters, node.receipts, node.times = self.filters, self.receipts, self.times
        node.archive_depth, node.range_max = self.archive_depth, self.range_max
        return node


FULL = Serving(filters=True, receipts=True, times=False, archive_depth=None, range_max=None)

changes = st.lists(
    st.builds(
        Change,
        st.sampled_from(("grow", "reorganise", "reorganise")),
        st.integers(1, FINAL_DEPTH),
        st.integers(-3, 3),
    ),
    min_size=1,
    max_size=5,
)
servings = st.builds(
    Serving,
    filters=st.booleans(),
    receipts=st.booleans(),
    times=st.booleans(),
    archive_depth=st.sampled_from((None, None, 0, 40)),
    range_max=st.sampled_from((None, None, 1, 7)),
)
spans = st.sampled_from((Span(), Span(1, 1), Span(10), Span(37, 50)))
seeds = st.integers(0, 2**32)
percents = st.sampled_from((5, 30, 100))


def some_of(faults: Sequence[Fault]) -> st.SearchStrategy[tuple[Fault, ...]]:
    """Draw up to four of these faults."""
    return st.lists(st.sampled_from(faults), min_size=1, max_size=4, unique=True).map(tuple)


# One for each rule: its strategies by the names of its parameters.
REORGANISED = {
    "seed": seeds,
    "first": st.integers(0, 150),
    "steps": changes,
    "serving": servings,
    "span": spans,
    "is_restless": st.booleans(),
}
BESIDE_HONEST = {
    "seed": seeds,
    "faults": some_of(PLAIN_FAULTS),
    "percent": percents,
    "steps": changes,
    "serving": servings,
}
CONTRADICTED = {"seed": seeds, "faults": some_of(tuple(Fault)), "percent": percents, "steps": changes}
ALONE = {
    "seed": seeds,
    "faults": some_of(tuple(Fault)),
    "percent": percents,
    "steps": changes,
    "serving": servings,
}


def entered(database: Database, *, first_block: int = 0) -> Contract:
    """Enter the contract of the made-up chain into an empty database."""
    store.prepare(database)
    with database.writing() as connection:
        for known in evidence.contracts(connection):
            evidence.forget(connection, known)
            derived.rebuild(connection, known)
        return evidence.enrol(
            connection,
            chain_id=CHAIN_ID,
            address=CONTRACT,
            asset=ETH,
            withdrawal_delay=DELAY,
            first_block=first_block,
        )


def assert_canonical(database: Database, contract: Contract, chain: Chain) -> None:
    """Hold everything in the database against the chain."""
    expected = chain.replayed()
    with database.reading() as connection:
        checkpoint = evidence.checkpoint(connection, contract)
        assert (checkpoint.head_number, checkpoint.head_hash) == (chain.head.number, chain.head.hash)
        found = [
            (entry.block_hash, entry.timestamp, entry.event)
            for entry in evidence.entries(connection, contract)
        ]
        assert found == [
            (block.hash, block.timestamp, event) for block in chain.blocks for event in block.events
        ]
        assert derived.books(connection, contract) == expected
        for session_id, session in expected.sessions.items():
            lines = list(queries.session_statement(connection, contract, session_id))
            assert sum(line.amount for line in lines) == session.balance
            assert not lines or lines[-1].balance == session.balance
        for address, node in expected.nodes.items():
            lines = list(queries.node_statement(connection, contract, address))
            assert sum(line.amount for line in lines) == node.pending
        lines = list(queries.network_statement(connection, contract))
        assert sum(line.amount for line in lines) == expected.network
        days = queries.daily_totals(connection, contract)
        assert sum(day.charge - day.allocation for day in days) == expected.network
        assert sum(day.deposit - day.withdrawal - day.payout for day in days) == expected.liabilities


def assert_verified_sums(database: Database, contract: Contract, chain: Chain) -> None:
    """Hold the books, up to where the contract's own sums confirmed them, against the chain."""
    with database.reading() as connection:
        checkpoint = evidence.checkpoint(connection, contract)
        number = checkpoint.verified_number
        books = evidence.replay(connection, contract, up_to=number)
        kept = evidence.window(connection, contract).get(number)
    if number < 0 or kept is None or kept.hash != chain.blocks[number].hash:
        return  # A block that a reorganisation took back, or that was read through since.
    there = chain.blocks[number].books
    assert (books.network, books.liabilities) == (there.network, there.liabilities)
    assert (books.sequence, books.paused_until) == (there.sequence, there.paused_until)


def books_are_right_after_every_reorganisation(
    database: Database,
    *,
    seed: int,
    first: int,
    steps: list[Change],
    serving: Serving,
    span: Span,
    is_restless: bool,
) -> None:
    """Follow an honest node; a restless chain changes between two of its answers."""
    chain, random = Chain(seed), Random(seed)
    chain.grow(first)
    contract = entered(database)
    node = serving.apply(Node(chain))
    follower = Follower(database, contract, [node.source], span=span)
    pending = list(steps)

    def unrest() -> None:
        if pending and random.randrange(100) < UNREST_PERCENT:
            pending.pop(0).apply(chain)

    follower.catch_up()
    assert_canonical(database, contract, chain)
    node.before = unrest if is_restless else None
    while pending:
        pending.pop(0).apply(chain)
        settle(follower)
        node.before = node.before if pending else None
        follower.catch_up()
        assert_canonical(database, contract, chain)


def settle(follower: Follower) -> None:
    """Catch up while the chain changes, which may make a node seem to contradict itself."""
    with suppress(IndexerError, ChainError):
        follower.catch_up()


def a_liar_beside_an_honest_node_changes_nothing(
    database: Database,
    *,
    seed: int,
    faults: tuple[Fault, ...],
    percent: int,
    steps: list[Change],
    serving: Serving,
) -> None:
    """Follow two nodes of which one lies so that it shows."""
    chain = Chain(seed)
    chain.grow(80)
    contract = entered(database)
    liar = serving.apply(Node(chain, faults=faults, percent=percent, seed=seed))
    # What a node makes up that gives no receipts is one word against another.
    liar.receipts |= bool({*faults} & {Fault.FORGE, Fault.INVENT, Fault.ALTER})
    follower = Follower(database, contract, [liar.source, Node(chain).source])
    for step in steps:
        step.apply(chain)
        follower.catch_up()
        assert_canonical(database, contract, chain)


def contradiction_is_never_believed(
    database: Database, *, seed: int, faults: tuple[Fault, ...], percent: int, steps: list[Change]
) -> None:
    """Follow two nodes of which one lies as well as it can: the books are right, or they stand still."""
    chain = Chain(seed)
    chain.grow(80)
    contract = entered(database)
    liar = Node(chain, faults=faults, percent=percent, seed=seed)
    liar.times = True
    nodes = [liar.source, Node(chain).source]
    follower = Follower(database, contract, nodes)
    for step in steps:
        step.apply(chain)
        try:
            follower.catch_up()
        except (Disagreement, ChainError):
            assert_verified_sums(database, contract, chain)
        else:
            assert_right_or_on_the_fork(database, contract, chain, liar)
    liar.percent = 0
    Follower(database, contract, nodes).catch_up()
    assert_canonical(database, contract, chain)


def assert_right_or_on_the_fork(database: Database, contract: Contract, chain: Chain, liar: Node) -> None:
    """Nobody can tell two unfinal heads apart; what is final, or of this chain, is right."""
    with database.reading() as connection:
        checkpoint = evidence.checkpoint(connection, contract)
    if checkpoint.head_hash == chain.head.hash:
        assert_canonical(database, contract, chain)
    else:
        assert liar.fork is not None or checkpoint.head_number < chain.head.number


def a_liar_alone_is_never_believed_about_money(
    database: Database,
    *,
    seed: int,
    faults: tuple[Fault, ...],
    percent: int,
    steps: list[Change],
    serving: Serving,
) -> None:
    """Follow a liar alone: what the contract confirmed is right, and all goes on once the node is honest."""
    chain = Chain(seed)
    chain.grow(80)
    contract = entered(database)
    liar = serving.apply(Node(chain, faults=faults, percent=percent, seed=seed))
    follower = Follower(database, contract, [liar.source])
    for step in steps:
        step.apply(chain)
        with suppress(IndexerError, ChainError):
            follower.catch_up()
        # The contract's word for it is only as good as who brings it.
        if not {*faults} & {Fault.MISCOUNT, Fault.FORK}:
            assert_verified_sums(database, contract, chain)
    liar.percent = 0
    try:
        Follower(database, contract, [liar.source]).catch_up()
    except FinalChanged:
        assert Fault.FORK in faults
        contract = entered(database)
        Follower(database, contract, [liar.source]).catch_up()
        assert_canonical(database, contract, chain)
    assert follower.position().head_number == chain.head.number
