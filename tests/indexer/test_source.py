"""ChainSource: what a node says, looked through.

Given an answer that cannot be right by itself, by the request or by the block's header
  it should be refused with what is wrong about it
Given an answer that is right in another order, or said twice, it should be put right
Given a node that does not have a request or an old state, that should be told apart from a lie
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.indexer.source import Counters

from .history import Chain, bloom_of, digest
from .provider import Fault, Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3.types import RPCEndpoint, RPCResponse

HEIGHT = 30


class Edited(Node):
    """A node whose answers to one request are changed on their way."""

    method = ""

    edit: Callable[[Any], Any] = staticmethod(lambda answer: answer)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        answer = super().make_request(method, params)
        return {**answer, "result": self.edit(answer.get("result"))} if method == self.method else answer


@pytest.fixture
def node() -> Edited:
    chain = Chain(5)
    chain.grow(HEIGHT)
    while len(chain.head.events) < 2:
        chain.grow()
    return Edited(chain)


def first(**changes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - JSON
    """Change fields of the first log."""
    return lambda logs: [{**logs[0], **changes}, *logs[1:]]


def all_of(**changes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - JSON
    return lambda logs: [{**log, **changes} for log in logs]


def moved_with(chosen: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Put every log of the chosen one's block under another hash."""
    return lambda log: {**log, "blockHash": digest(7)} if log["blockNumber"] == chosen["blockNumber"] else log


Cases = tuple[tuple["Callable[[Any], Any]", str], ...]
LOGS: Cases = (
    (lambda _: "0x", "answers logs with something else"),
    (lambda _: None, "answers logs with something else"),
    (lambda logs: [[], *logs], "a log without its fields"),
    (first(removed=True), "a log without its fields"),
    (first(blockHash="0x12"), "a log without its fields"),
    (first(blockNumber=hex(2**63)), "a log without its fields"),
    (first(logIndex=7), "a log without its fields"),
    (first(topics=[7]), "a log without its fields"),
    (first(data=None), "a log without its fields"),
    (first(address="0x" + "11" * 20), "logs of another contract"),
    (lambda logs: [*logs, {**logs[0], "transactionIndex": "0x9"}], "it gave two logs"),
)
OF_RANGE: Cases = (
    (first(topics=[]), "an event that the contract does not have"),
    (first(topics=["0x" + "11" * 32]), "an event that the contract does not have"),
    (first(data="0x1234"), "wrong length"),
    (first(blockNumber=hex(9_999)), "logs of blocks not asked for"),
    (lambda logs: [*logs, {**logs[-1], "logIndex": "0x99", "blockHash": digest()}], "it gave two blocks"),
    (all_of(blockHash=digest()), "it gave one block two numbers"),
    (lambda logs: [*map(moved_with(logs[0]), logs)], "its logs stand in another block"),
)
OF_BLOCK: Cases = (
    (first(blockNumber="0x1"), "logs of another block"),
    (first(blockHash=digest()), "logs of another block"),
    (first(topics=["0x" + "11" * 32]), "denies a log that it gave"),
    (lambda logs: logs[1:], "are not those of its receipts"),
    (lambda _: [], "are not those of its receipts"),
    (lambda logs: [*logs, {**logs[-1], "logIndex": "0x99"}], "are not those of its receipts"),
)
HEADERS: Cases = (
    (lambda _: "0x", "a block without its fields"),
    (lambda block: {**block, "hash": "0x" + "AB" * 32}, "a block without its fields"),
    (lambda block: {**block, "timestamp": None}, "a block without its fields"),
    (lambda block: {**block, "number": hex(int(block["number"], 16) + 1)}, "it gave block"),
)


def faulty(node: Edited, method: str, edit: Callable[[Any], Any]) -> Edited:
    node.method, node.edit = method, edit
    return node


@pytest.mark.parametrize(("edit", "rule"), [*LOGS, *OF_RANGE])
def test_logs_of_a_range(node: Edited, edit: Callable[[Any], Any], rule: str) -> None:
    source = faulty(node, "eth_getLogs", edit).source
    with pytest.raises(FaultyAnswer, match=rule):
        source.history(0, HEIGHT)


