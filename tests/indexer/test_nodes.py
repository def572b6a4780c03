"""Nodes: several nodes asked as one.

Given nodes that call different blocks final
  the lowest should be taken; a node that is behind, silent, or calls none final should have no say
Given a node of another chain beside one of this
  it should have no say, and be refused when it is its turn
Given nodes that contradict each other on a final block
  it should be refused
Given events that the first node leaves out
  they should be taken from the next one that answers
Given the contract's sums
  another node than the first should be asked for them, the first if no other knows
"""

from __future__ import annotations

import pytest

from sessionpay.chain.errors import WrongChain
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.indexer.nodes import Nodes, existing
from sessionpay.indexer.plan import Span
from sessionpay.indexer.source import Counters
from sessionpay.store.evidence import Block, Contract

from .history import CONTRACT, DELAY, Chain
from .provider import CHAIN_ID, Fault, Node

KNOWN = Contract(1, CHAIN_ID, CONTRACT, Asset(ZERO_ADDRESS, "ETH", 18), DELAY, 0)


def together(*nodes: Node) -> Nodes:
    return Nodes(KNOWN, [node.source for node in nodes], span=Span())


@pytest.fixture
def chain() -> Chain:
    made = Chain(1)
    made.grow(100)
    return made


def final_number(nodes: Nodes) -> int | None:
    header = nodes.final()
    return None if header is None else header.block.number


def test_a_block_is_final_when_no_node_contradicts(chain: Chain) -> None:
    hasty, slow = Node(chain), Node(chain)
    hasty.final_depth, slow.final_depth = 2, 30
    assert final_number(together(hasty)) == 98
    assert final_number(together(hasty, slow)) == 70
    assert final_number(together(slow, hasty)) == 70
    found = together(hasty, slow).final()
    assert found is not None
    assert found.block.hash == chain.blocks[70].hash


def test_a_node_that_is_behind_has_no_say(chain: Chain) -> None:
    behind = Chain(1)
    behind.blocks, behind.highest = chain.blocks[:20], 19
    late = Node(behind)
    late.final_depth = 5
    assert final_number(together(Node(chain), late)) == 36


def test_a_node_that_calls_none_final_or_is_silent_has_no_say(chain: Chain) -> None:
    young, silent = Node(chain), Node(chain, faults=(Fault.LATE,), percent=100)
    young.final_depth = 1_000
    assert final_number(together(Node(chain), young, silent)) == 36
    assert final_number(together(young, Node(chain))) is None


def test_a_node_of_another_chain_has_no_say(chain: Chain) -> None:
    fork = Chain(9)
    fork.grow(100)
    stranger = Node(fork, faults=(Fault.OTHER_CHAIN,), percent=100)
    nodes = together(Node(chain), stranger)
    nodes.require_chain()
    nodes.require_agreement(existing(nodes.first, 36).block)
    assert nodes.history(0, 36) == Node(chain).source.history(0, 36)
    nodes.turn()
    with pytest.raises(WrongChain, match="serves chain 1, not 31337"):
        nodes.require_chain()


def test_a_contradiction_on_a_final_block_is_refused(chain: Chain) -> None:
    fork = Chain(9)
    fork.grow(100)
    nodes = together(Node(chain), Node(fork))
    with pytest.raises(FaultyAnswer, match="final block 36 is another one at"):
        nodes.require_agreement(chain_block(nodes, 36))


def chain_block(nodes: Nodes, number: int) -> Block:
    return existing(nodes.first, number).block


def test_a_missing_block_is_refused(chain: Chain) -> None:
    with pytest.raises(FaultyAnswer, match="no block 101 below its own final one"):
        existing(Node(chain).source, 101)


def test_what_the_first_leaves_out_is_taken_from_the_next_that_answers(chain: Chain) -> None:
    torn, silent = Node(chain), Node(chain, faults=(Fault.LATE,), percent=100)
    whole = Node(chain).source.history(0, 36)
    place = whole[5]
    torn.hidden = (hex(place.block_number), hex(place.log_index))
    assert len(torn.source.history(0, 36)) == len(whole) - 1
    assert together(torn, silent, Node(chain)).history(0, 36) == whole
    assert together(Node(chain), silent, torn).history(0, 36) == whole
    limited = Node(chain)
    limited.range_max = 5
    assert together(torn, limited).history(0, 36) == whole


def test_a_block_is_read_from_both(chain: Chain) -> None:
    first, second = Node(chain), Node(chain)
    nodes = together(first, second)
    header = existing(nodes.first, 90)
    assert nodes.events_of(header) == Node(chain).source.events_of(header)
    assert first.requests.count("eth_getLogs") == second.requests.count("eth_getLogs") == 1


def test_nodes_take_turns(chain: Chain) -> None:
    first, second = Node(chain), Node(chain)
    nodes = together(first, second)
    assert len(nodes) == 2
    nodes.turn()
    nodes.first.head()
    assert (first.requests, second.requests) == ([], ["eth_getBlockByNumber"])
    nodes.turn()
    nodes.first.head()
    assert first.requests == ["eth_getBlockByNumber"]


def test_sums_are_those_of_another_node(chain: Chain) -> None:
    giver, other = Node(chain), Node(chain)
    nodes = together(giver, other)
    head = existing(nodes.first, 90).block
    there = Counters.of(chain.blocks[90].books)
    assert nodes.counters(head) == there
    assert "eth_call" in other.requests
    assert "eth_call" not in giver.requests
    other.archive_depth = 0
    assert nodes.counters(head) == there
    assert "eth_call" in giver.requests
    giver.archive_depth = 0
    assert nodes.counters(head) is None


def test_sums_of_another_block_are_not_taken(chain: Chain) -> None:
    fork = Chain(9)
    fork.grow(100)
    nodes = together(Node(chain), Node(fork))
    assert nodes.counters(chain_block(nodes, 90)) == Counters.of(chain.blocks[90].books)
    alone = together(Node(fork))
    assert alone.counters(chain_block(together(Node(chain)), 90)) is None


def test_sums_taken_while_the_chain_changed_are_not_taken(chain: Chain) -> None:
    node = Node(chain)
    nodes = together(node)
    head = existing(nodes.first, 100).block
    node.before = lambda: chain.reorganise(5) if node.requests.count("eth_call") == 4 else None
    assert nodes.counters(head) is None


def test_sums_taken_before_the_chain_came_back_are_not_taken(chain: Chain) -> None:
    fork = Chain(9)
    fork.grow(100)
    node = Node(fork)
    head = existing(together(Node(chain)).first, 100).block

    def come_back() -> None:
        if node.requests.count("eth_call") == 4 and node.requests[-1] != "eth_call":
            node.chain = chain

    node.before = come_back
    assert together(node).counters(head) is None
