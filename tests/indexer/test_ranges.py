"""Ranges: history of one node, in as large ranges as it takes.

Given a node that refuses ranges above a limit
  it should give the whole range all the same, and be asked for about as much as it gives from then on
  with a limit below one block, it should be refused in the node's words
Given a node that does not answer
  it should be told at once, and asked for less the next time
"""

from __future__ import annotations

import pytest

from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.indexer.plan import Span
from sessionpay.indexer.ranges import Ranges

from .history import Chain
from .provider import Fault, Node

LIMIT = 60


@pytest.fixture
def node() -> Node:
    chain = Chain(2)
    chain.grow(1_500, events_max=1)
    return Node(chain)


def asked(node: Node) -> int:
    return node.requests.count("eth_getLogs")


def test_all_is_read_although_large_ranges_are_refused(node: Node) -> None:
    whole = node.source.history(0, 999)
    node.range_max, node.requests = LIMIT, []
    ranges = Ranges(node.source, Span())
    assert ranges.read(0, 999) == whole
    assert LIMIT // 2 <= ranges.span.blocks <= LIMIT * 9 // 8
    # A reader that tried twice as much after each answer would be refused every second time.
    assert asked(node) <= 1.6 * 1_000 / LIMIT + 10


def test_what_is_learnt_is_kept(node: Node) -> None:
    node.range_max = LIMIT
    ranges = Ranges(node.source, Span())
    ranges.read(0, 999)
    node.requests = []
    ranges.read(1_000, 1_400)
    assert asked(node) <= 1.6 * 401 / LIMIT + 2


def test_a_node_that_refuses_one_block_is_told_of(node: Node) -> None:
    node.range_max = 0
    ranges = Ranges(node.source, Span(8))
    with pytest.raises(NodeRefused, match="range too large"):
        ranges.read(0, 999)
    assert ranges.span.blocks == 1
    assert asked(node) == 4


def test_silence_is_told_at_once(node: Node) -> None:
    node.faults, node.percent = (Fault.LATE,), 100
    ranges = Ranges(node.source, Span(100))
    with pytest.raises(Unreachable):
        ranges.read(0, 999)
    assert (asked(node), ranges.span.blocks) == (1, 50)
