"""What a node says about one contract, looked through before anybody believes it.

Doubled and reordered logs are put right here. What contradicts itself, the request or the block's own
header is refused with `FaultyAnswer`, so that another node can be asked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import MalformedLog, NodeRefused, Unreachable
from sessionpay.chain.logs import BY_TOPIC, decode
from sessionpay.core.books import Books
from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import Address
from sessionpay.indexer import bloom
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.store.evidence import Block, Entry

HASH = re.compile(r"0x[0-9a-f]{64}")
NUMBER_LIMIT = 2**63
TOPICS = {f"0x{topic}": layout.name for topic, layout in BY_TOPIC.items()}


class Header(NamedTuple):
    """A block with its filter; 0 for a node that gives none."""

    block: Block
    bloom: int


@dataclass(frozen=True, slots=True)
class Counters:
    """The contract's own sums at one block, in base units, and its next batch number."""

    liabilities: int
    network: int
    sequence: int
    paused_until: int

    @classmethod
    def of(cls, books: Books) -> "Counters":
        """Return what the books say these are."""
        return cls(books.liabilities, books.network, books.sequence, books.paused_until)


class Source(Protocol):
    """One node, asked about one contract. Every method raises `ChainError` or `FaultyAnswer`."""

    @property
    def name(self) -> str:
        """The node as far as it may be shown."""

    def chain_id(self) -> int:
        """Return which chain the node serves."""

    def head(self) -> Header:
        """Return the latest block."""

    def final(self) -> Header | None:
        """Return the last block that the node calls final; None if it calls none so."""

    def block(self, number: int) -> Header | None:
        """Return one block; None if the node has none of that number."""

    def history(self, first: int, last: int) -> list[Entry]:
        """Return the events of final blocks `first` to `last` in order."""

    def events_of(self, header: Header) -> list[Entry]:
        """Return the events of one block in order."""

    def has(self, entry: Entry) -> bool | None:
        """Tell whether the receipts of a block have an event; None if the node does not give receipts."""

    def counters(self, number: int) -> Counters | None:
        """Return the contract's sums after block `number`; None if the node does not keep that state."""


