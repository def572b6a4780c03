"""The follower against nodes that reorganise and lie.

Given a chain that grows and is reorganised, up to 64 blocks deep, again and again
  when the books catch up after each change
    they should equal a fresh replay of the canonical chain, statements and totals included
Given a node that lies at random beside an honest one
  when the books catch up
    they should equal the canonical chain all the same
Given a node that lies alone
  when the books catch up, or refuse to
    what they say of money should never differ from the contract's own sums
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sessionpay.chain.errors import ChainError, Unreachable, WrongChain
from sessionpay.core.events import DepositToSession
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.indexer.errors import Disagreement, FinalChanged, IndexerError
from sessionpay.indexer.follow import Follower, run
from sessionpay.store import books as store
from sessionpay.store import derived, evidence, queries

from .history import CONTRACT, DELAY, Chain
from .provider import CHAIN_ID, Fault, Node

if TYPE_CHECKING:
    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

ETH = Asset(ZERO_ADDRESS, "ETH", 18)


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
        found = [entry.event for entry in evidence.entries(connection, contract)]
        assert found == [event for block in chain.blocks for event in block.events]
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


changes = st.lists(
    st.tuples(st.sampled_from(("grow", "reorganise", "reorganise")), st.integers(1, 64), st.integers(0, 3)),
    min_size=1,
    max_size=5,
)


def change(chain: Chain, kind: str, size: int, longer: int) -> None:
    if kind == "grow":
        chain.grow(size)
    else:
        chain.reorganise(size, longer=longer)


@settings(max_examples=8, derandomize=True)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 150), steps=changes)
def test_books_are_right_after_every_reorganisation(
    database: Database, seed: int, first: int, steps: list[tuple[str, int, int]]
) -> None:
    chain = Chain(seed)
    chain.grow(first)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain).source])
    follower.catch_up()
    assert_canonical(database, contract, chain)
    for step in steps:
        change(chain, *step)
        follower.catch_up()
        assert_canonical(database, contract, chain)


@example(seed=0, faults=[Fault.FORGE, Fault.LATE], percent=100, steps=[("grow", 1, 0)])
@settings(max_examples=8, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    faults=st.lists(st.sampled_from(list(Fault)), min_size=1, max_size=4),
    percent=st.sampled_from((5, 30, 100)),
    steps=changes,
)
def test_a_liar_beside_an_honest_node_changes_nothing(
    database: Database, seed: int, faults: list[Fault], percent: int, steps: list[tuple[str, int, int]]
) -> None:
    chain = Chain(seed)
    chain.grow(80)
    contract = entered(database)
    liar = Node(chain, faults=tuple(faults), percent=percent, seed=seed)
    follower = Follower(database, contract, [liar.source, Node(chain).source])
    for step in steps:
        change(chain, *step)
        follower.catch_up()
        assert_canonical(database, contract, chain)


@settings(max_examples=8, derandomize=True)
@given(seed=st.integers(0, 2**32), percent=st.sampled_from((5, 30, 100)), steps=changes)
def test_a_liar_alone_is_never_believed_about_money(
    database: Database, seed: int, percent: int, steps: list[tuple[str, int, int]]
) -> None:
    chain = Chain(seed)
    chain.grow(80)
    contract = entered(database)
    liar = Node(chain, faults=tuple(Fault), percent=percent, seed=seed)
    follower = Follower(database, contract, [liar.source])
    for step in steps:
        change(chain, *step)
        with suppress(IndexerError, ChainError):
            follower.catch_up()
        with database.reading() as connection:
            verified = evidence.checkpoint(connection, contract).verified_number
            books = evidence.replay(connection, contract, up_to=verified)
        window = liar.chain.blocks[max(0, verified)]
        if follower.position().head_number == chain.head.number == verified:
            assert (books.network, books.liabilities) == (window.books.network, window.books.liabilities)
    liar.percent = 0
    follower.catch_up()
    assert follower.position().head_number == chain.head.number


@pytest.mark.parametrize("fault", [Fault.OMIT, Fault.FORGE, Fault.MOVE])
def test_a_node_that_always_lies_is_reported(database: Database, fault: Fault) -> None:
    chain = Chain(1)
    chain.grow(120)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain, faults=(fault,), percent=100).source])
    with pytest.raises(Disagreement, match=r"stands still after block -?\d+"):
        follower.catch_up()


def test_an_omission_near_the_head_is_found_by_the_filter(database: Database) -> None:
    chain = Chain(3)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain, faults=(Fault.OMIT,), percent=100).source])
    while not chain.head.events:
        chain.grow()
    with pytest.raises(Disagreement):
        follower.catch_up()


def test_a_node_that_silently_left_out_history_is_healed_by_another(database: Database) -> None:
    """Without old states nobody can tell at once; at the head the sums differ, and all is read again."""
    chain = Chain(5)
    chain.grow(200)
    liar = Node(chain)
    liar.archive_depth, liar.final_depth = 0, 100
    deposits = [
        (hex(block.number), hex(3 * index))
        for block in reversed(chain.blocks[:101])
        for index, event in enumerate(block.events)
        if isinstance(event, DepositToSession)
    ]
    # Most omissions are found at once, by an event that needed the deposit; this one is not.
    for liar.hidden in deposits:
        contract = entered(database)
        alone = Follower(database, contract, [liar.source])
        with suppress(Disagreement):
            while alone.position().head_number < 100:
                alone.step()
        if alone.position().event_count:
            break
    with pytest.raises(Disagreement):
        alone.catch_up()
    healed = Follower(database, contract, [liar.source, Node(chain).source])
    healed.catch_up()
    assert_canonical(database, contract, chain)


def test_ranges_shrink_until_the_node_takes_them(database: Database) -> None:
    chain = Chain(2)
    chain.grow(300, events_max=1)
    node = Node(chain)
    node.range_max = 7
    contract = entered(database)
    follower = Follower(database, contract, [node.source])
    for _ in range(40):  # Each refusal halves the range; a caller that keeps on gets through.
        try:
            follower.catch_up()
            break
        except ChainError:
            continue
    assert_canonical(database, contract, chain)


def test_a_final_block_that_changes_is_reported(database: Database) -> None:
    chain = Chain(4)
    chain.grow(100)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain).source])
    follower.catch_up()
    chain.reorganise(90)
    with pytest.raises(FinalChanged, match="index anew from the chain"):
        follower.catch_up()


def test_nodes_that_disagree_on_a_final_block_are_reported(database: Database) -> None:
    chain, fork = Chain(4), Chain(4)
    for one in (chain, fork):
        one.grow(100)
    fork.random.seed(9)
    fork.reorganise(90)
    contract = entered(database)
    with pytest.raises(Disagreement, match="is another one at"):
        Follower(database, contract, [Node(chain).source, Node(fork).source]).catch_up()


def test_another_chain_is_refused(database: Database) -> None:
    chain = Chain()
    contract = entered(database)
    node = Node(chain, faults=(Fault.OTHER_CHAIN,), percent=100)
    with pytest.raises(WrongChain, match="serves chain 1, not 31337"):
        Follower(database, contract, [node.source]).catch_up()


def test_silence_is_told(database: Database) -> None:
    contract = entered(database)
    node = Node(Chain(), faults=(Fault.LATE,), percent=100)
    follower = Follower(database, contract, [node.source])
    with pytest.raises(Unreachable, match="no answer in time"):
        run(database, [follower], stop=lambda: False, once=True)


def test_a_node_behind_the_books_changes_nothing(database: Database) -> None:
    chain = Chain(6)
    chain.grow(100)
    contract = entered(database)
    Follower(database, contract, [Node(chain).source]).catch_up()
    behind = Chain(6)
    behind.blocks = chain.blocks[:-10]
    Follower(database, contract, [Node(behind).source]).catch_up()
    assert_canonical(database, contract, chain)


def test_confirmations_take_the_place_of_the_nodes_word(database: Database) -> None:
    chain = Chain(7)
    chain.grow(50)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain).source], confirmations=5)
    assert follower.catch_up().final_number == 45
    chain.reorganise(5)
    follower.catch_up()
    assert_canonical(database, contract, chain)
    assert follower.position().reorganisations == 1


def test_derived_data_is_rebuilt_from_events(database: Database) -> None:
    chain = Chain(8)
    chain.grow(100)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain).source])
    follower.catch_up()
    with database.writing() as connection:
        derived.rebuild(connection, contract)
    assert_canonical(database, contract, chain)
    chain.reorganise(60)
    follower.catch_up()
    assert_canonical(database, contract, chain)
