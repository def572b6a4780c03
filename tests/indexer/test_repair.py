"""Going back behind a mistake that was believed.

Given books that lack an event which moves no money, because the one node left it out
  when an event comes that needed it, and the node is right by then
    history should be read again from the first block that differs, and nothing before it taken back
Given books without such a mistake
  when the nodes' answers still do not fit
    the books should stand still, and nothing final be taken back
Given books that went back below their final block
  when the indexer is started anew
    it should find them whole, and follow the block that they end in
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.core.events import NodePayeeSet, SessionRegistered
from sessionpay.indexer.errors import Disagreement, FaultyAnswer
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.nodes import Nodes
from sessionpay.indexer.plan import Span
from sessionpay.indexer.repair import first_difference, go_back
from sessionpay.store import books as store
from sessionpay.store import evidence

from .history import Chain
from .properties import assert_canonical, entered
from .provider import Fault, Node

if TYPE_CHECKING:
    from sessionpay.core.events import Event
    from sessionpay.store.database import Database

FINAL = 136


@pytest.fixture
def chain() -> Chain:
    made = Chain(11)
    made.grow(200)
    return made


def place_of(chain: Chain, kind: type[Event], *, last: bool = False) -> tuple[str, str]:
    """Return block and log of the first or the last final event of a kind."""
    places = [
        (hex(block.number), hex(3 * index))
        for block in chain.blocks[: FINAL + 1]
        for index, event in enumerate(block.events)
        if isinstance(event, kind)
    ]
    return places[-1 if last else 0]


def test_an_omission_that_moves_no_money_is_found_when_it_matters(database: Database, chain: Chain) -> None:
    contract = entered(database)
    node = Node(chain)
    node.hidden = place_of(chain, SessionRegistered)
    follower = Follower(database, contract, [node.source], span=Span(1, 1))
    with pytest.raises(Disagreement, match="cannot follow the events before it"):
        follower.catch_up()
    node.hidden = None
    Follower(database, contract, [node.source]).catch_up()
    assert_canonical(database, contract, chain)


def test_the_first_difference_is_found_and_nothing_changed(database: Database, chain: Chain) -> None:
    contract = entered(database)
    node = Node(chain)
    node.hidden = place_of(chain, NodePayeeSet, last=True)
    follower = Follower(database, contract, [node.source])
    before = follower.catch_up()
    assert before.verified_number == before.head_number
    nodes = Nodes(contract, [node.source], span=Span(10, 10))
    assert first_difference(database, contract, nodes) is None
    number, node.hidden = int(node.hidden[0], 16), None
    assert first_difference(database, contract, nodes) == number
    assert follower.position() == before
    go_back(database, contract, nodes, to=number - 1)
    assert follower.position().head_number == number - 1
    follower.catch_up()
    assert_canonical(database, contract, chain)


def test_what_is_before_an_omission_is_not_read_into_the_books_again(
    database: Database, chain: Chain
) -> None:
    contract = entered(database)
    node = Node(chain)
    node.hidden = place_of(chain, NodePayeeSet, last=True)
    Follower(database, contract, [node.source]).catch_up()
    number, node.hidden = int(node.hidden[0], 16), None
    lowest = []
    liar = Node(chain, faults=(Fault.MISCOUNT,), percent=100)
    follower = Follower(database, contract, [liar.source], progress=lambda at: lowest.append(at.head_number))
    chain.grow(3)
    with pytest.raises(Disagreement):
        follower.catch_up()
    liar.percent = 0
    follower.catch_up()
    assert follower.position().head_number == chain.head.number
    assert min(lowest) >= number
    assert_canonical(database, contract, chain)


def test_a_liar_takes_back_nothing_that_is_final_and_right(database: Database, chain: Chain) -> None:
    contract = entered(database)
    node = Node(chain)
    Follower(database, contract, [node.source]).catch_up()
    chain.grow(3)
    node.faults, node.percent = (Fault.MISCOUNT,), 100
    follower = Follower(database, contract, [node.source])
    with pytest.raises(Disagreement, match="the node left events out or made some up"):
        follower.catch_up()
    assert follower.position().head_number >= FINAL
    node.percent = 0
    Follower(database, contract, [node.source]).catch_up()
    assert_canonical(database, contract, chain)


def test_books_that_went_back_are_whole(database: Database, chain: Chain) -> None:
    contract = entered(database)
    nodes = Nodes(contract, [Node(chain).source], span=Span())
    follower = Follower(database, contract, [Node(chain).source])
    follower.catch_up()
    for to in (150, FINAL - 7, contract.first_block - 1):
        go_back(database, contract, nodes, to=to)
        store.prepare(database)
        with database.reading() as connection:
            checkpoint = evidence.checkpoint(connection, contract)
        assert checkpoint.head_number == to
        assert checkpoint.final_number == min(to, FINAL)
        assert checkpoint.head_hash == (chain.blocks[to].hash if to >= 0 else "")
        assert checkpoint.reorganisations == 0
    follower.catch_up()
    assert_canonical(database, contract, chain)


def test_the_block_gone_back_to_must_be_every_nodes(database: Database, chain: Chain) -> None:
    contract = entered(database)
    Follower(database, contract, [Node(chain).source]).catch_up()
    fork = Chain(12)
    fork.grow(200)
    nodes = Nodes(contract, [Node(fork).source, Node(chain).source], span=Span())
    with pytest.raises(FaultyAnswer, match="is another one at"):
        go_back(database, contract, nodes, to=FINAL - 7)
    short = Chain(11)
    short.grow(20)
    nodes = Nodes(contract, [Node(short).source], span=Span())
    with pytest.raises(FaultyAnswer, match="no block 130 below its own final one"):
        go_back(database, contract, nodes, to=130)
