"""JSON-RPC answered inside this process: eth-tester's chain on py-evm, spoken to without detours.

Each transaction gets a block of its own at once. eth-tester's own provider checks and converts every
value several times on its way; this one answers four times as fast, in the form of a real node.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from eth.abc import BlockAPI, BlockHeaderAPI, ComputationAPI, MiningChainAPI, StateAPI
from eth.exceptions import HeaderNotFound
from eth.vm.forks.cancun import CancunVM
from eth.vm.spoof import SpoofTransaction
from eth_tester.backends.pyevm.main import PyEVMBackend
from eth_tester.backends.pyevm.serializers import (
    serialize_block,
    serialize_transaction,
    serialize_transaction_receipt,
)
from eth_typing import BlockNumber
from eth_utils.exceptions import ValidationError
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from sessionpay.chain.reverts import REVERTED_CODE, reason_of
from sessionpay.core.ids import Address

# A batch of 512 first-time nodes needs 12 million; a demonstration may send more at once.
BLOCK_GAS_LIMIT = 100_000_000
# Low enough for amounts to stay readable: gas on this chain costs next to nothing.
GENESIS_BASE_FEE_WEI = 8
# A call that nobody limits gets what nodes commonly allow; a preview of 512 rows takes half of it.
CALL_GAS_LIMIT = 50_000_000
GAS_GROWTH_DIVISOR = 8

UNKNOWN_METHOD_CODE = -32_601
REFUSED_CODE = -32_000

NAMES_OF_HEAD = frozenset({"latest", "pending", "safe", "finalized"})

Request = Mapping[str, Any]


class _Reverted(Exception):
    """A call failed; its answer says why."""


class EmbeddedProvider(JSONBaseProvider):
    """A chain with cancun rules, and the part of JSON-RPC that wallets and libraries use."""

    def __init__(self, wealth: Mapping[Address, int], *, started_at: int) -> None:
        """Create the first block at unix time `started_at`; `wealth` gives accounts their wei."""
        super().__init__()
        genesis = PyEVMBackend.generate_genesis_params(
            {"gas_limit": BLOCK_GAS_LIMIT, "timestamp": started_at}
        )
        backend = PyEVMBackend(
            genesis_parameters={**genesis, "base_fee_per_gas": GENESIS_BASE_FEE_WEI},
            genesis_state={
                _bytes(address): {"balance": amount, "nonce": 0, "code": b"", "storage": {}}
                for address, amount in wealth.items()
            },
            vm_configuration=((0, CancunVM),),
        )
        self._chain = cast("MiningChainAPI", backend.chain)
        # Every block but the first and those that only move the clock holds one transaction.
        self._block_numbers: dict[str, int] = {}
        # The state that the next transaction finds, kept between blocks because it caches what was read.
        self._pending: StateAPI | None = None
        self._methods = self._answers()
        self._hold_clock()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        """Answer one request in the form of JSON-RPC."""
        answer = self._methods.get(method)
        if answer is None:
            return _failure(UNKNOWN_METHOD_CODE, f"the embedded chain does not know {method}")
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": _json(answer(*_as_sent(params)))}
        except _Reverted as reverted:
            data = reverted.args[0]
            return _failure(REVERTED_CODE, f"execution reverted: {reason_of(data)}", data=_json(data))
        except (ValidationError, HeaderNotFound) as refused:
            return _failure(REFUSED_CODE, str(refused))

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002 - as the base class
        """Tell that the chain is there."""
        return True

    @property
    def now(self) -> int:
        """The time of the latest block, in unix seconds."""
        return self._head().timestamp

    def advance(self, seconds: int) -> None:
        """Mine an empty block `seconds` after the latest one, at least 1."""
        if seconds < 1:
            raise ValueError(f"time moves forward: {seconds} seconds is below 1")
        pending = self._chain.header
        self._chain.header = pending.copy(timestamp=self.now + seconds)
        self._chain.mine_block()
        self._hold_clock()

    def _answers(self) -> dict[str, Callable[..., Any]]:
        return {
            "web3_clientVersion": lambda: "sessionpay-embedded",
            "net_version": lambda: str(self._chain.chain_id),
            "eth_chainId": lambda: self._chain.chain_id,
            "eth_accounts": list,
            "eth_syncing": lambda: False,
            "eth_gasPrice": lambda: self._chain.header.base_fee_per_gas,
            "eth_maxPriorityFeePerGas": lambda: 0,
            "eth_blockNumber": lambda: self._head().block_number,
            "eth_getBalance": self._balance,
            "eth_getCode": self._code,
            "eth_getStorageAt": self._storage,
            "eth_getTransactionCount": self._nonce,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
            "eth_sendRawTransaction": self._send,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getBlockByNumber": self._block,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getLogs": self._logs,
        }

    def _hold_clock(self) -> None:
        """Give the next block the second after the latest one; py-evm would take the machine's clock."""
        self._chain.header = self._chain.header.copy(timestamp=self.now + 1)
        self._pending = None

    # State

    def _head(self) -> BlockHeaderAPI:
        """Return the header of the latest block; the chain's own header is of the one being built."""
        return self._chain.get_canonical_block_header_by_number(self._number("latest"))

    def _number(self, block: str) -> BlockNumber:
        """Return the number that a block's name or hexadecimal number stands for."""
        if block == "earliest":
            return BlockNumber(0)
        return BlockNumber(self._chain.header.block_number - 1 if block in NAMES_OF_HEAD else int(block, 16))

    def _state(self, block: str) -> StateAPI:
        """Return the state after a block; by name, as the next transaction will find it."""
        if block in NAMES_OF_HEAD:
            self._pending = self._pending or self._chain.get_vm().state
            return self._pending
        header = self._chain.get_canonical_block_header_by_number(self._number(block))
        return self._chain.get_vm(header).state

    def _balance(self, account: str, block: str = "latest") -> int:
        return self._state(block).get_balance(_bytes(account))

    def _code(self, account: str, block: str = "latest") -> bytes:
        return self._state(block).get_code(_bytes(account))

    def _nonce(self, account: str, block: str = "latest") -> int:
        return self._state(block).get_nonce(_bytes(account))

    def _storage(self, account: str, slot: str, block: str = "latest") -> bytes:
        return self._state(block).get_storage(_bytes(account), int(slot, 16)).to_bytes(32)

    # Calls

    def _call(self, request: Request, block: str = "latest") -> bytes:
        computation = self._run(request, block, _quantity(request, "gas", CALL_GAS_LIMIT))
        if computation.is_error:
            raise _Reverted(computation.output)
        return computation.output

    def _estimate(self, request: Request, block: str = "latest") -> int:
        """Return a gas limit that suffices; what was used may not, where a call passes on a part."""
        computation = self._run(request, block, CALL_GAS_LIMIT)
        if computation.is_error:
            raise _Reverted(computation.output)
        gas = CALL_GAS_LIMIT - computation.get_gas_remaining()
        while self._run(request, block, gas).is_error:
            gas += gas // GAS_GROWTH_DIVISOR
        return gas

    def _run(self, request: Request, block: str, gas: int) -> ComputationAPI:
        """Run a call and forget what it changed. As on a real node, nobody pays for its gas."""
        state = self._state(block)
        sender = _bytes(request.get("from", "0x" + "00" * 20))
        builder = self._chain.get_vm().get_transaction_builder()
        unsigned = cast("Any", builder).new_unsigned_dynamic_fee_transaction(
            chain_id=self._chain.chain_id,
            nonce=state.get_nonce(sender),
            max_priority_fee_per_gas=0,
            max_fee_per_gas=state.base_fee,
            gas=gas,
            to=_bytes(request.get("to", "0x")),
            value=_quantity(request, "value", 0),
            data=_bytes(request.get("data", request.get("input", "0x"))),
            access_list=(),
        )
        before = state.snapshot()
        try:
            # Lent for the fee that py-evm takes; it is all gone before the call begins.
            state.delta_balance(sender, gas * state.base_fee)
            return state.apply_transaction(cast("Any", SpoofTransaction(unsigned, from_=sender)))
        finally:
            state.revert(before)

    # Transactions and blocks

    def _send(self, raw: str) -> bytes:
        transaction = self._chain.get_vm().get_transaction_builder().decode(_bytes(raw))
        result, _receipts, _computations = cast("Any", self._chain).mine_all([transaction])
        self._hold_clock()
        self._block_numbers["0x" + transaction.hash.hex()] = result.imported_block.number
        return bytes(transaction.hash)

    def _transaction(self, transaction_hash: str) -> dict[str, Any] | None:
        block = self._block_of(transaction_hash)
        return None if block is None else _transaction_in(block)

    def _receipt(self, transaction_hash: str) -> dict[str, Any] | None:
        block = self._block_of(transaction_hash)
        return None if block is None else self._receipt_in(block)

    def _receipt_in(self, block: BlockAPI) -> dict[str, Any]:
        receipts = block.get_receipts(self._chain.chaindb)
        serialized = serialize_transaction_receipt(
            block, receipts, block.transactions[0], 0, is_pending=False, vm=None
        )
        return {**serialized, "to": serialized["to"] or None, "logs_bloom": receipts[0].bloom.to_bytes(256)}

    def _block_of(self, transaction_hash: str) -> BlockAPI | None:
        number = self._block_numbers.get(transaction_hash)
        return None if number is None else self._chain.get_canonical_block_by_number(BlockNumber(number))

    def _block(self, block: str, is_full: bool = False) -> dict[str, Any] | None:
        number = self._number(block)
        if number > self._number("latest"):
            return None
        found = self._chain.get_canonical_block_by_number(BlockNumber(number))
        return _serialized(found, is_full=is_full)

    def _block_by_hash(self, block_hash: str, is_full: bool = False) -> dict[str, Any] | None:
        try:
            found = self._chain.get_block_by_hash(cast("Any", _bytes(block_hash)))
        except HeaderNotFound:
            return None
        return _serialized(found, is_full=is_full)

    def _logs(self, wanted: Request) -> list[dict[str, Any]]:
        """Return the logs in a range of blocks or in one block, by address and by topics."""
        if "blockHash" in wanted:
            block = self._chain.get_block_by_hash(cast("Any", _bytes(wanted["blockHash"])))
            return self._logs_in([block], wanted)
        first = self._number(wanted.get("fromBlock", "latest"))
        last = min(self._number(wanted.get("toBlock", "latest")), self._number("latest"))
        blocks = (
            self._chain.get_canonical_block_by_number(BlockNumber(number))
            for number in range(first, last + 1)
        )
        return self._logs_in(blocks, wanted)

    def _logs_in(self, blocks: Iterable[BlockAPI], wanted: Request) -> list[dict[str, Any]]:
        logs = (log for block in blocks if block.transactions for log in self._receipt_in(block)["logs"])
        return [log for log in logs if _is_wanted(log, wanted)]