class ChainSource:
    """A node over JSON-RPC."""

    def __init__(self, web3: Web3, address: Address) -> None:
        """Bind to a node and a contract; nothing is asked yet."""
        self._web3 = web3
        self._address = address
        self._contract = SessionPayment(web3, address)

    @property
    def name(self) -> str:
        """See `Source`."""
        return rpc.server(self._web3)

    def chain_id(self) -> int:
        """See `Source`."""
        found: int = self._asked("eth_chainId", lambda: rpc.chain_id(self._web3))
        return found

    def head(self) -> Header:
        """See `Source`."""
        found = self._header("latest")
        if found is None:
            raise FaultyAnswer(self.name, rule="it has no latest block")
        return found

    def final(self) -> Header | None:
        """See `Source`; a node that does not know the name has no final block."""
        try:
            return self._header("finalized")
        except NodeRefused:
            return None

    def block(self, number: int) -> Header | None:
        """See `Source`."""
        found = self._header(number)
        if found is not None and found.block.number != number:
            raise FaultyAnswer(self.name, rule=f"it gave block {found.block.number} for block {number}")
        return found

    def history(self, first: int, last: int) -> list[Entry]:
        """See `Source`."""
        wanted = {"address": self._address, "fromBlock": hex(first), "toBlock": hex(last)}
        logs = self._logs(wanted)
        self._require(
            all(first <= log.block_number <= last for log in logs), "it gave logs of blocks not asked for"
        )
        blocks: dict[int, str] = {}
        for log in logs:
            same = blocks.setdefault(log.block_number, log.block_hash) == log.block_hash
            self._require(same, f"it gave two blocks {log.block_number}")
        self._require(len({*blocks.values()}) == len(blocks), "it gave one block two numbers")
        times = self._times(logs, blocks)
        return [self._entry(log, times[log.block_number]) for log in logs]

    def events_of(self, header: Header) -> list[Entry]:
        """See `Source`."""
        block = header.block
        logs = self._logs({"address": self._address, "blockHash": block.hash})
        for log in logs:
            place = (log.block_number, log.block_hash)
            self._require(place == (block.number, block.hash), "it gave logs of another block")
        # Chains that make no filters leave theirs empty, so an empty one denies nothing.
        if header.bloom:
            self._require_allowed(header, logs)
        if logs or any(bloom.allows(header.bloom, (self._address, topic)) for topic in TOPICS):
            self._require_received(block, logs)
        return [self._entry(log, block.timestamp) for log in logs]

    def counters(self, number: int) -> Counters | None:
        """See `Source`; a node that refuses has dropped the state, or has not computed it yet."""
        contract = self._contract
        try:
            return Counters(
                liabilities=contract.liabilities(block=number),
                network=contract.total_network_balance(block=number),
                sequence=contract.settlement_sequence(block=number),
                paused_until=contract.paused_until(block=number),
            )
        except Unreachable:
            raise
        except SessionPayError:
            return None

    def has(self, entry: Entry) -> bool | None:
        """See `Source`."""
        logs = self._receipts(entry.block_hash)
        return None if logs is None else entry in [self._entry(log, entry.timestamp) for log in logs]

    # Reading

    def _ask(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
        return self._asked(method, lambda: rpc.ask(self._web3, method, *parameters))

    def _asked(self, method: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - as above
        try:
            return ask()
        except rpc.Reverted:
            # Nothing is called, so an error that reads like a revert is the node's own.
            raise NodeRefused(method, message="execution reverted") from None

    def _header(self, number: int | str) -> Header | None:
        tag = rpc.block_tag(number)
        return self._as_header(self._ask("eth_getBlockByNumber", tag, False))

    def _as_header(self, found: Any) -> Header | None:  # noqa: ANN401 - JSON has no narrower type
        if found is None:
            return None
        header: Header = self._read(lambda: _header(found), "a block without its fields")
        return header

    def _logs(self, wanted: Mapping[str, str]) -> list["_Log"]:
        found = self._ask("eth_getLogs", wanted)
        self._require(isinstance(found, list), "it answers logs with something else")
        logs: list[_Log] = self._read(lambda: [_log(raw) for raw in found], "a log without its fields")
        logs.sort(key=_place)
        ours = all(log.address == self._address for log in logs)
        self._require(ours, "it gave logs of another contract")
        by_place = {(log.block_number, log.log_index): log for log in logs}
        if len(by_place) < len(logs):
            self._require_equal(by_place, logs)
        return list(by_place.values())

    def _require_equal(self, by_place: Mapping[tuple[int, int], "_Log"], logs: Sequence["_Log"]) -> None:
        """Refuse logs of one place that are not the same log again."""
        for log in logs:
            same = by_place[log.block_number, log.log_index] == log
            self._require(same, f"it gave two logs {log.log_index} of block {log.block_number}")

    def _times(self, logs: Sequence["_Log"], blocks: Mapping[int, str]) -> dict[int, int]:
        """Return the times of blocks, from their headers where the logs do not have them."""
        times = {log.block_number: log.timestamp for log in logs if log.timestamp is not None}
        missing = [number for number in blocks if number not in times]
        requests = [(rpc.block_tag(number), False) for number in missing]
        method = "eth_getBlockByNumber"
        answers = self._asked(method, lambda: rpc.ask_many(self._web3, method, requests))
        for number, answer in zip(missing, answers, strict=True):
            header = self._as_header(answer)
            same = (
                header is not None and header.block.number == number and header.block.hash == blocks[number]
            )
            self._require(same, f"its logs stand in another block {number} than it has")
            times[number] = header.block.timestamp if header else 0
        return times

    def _entry(self, log: "_Log", timestamp: int) -> Entry:
        try:
            event = decode({"topics": log.topics, "data": log.data})
        except MalformedLog as malformed:
            raise FaultyAnswer(self.name, rule=str(malformed)) from None
        if event is None:
            raise FaultyAnswer(self.name, rule="it gave an event that the contract does not have")
        return Entry(*log[:5], timestamp, event)

    def _require_allowed(self, header: Header, logs: Sequence["_Log"]) -> None:
        for log in logs:
            possible = bloom.allows(header.bloom, (self._address, *log.topics))
            self._require(possible, f"block {header.block.number} denies a log that it gave")

    def _require_received(self, block: Block, logs: Sequence["_Log"]) -> None:
        """Compare with the receipts, as far as there are any.

        A filter cannot tell the second event of a kind from the first, and allows what others logged, too.
        """
        found = self._receipts(block.hash)
        same = found is None or found == [log._replace(timestamp=None) for log in logs]
        self._require(same, f"its logs of block {block.number} are not those of its receipts")

    def _receipts(self, block_hash: str) -> list["_Log"] | None:
        """Return the contract's logs in the receipts of a block; None where the node gives no receipts."""
        try:
            receipts = self._ask("eth_getBlockReceipts", block_hash)
        except NodeRefused:
            return None  # Not every node has this request.
        if receipts is None:
            return None
        found: list[_Log] = self._read(
            lambda: [_log(raw) for receipt in receipts for raw in receipt["logs"]],
            "a receipt without its fields",
        )
        return [log._replace(timestamp=None) for log in found if log.address == self._address]

    def _read(self, read: Callable[[], Any], otherwise: str) -> Any:  # noqa: ANN401 - as what is read
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise FaultyAnswer(self.name, rule=f"it gave {otherwise}") from None

    def _require(self, holds: bool, rule: str) -> None:
        if not holds:
            raise FaultyAnswer(self.name, rule=rule)


class _Log(NamedTuple):
    """A log with its place; `timestamp` is that of the block where the node says it."""

    block_number: int
    log_index: int
    block_hash: str
    transaction_hash: str
    transaction_index: int
    timestamp: int | None
    address: str
    topics: tuple[str, ...]
    data: str


_place = itemgetter(0, 1)


def _log(raw: Mapping[str, Any]) -> _Log:
    if raw.get("removed"):
        raise ValueError("a log of a block that was taken back")
    time = raw.get("blockTimestamp")
    return _Log(
        _quantity(raw["blockNumber"]),
        _quantity(raw["logIndex"]),
        _hash(raw["blockHash"]),
        _hash(raw["transactionHash"]),
        _quantity(raw["transactionIndex"]),
        None if time is None else _quantity(time),
        raw["address"].lower(),
        tuple(_text(topic) for topic in raw["topics"]),
        _text(raw["data"]),
    )


def _header(raw: Mapping[str, Any]) -> Header:
    block = Block(
        _quantity(raw["number"]), _hash(raw["hash"]), _hash(raw["parentHash"]), _quantity(raw["timestamp"])
    )
    return Header(block, int(raw.get("logsBloom") or "0x0", 16))


def _quantity(text: str) -> int:
    number = int(text, 16)
    if not 0 <= number < NUMBER_LIMIT:
        raise ValueError("a number that no chain reaches")
    return number


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _hash(text: str) -> str:
    if not HASH.fullmatch(text):
        raise ValueError("not a hash")
    return text