@pytest.mark.parametrize(("edit", "rule"), [*LOGS, *OF_BLOCK])
def test_logs_of_a_block(node: Edited, edit: Callable[[Any], Any], rule: str) -> None:
    header = node.source.head()
    source = faulty(node, "eth_getLogs", edit).source
    with pytest.raises(FaultyAnswer, match=rule):
        source.events_of(header)


@pytest.mark.parametrize(("edit", "rule"), HEADERS)
def test_a_block(node: Edited, edit: Callable[[Any], Any], rule: str) -> None:
    source = faulty(node, "eth_getBlockByNumber", edit).source
    with pytest.raises(FaultyAnswer, match=rule):
        source.block(7)


def test_a_node_without_a_latest_block(node: Edited) -> None:
    source = faulty(node, "eth_getBlockByNumber", lambda _: None).source
    with pytest.raises(FaultyAnswer, match="no latest block"):
        source.head()
    assert source.final() is None
    assert source.block(3) is None


def test_an_empty_filter_denies_nothing_but_what_the_receipts_deny(node: Edited) -> None:
    header = node.source.head()._replace(bloom=0)
    assert len(node.source.events_of(header)) == len(node.chain.head.events)
    source = faulty(node, "eth_getBlockReceipts", lambda _: [{"logs": []}]).source
    with pytest.raises(FaultyAnswer, match="are not those of its receipts"):
        source.events_of(header)


def test_broken_receipts_are_refused(node: Edited) -> None:
    entry = node.source.history(0, HEIGHT)[0]
    source = faulty(node, "eth_getBlockReceipts", lambda _: [{}]).source
    with pytest.raises(FaultyAnswer, match="a receipt without its fields"):
        source.has(entry)


def test_receipts_tell_whether_an_event_is_there(node: Edited) -> None:
    entry = node.source.history(0, HEIGHT)[0]
    assert node.source.has(entry) is True
    assert node.source.has(entry._replace(log_index=99)) is False
    assert node.source.has(entry._replace(block_hash=digest())) is None
    node.receipts = False
    assert node.source.has(entry) is None


@pytest.mark.parametrize("times", [True, False])
def test_doubled_and_reordered_logs_are_put_right(node: Edited, *, times: bool) -> None:
    node.times = times
    right = node.source.history(0, HEIGHT)
    source = faulty(node, "eth_getLogs", lambda logs: [*reversed(logs), *logs]).source
    assert source.history(0, HEIGHT) == right
    assert [entry.timestamp for entry in right] == [
        node.chain.blocks[entry.block_number].timestamp for entry in right
    ]


def test_a_revert_of_what_is_no_call_is_a_refusal(node: Edited) -> None:
    header = node.source.head()
    node.faults, node.percent = (Fault.REVERT,), 100
    for ask in (
        node.source.chain_id,
        node.source.head,
        lambda: node.source.history(0, HEIGHT),
        lambda: node.source.events_of(header),
    ):
        with pytest.raises(NodeRefused):
            ask()
    assert node.source.final() is None
    assert node.source.counters(3) is None


def test_sums_that_a_node_does_not_have_are_no_lie(node: Edited) -> None:
    there = Counters.of(node.chain.blocks[3].books)
    assert node.source.counters(3) == there
    node.archive_depth = 0
    assert node.source.counters(3) is None
    node.archive_depth = None
    answers = iter(("0x", "0x12", "", 7, None))
    faulty(node, "eth_call", lambda _: next(answers))
    for _each in range(5):
        assert node.source.counters(3) is None
    node.faults, node.percent = (Fault.LATE,), 100
    with pytest.raises(Unreachable):
        node.source.counters(3)


def test_a_header_without_a_filter_has_none(node: Edited) -> None:
    assert node.source.block(7) is not None
    assert node.source.head().bloom == int(bloom_of(node.chain.head), 16)
    node.filters = False
    assert node.source.head().bloom == 0