def _serialized(block: BlockAPI, *, is_full: bool) -> dict[str, Any]:
    serialized: dict[str, Any] = serialize_block(block, full_transaction=False, is_pending=False)
    if is_full and block.transactions:
        serialized["transactions"] = [_transaction_in(block)]
    return {**serialized, "miner": serialized["coinbase"]}


def _transaction_in(block: BlockAPI) -> dict[str, Any]:
    serialized = serialize_transaction(block, block.transactions[0], 0, is_pending=False)
    return {**serialized, "to": serialized["to"] or None, "input": serialized["data"]}


def _is_wanted(log: Mapping[str, Any], wanted: Request) -> bool:
    addresses = wanted.get("address") or []
    addresses = [addresses] if isinstance(addresses, str) else addresses
    if addresses and log["address"] not in [_bytes(address) for address in addresses]:
        return False
    topics = wanted.get("topics") or []
    if len(topics) > len(log["topics"]):
        return False
    pairs = zip(topics, log["topics"], strict=False)
    return all(choice is None or found in _choices(choice) for choice, found in pairs)


def _choices(choice: str | list[str]) -> list[bytes]:
    return [_bytes(text) for text in ([choice] if isinstance(choice, str) else choice)]


def _quantity(request: Request, name: str, default: int) -> int:
    return int(request[name], 16) if name in request else default


def _bytes(text: str) -> Any:  # noqa: ANN401 - py-evm has a type for each kind of bytes
    return bytes.fromhex(text[2:])


def _as_sent(params: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return parameters as they would arrive at a node: web3.py leaves bytes to its providers."""
    match params:
        case bytes():
            return "0x" + params.hex()
        case Mapping():
            return {name: _as_sent(value) for name, value in params.items()}
        case list() | tuple():
            return [_as_sent(value) for value in params]
        case _:
            return params


def _json(value: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value as JSON-RPC writes it: numbers and bytes as 0x hex, names in camelCase."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return hex(value)
        case bytes():
            return "0x" + value.hex()
        case Mapping():
            return {_camel(name): _json(each) for name, each in value.items()}
        case _:
            return [_json(each) for each in value]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _failure(code: int, message: str, *, data: str | None = None) -> RPCResponse:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return cast("RPCResponse", {"jsonrpc": "2.0", "id": 1, "error": error})
