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

from sessionpay.chain.errors import Unreachable, WrongChain
from sessionpay.core.events import DepositToSession
from sessionpay.indexer.errors import Disagreement, FinalChanged
from sessionpay.indexer.follow import Follower, run
from sessionpay.indexer.plan import Span
from sessionpay.store import derived, evidence

from . import properties
from .history import Chain
from .properties import FULL, Change, assert_canonical, entered
from .provider import FINAL_DEPTH, Fault, Node

if TYPE_CHECKING:
    from typing import Any

    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

    from .history import MadeBlock

# The campaign beside this file tries as many as there is time for.
few = settings(max_examples=6, derandomize=True)


@few
@given(**properties.REORGANISED)
def test_books_are_right_after_every_reorganisation(database: Database, **drawn: Any) -> None:  # noqa: ANN401
    properties.books_are_right_after_every_reorganisation(database, **drawn)


@example(seed=0, faults=(Fault.FORGE, Fault.LATE), percent=100, steps=[Change("grow", 1, 0)], serving=FULL)
@few
@given(**properties.BESIDE_HONEST)
def test_a_liar_beside_an_honest_node_changes_nothing(database: Database, **drawn: Any) -> None:  # noqa: ANN401
    properties.a_liar_beside_an_honest_node_changes_nothing(database, **drawn)


@few
@given(**properties.CONTRADICTED)
def test_a_contradiction_is_never_believed(database: Database, **drawn: Any) -> None:  # noqa: ANN401
    properties.contradiction_is_never_believed(database, **drawn)


@few
@given(**properties.ALONE)
def test_a_liar_alone_is_never_believed_about_money(database: Database, **drawn: Any) -> None:  # noqa: ANN401
    properties.a_liar_alone_is_never_believed_about_money(database, **drawn)


@pytest.mark.parametrize("fault", [Fault.OMIT, Fault.FORGE, Fault.MOVE])
def test_a_node_that_always_lies_is_reported(database: Database, fault: Fault) -> None:
    chain = Chain(1)
    chain.grow(120)
    contract = entered(database)
    follower = Follower(database, contract, [Node(chain, faults=(fault,), percent=100).source])
    with pytest.raises(Disagreement, match=r"stands still after block -?\d+"):
        follower.catch_up()


def test_an_event_under_the_hash_of_another_block_is_refused(database: Database) -> None:
    chain = Chain(1)
    chain.grow(120)
    early, late = [block for block in chain.blocks[1:20] if block.events][:6:5]

    class Misplaced(Node):
        """Says the times of its logs, so that the headers of their blocks are not looked at."""

        def _of(self, block: MadeBlock) -> list[dict[str, Any]]:
            logs = super()._of(block)
            return [{**log, "blockHash": early.hash} for log in logs] if block is late else logs

    node = Misplaced(chain)
    node.times = True
    contract = entered(database)
    with pytest.raises(Disagreement, match="a block that the books have under another number"):
        Follower(database, contract, [node.source], span=Span(4, 4)).catch_up()
    assert_right_up_to(database, contract, late.number - 1)


def assert_right_up_to(database: Database, contract: Contract, highest: int) -> None:
    with database.reading() as connection:
        checkpoint = evidence.checkpoint(connection, contract)
        assert checkpoint.head_number <= highest
        assert evidence.count(connection, contract) == checkpoint.event_count


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
    Follower(database, contract, [node.source]).catch_up()
    assert_canonical(database, contract, chain)


@pytest.mark.parametrize(
    ("confirmations", "depth"), [(None, FINAL_DEPTH + 1), (None, 90), (None, 100), (5, 6)]
)
def test_a_final_block_that_changes_is_reported(
    database: Database, confirmations: int | None, depth: int
) -> None:
    """Whoever runs the indexer decides: nothing is taken back, and the line says what to do."""
    chain = Chain(4)
    chain.grow(100)
    contract = entered(database)
    nodes = [Node(chain).source, Node(chain).source]
    before = Follower(database, contract, nodes, confirmations=confirmations).catch_up()
    chain.reorganise(depth)
    follower = Follower(database, contract, nodes, confirmations=confirmations)
    with pytest.raises(FinalChanged, match="if they agree, index anew from the chain") as told:
        follower.catch_up()
    assert (told.value.number, told.value.theirs) == (
        before.final_number,
        chain.blocks[before.final_number].hash,
    )
    assert follower.position().event_count == before.event_count
    contract = entered(database)
    Follower(database, contract, nodes).catch_up()
    assert_canonical(database, contract, chain)


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
