"""A node under a test's control: it serves a made-up chain, and lies about it as told."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Any, cast

import requests
from eth_utils.crypto import keccak
from web3 import Web3
from web3.providers.base import JSONBaseProvider

from sessionpay.core.events import NodeTimestampUpdated
from sessionpay.indexer.source import ChainSource

from .history import CONTRACT, NODES, Chain, MadeBlock, bloom_of, digest, logs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3.types import RPCEndpoint, RPCResponse

CHAIN_ID = 31_337
FINAL_DEPTH = 64
REFUSED = -32_000


class Fault(StrEnum):
    """What a node can do wrong."""

    OMIT = "leaves a log out"
    REPEAT = "gives a log twice"
    REORDER = "gives logs in any order"
    FORGE = "gives a log that is none"
    INVENT = "gives a log where there are none"
    MOVE = "gives a log under another block"
    LATE = "does not answer in time"
    ERROR = "answers with an error"
    OTHER_CHAIN = "says that it serves another chain"
    REVERT = "answers with an error as of a call"
    NOTHING = "answers with nothing"
    GARBAGE = "answers with what is no answer"
    ALTER = "gives a log with another amount"
    BACKDATE = "gives a log with another time"
    FORK = "answers as a node of another chain would"
    MISCOUNT = "gives other sums than the contract's"
    TORN_RECEIPTS = "leaves a log out of the receipts"


# An honest node beside one that does these carries on: the answer gives itself away, or the receipts do.
PLAIN_FAULTS = (
    Fault.OMIT, Fault.REPEAT, Fault.REORDER, Fault.FORGE, Fault.INVENT, Fault.MOVE, Fault.LATE, Fault.ERROR,
    Fault.REVERT, Fault.OTHER_CHAIN, Fault.NOTHING, Fault.GARBAGE, Fault.ALTER, Fault.BACKDATE,
)  # fmt: skip
GARBAGE: tuple[Any, ...] = (
    "",
    "0x",
    "0xzz",
    7,
    -1,
    [],
    {},
    [[]],
    [{}],
    True,
    {"number": "0x1"},
    [{"logs": 7}],
)


COUNTERS = {
    "0x" + keccak(text=f"{name}()")[:4].hex(): field
    for name, field in (
        ("liabilities", "liabilities"),
        ("totalNetworkBalance", "network"),
        ("settlementSequence", "sequence"),
        ("pausedUntil", "paused_until"),
    )
}


class Node(JSONBaseProvider):
    """Serves `chain`; of each hundred answers `percent` have one of `faults`.

    `archive_depth` is how many blocks back it keeps states, all when left out; `hidden` the number and the
    log of an event that it never gives by range; `before` is called before each answer. `filters`,
    `receipts` and `times` say whether it gives filters in headers, receipts, and times in logs.
    """

    def __init__(
        self, chain: Chain, *, faults: tuple[Fault, ...] = (), percent: int = 0, seed: int = 0
    ) -> None:
        super().__init__()
        self.chain = chain
        self.faults = faults
        self.percent = percent
        self.archive_depth: int | None = None
        self.range_max: int | None = None
        self.filters = True
        self.receipts = True
        self.times = False
        self.before: Callable[[], None] | None = None
        self.fork: Chain | None = None
        self.hidden: tuple[str, str] | None = None
        self.final_depth = FINAL_DEPTH
        self.requests: list[str] = []
        self._random = Random(seed)

    @property
    def source(self) -> ChainSource:
        """What the indexer sees of the node."""
        return ChainSource(Web3(self), CONTRACT)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        """Answer, or not."""
        self.requests.append(method)
        if self.before is not None:
            self.before()
        fault = self._random.choice(self.faults) if self._random.randrange(100) < self.percent else None
        match fault:
            case Fault.LATE:
                raise requests.Timeout
            case Fault.ERROR:
                return cast("RPCResponse", _refused("try again later"))
            case Fault.REVERT:
                return cast("RPCResponse", _refused("reverted", data="0x08c379a0"))
            case Fault.NOTHING:
                return {"jsonrpc": "2.0", "id": 1, "result": None}
            case Fault.GARBAGE:
                return cast(
                    "RPCResponse", {"jsonrpc": "2.0", "id": 1, "result": self._random.choice(GARBAGE)}
                )
        answer = self._answer(method, params, self._forked() if fault is Fault.FORK else self.chain)
        if fault is not None and not (isinstance(answer, dict) and "error" in answer):
            answer = self._twisted(method, params, answer, fault)
        if isinstance(answer, dict) and "error" in answer:
            return cast("RPCResponse", answer)
        return {"jsonrpc": "2.0", "id": 1, "result": answer}

    def _forked(self) -> Chain:
        """Return another chain of about the same length, the same one every time."""
        if self.fork is None:
            self.fork = Chain(self._random.randrange(2**32))
            self.fork.grow(max(1, self.chain.head.number + self._random.randint(-3, 3)))
        return self.fork

    def _answer(self, method: str, params: Any, chain: Chain) -> Any:  # noqa: ANN401 - JSON
        match method:
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "eth_getBlockByNumber":
                return self._block(params[0], chain)
            case "eth_getLogs":
                return self._logs(params[0], chain)
            case "eth_getBlockReceipts" if self.receipts:
                block = chain.by_hash(params[0])
                return None if block is None else [{"logs": logs_of(block)}]
            case "eth_call":
                return self._call(params[0]["data"], int(params[1], 16), chain)
        return _refused(f"unknown method {method}")

    def _block(self, tag: str, chain: Chain) -> dict[str, Any] | None:
        head = chain.head.number
        number = {"latest": head, "finalized": chain.highest - self.final_depth}.get(tag)
        number = int(tag, 16) if number is None else number
        if not 0 <= number <= head:
            return None
        block = chain.blocks[number]
        return {
            "number": hex(block.number),
            "hash": block.hash,
            "parentHash": block.parent_hash,
            "timestamp": hex(block.timestamp),
            **({"logsBloom": bloom_of(block)} if self.filters else {}),
        }

    def _logs(self, wanted: dict[str, str], chain: Chain) -> Any:  # noqa: ANN401 - JSON
        if "blockHash" in wanted:
            block = chain.by_hash(wanted["blockHash"])
            return _refused("unknown block") if block is None else self._of(block)
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if self.range_max is not None and last - first >= self.range_max:
            return _refused("range too large")
        logs = [log for block in chain.blocks[first : last + 1] for log in self._of(block)]
        return [log for log in logs if (log["blockNumber"], log["logIndex"]) != self.hidden]

    def _of(self, block: MadeBlock) -> list[dict[str, Any]]:
        time = {"blockTimestamp": hex(block.timestamp)} if self.times else {}
        return [{**log, **time} for log in logs_of(block)]

    def _call(self, data: str, number: int, chain: Chain) -> Any:  # noqa: ANN401 - JSON
        head = chain.head.number
        if number > head or (self.archive_depth is not None and number < head - self.archive_depth):
            return _refused("missing trie node")
        return f"0x{getattr(chain.blocks[number].books, COUNTERS[data]):064x}"

    def _twisted(self, method: str, params: Any, answer: Any, fault: Fault) -> Any:  # noqa: ANN401 - JSON
        """Return the answer as the fault changes it, where the fault is one of this method."""
        match method, fault:
            case "eth_chainId", Fault.OTHER_CHAIN:
                return hex(1)
            case "eth_call", Fault.MISCOUNT:
                return f"0x{int(answer, 16) + 1:064x}"
            case "eth_getBlockReceipts", Fault.TORN_RECEIPTS if answer and answer[0]["logs"]:
                return [{"logs": self._lie(answer[0]["logs"], Fault.OMIT)}]
            case "eth_getLogs", Fault.INVENT:
                return answer or self._invented(params[0])
            case "eth_getLogs", _:
                return self._lie(answer, fault)
        return answer

    def _invented(self, wanted: dict[str, str]) -> list[dict[str, Any]]:
        """Return a log that could follow anything, in the block asked for or the last one."""
        block = self.chain.by_hash(wanted.get("blockHash", ""))
        block = block or self.chain.blocks[min(int(wanted.get("toBlock", "0x0"), 16), self.chain.head.number)]
        return self._of(replace(block, events=(NodeTimestampUpdated(NODES[0]),)))

    def _lie(self, logs: list[dict[str, Any]], fault: Fault) -> list[dict[str, Any]]:
        told = list(logs)
        if not told:
            return told
        place = self._random.randrange(len(told))
        match fault:
            case Fault.OMIT:
                del told[place]
            case Fault.REPEAT:
                told.insert(self._random.randrange(len(told)), told[place])
            case Fault.REORDER:
                self._random.shuffle(told)
            case Fault.FORGE:
                told.append({**told[place], "logIndex": hex(int(told[-1]["logIndex"], 16) + 1)})
            case Fault.MOVE:
                told[place] = {**told[place], "blockHash": digest("elsewhere", place)}
            case Fault.ALTER if len(told[place]["data"]) > 2:
                changed = (int(told[place]["data"][-64:], 16) + 1) % 2**256
                told[place] = {**told[place], "data": f"{told[place]['data'][:-64]}{changed:064x}"}
            case Fault.BACKDATE if "blockTimestamp" in told[place]:
                earlier = int(told[place]["blockTimestamp"], 16) - 1
                told[place] = {**told[place], "blockTimestamp": hex(earlier)}
        return told


def _refused(message: str, **more: str) -> Any:  # noqa: ANN401 - JSON
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": REFUSED, "message": message, **more}}
