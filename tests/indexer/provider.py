"""A node under a test's control: it serves a made-up chain, and lies about it as told."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Any, cast

import requests
from eth_utils.crypto import keccak
from web3 import Web3
from web3.providers.base import JSONBaseProvider

from sessionpay.indexer.source import ChainSource

from .history import CONTRACT, Chain, MadeBlock, bloom_of, digest, logs_of

if TYPE_CHECKING:
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
    MOVE = "gives a log under another block"
    LATE = "does not answer in time"
    ERROR = "answers with an error"
    OTHER_CHAIN = "answers for another chain"
    NOTHING = "answers with nothing"


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
    log of an event that it never gives by range.
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
        fault = self._random.choice(self.faults) if self._random.randrange(100) < self.percent else None
        match fault:
            case Fault.LATE:
                raise requests.Timeout
            case Fault.ERROR:
                return cast("RPCResponse", _refused("try again later"))
            case Fault.NOTHING:
                return {"jsonrpc": "2.0", "id": 1, "result": None}
        answer = self._answer(method, params)
        if method == "eth_chainId" and fault is Fault.OTHER_CHAIN:
            answer = hex(1)
        if method == "eth_getLogs" and isinstance(answer, list) and fault is not None:
            answer = self._lie(answer, fault)
        if isinstance(answer, dict) and "error" in answer:
            return cast("RPCResponse", answer)
        return {"jsonrpc": "2.0", "id": 1, "result": answer}

    def _answer(self, method: str, params: Any) -> Any:  # noqa: ANN401 - JSON
        match method:
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "eth_getBlockByNumber":
                return self._block(params[0])
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_getBlockReceipts":
                block = self._by_hash(params[0])
                return None if block is None else [{"logs": logs_of(block)}]
            case "eth_call":
                return self._call(params[0]["data"], int(params[1], 16))
        return _refused(f"unknown method {method}")

    def _block(self, tag: str) -> dict[str, Any] | None:
        head = self.chain.head.number
        number = {"latest": head, "finalized": head - self.final_depth}.get(tag)
        number = int(tag, 16) if number is None else number
        if not 0 <= number <= head:
            return None
        block = self.chain.blocks[number]
        return {
            "number": hex(block.number),
            "hash": block.hash,
            "parentHash": block.parent_hash,
            "timestamp": hex(block.timestamp),
            **({"logsBloom": bloom_of(block)} if self.filters else {}),
        }

    def _by_hash(self, block_hash: str) -> MadeBlock | None:
        return next((block for block in self.chain.blocks if block.hash == block_hash), None)

    def _logs(self, wanted: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        if "blockHash" in wanted:
            block = self._by_hash(wanted["blockHash"])
            return _refused("unknown block") if block is None else list(logs_of(block))
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if self.range_max is not None and last - first >= self.range_max:
            return _refused("range too large")
        logs = [log for block in self.chain.blocks[first : last + 1] for log in logs_of(block)]
        return [log for log in logs if (log["blockNumber"], log["logIndex"]) != self.hidden]

    def _call(self, data: str, number: int) -> Any:  # noqa: ANN401 - JSON
        head = self.chain.head.number
        if number > head or (self.archive_depth is not None and number < head - self.archive_depth):
            return _refused("missing trie node")
        return f"0x{getattr(self.chain.blocks[number].books, COUNTERS[data]):064x}"

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
        return told


def _refused(message: str) -> Any:  # noqa: ANN401 - JSON
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": REFUSED, "message": message}}
