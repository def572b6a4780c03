"""A real node over HTTP: Anvil, started for the test run and ended with it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .backend import (
    BLOCK_GAS,
    CHAIN_ID,
    GENESIS_TIME,
    TRANSACTION_GAS,
    Log,
    Outcome,
    Snapshot,
    TransactionRefused,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALLED = "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
_START_SECONDS_MAX = 20
_STATES_KEPT = 8
_ANSWER_SECONDS_MAX = 120
# A look takes about a millisecond, and letting go a few of them.
_POOL_LOOKS_MAX = 10_000
# JSON-RPC codes that Anvil gives: a call that reverted, and a transaction that no block may hold.
_EXECUTION_REVERTED = 3
_NOT_INCLUDED = ("Insufficient funds", "intrinsic gas")
_CALL_FAILED = "EVM error"


class NodeError(Exception):
    """The node answered a request with an error that no test asks for."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.revert_data: str | None = error.get("data")


def anvil_binary() -> Path | None:
    """Find the node: the ANVIL variable first, then what npm installed under the repository root."""
    named = os.environ.get("ANVIL")
    path = Path(named) if named else Path(__file__).parents[2] / _INSTALLED
    return path if path.is_file() else None


@contextmanager
def running_anvil(*, history: int | None = _STATES_KEPT) -> Iterator[Anvil]:
    """Run a node on a free loopback port; FileNotFoundError when there is no binary.

    `history` is how many old states it keeps, all with None.
    """
    binary = anvil_binary()
    if binary is None:
        raise FileNotFoundError("no anvil binary: set ANVIL to one, or install it with npm")
    port = _free_port()
    with TemporaryDirectory() as home:
        process = subprocess.Popen(
            [str(binary), *_options(port, history)],
            env={"HOME": home},
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with closing(_connected(process, port)) as connection:
                yield Anvil(connection)
        finally:
            process.terminate()
            process.wait()


class Anvil:
    """A `Backend` that asks a node."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._request_id = count(1)
        self._serial = count()
        self._snapshots: dict[Snapshot, tuple[str, int]] = {}
        self._time = GENESIS_TIME
        self._ask("anvil_autoImpersonateAccount", True)
        # Every block gets the time of the one before it, so that time moves only when a test says so.
        self._ask("anvil_setBlockTimestampInterval", 0)

    def execute(
        self, *, sender: str, to: str | None, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Outcome:
        """See `Backend.execute`."""
        receipt = self._included("eth_sendTransactionSync", _request(sender, to, data, value, gas))
        success = receipt["status"] == "0x1"
        return Outcome(
            success=success,
            gas_used=int(receipt["gasUsed"], 16),
            logs=tuple(_log(entry) for entry in receipt["logs"]),
            output=b"" if success else self._revert_data(receipt["transactionHash"]),
            created=receipt["contractAddress"] if to is None and success else None,
        )

    def call(
        self, *, sender: str, to: str, data: bytes, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Outcome:
        """See `Backend.call`."""
        success = True
        try:
            output = self._included("eth_call", _request(sender, to, data, value, gas), "latest")
        except NodeError as error:
            if error.code != _EXECUTION_REVERTED and not error.message.startswith(_CALL_FAILED):
                raise
            success, output = False, error.revert_data or "0x"
        return Outcome(success=success, gas_used=0, logs=(), output=_unhex(output), created=None)

    def balance(self, address: str) -> int:
        """See `Backend.balance`."""
        return int(self._ask("eth_getBalance", address, "latest"), 16)

    def set_balance(self, address: str, amount: int) -> None:
        """See `Backend.set_balance`."""
        self._ask("anvil_setBalance", address, hex(amount))

    def storage(self, address: str, slot: int) -> int:
        """See `Backend.storage`."""
        return int(self._ask("eth_getStorageAt", address, hex(slot), "latest"), 16)

    def set_storage(self, address: str, slot: int, value: int) -> None:
        """See `Backend.set_storage`."""
        self._ask("anvil_setStorageAt", address, hex(slot), f"0x{value:064x}")

    def code(self, address: str) -> bytes:
        """See `Backend.code`."""
        return _unhex(self._ask("eth_getCode", address, "latest"))

    @property
    def now(self) -> int:
        """See `Backend.now`."""
        return self._time

    def set_time(self, time: int) -> None:
        """See `Backend.set_time`."""
        if time < self._time:
            raise ValueError(f"time {time} is before {self._time}")
        # An empty block carries the new time, so that calls see it as well as the next transaction.
        self._ask("evm_setNextBlockTimestamp", time)
        self._ask("evm_mine")
        self._time = time

    @property
    def url(self) -> str:
        """Where the node listens."""
        return f"http://{self._connection.host}:{self._connection.port}"

    def ask(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """Ask the node for anything else; raises `NodeError`."""
        return self._ask(method, *parameters)

    def mine(self, count: int) -> None:
        """Add empty blocks."""
        self._ask("anvil_mine", hex(count))

    def reorganise(self, depth: int) -> None:
        """Replace the last blocks by as many empty ones."""
        self._ask("anvil_reorg", depth, [])

    def advance(self, seconds: int) -> None:
        """See `Backend.advance`."""
        self.set_time(self._time + seconds)

    def snapshot(self) -> Snapshot:
        """See `Backend.snapshot`."""
        snapshot = Snapshot(next(self._serial))
        self._snapshots[snapshot] = (self._ask("evm_snapshot"), self._time)
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """See `Backend.restore`."""
        self._wait_for_empty_pool()
        node_snapshot, self._time = self._snapshots[snapshot]
        self._ask("evm_revert", node_snapshot)
        # The node forgets a snapshot once it is used, so it is taken anew at once.
        self._snapshots = {one: at for one, at in self._snapshots.items() if one < snapshot}
        self._snapshots[snapshot] = (self._ask("evm_snapshot"), self._time)

    def _wait_for_empty_pool(self) -> None:
        """Wait until the node has let go of what it mined: the receipt may come first.

        Else a revert brings the transaction back into the pool, and the node mines it again.
        """
        for _ in range(_POOL_LOOKS_MAX):
            if not any(int(count, 16) for count in self._ask("txpool_status").values()):
                return
        raise TimeoutError(f"after {_POOL_LOOKS_MAX} looks the pool still holds transactions")

    def _revert_data(self, transaction_hash: str) -> bytes:
        options = {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}}
        return _unhex(self._ask("debug_traceTransaction", transaction_hash, options).get("output", "0x"))

    def _included(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
        try:
            return self._ask(method, *parameters)
        except NodeError as error:
            if any(text in error.message for text in _NOT_INCLUDED):
                raise TransactionRefused(error.message) from error
            raise

    def _ask(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
        request = {"jsonrpc": "2.0", "id": next(self._request_id), "method": method, "params": parameters}
        body = json.dumps(request).encode()
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        if "error" in answer:
            raise NodeError(method, answer["error"])
        return answer["result"]


def _options(port: int, history: int | None) -> list[str]:
    options: dict[str, object] = {
        "--host": "127.0.0.1",
        "--port": port,
        "--chain-id": CHAIN_ID,
        "--hardfork": "cancun",
        "--gas-price": 0,
        "--block-base-fee-per-gas": 0,
        "--gas-limit": BLOCK_GAS,
        "--timestamp": GENESIS_TIME,
        "--accounts": 0,
    }
    if history is not None:
        # Old states that are never asked for would go to disk by the thousand.
        options["--prune-history"] = history
    flags = ["--silent", "--no-request-size-limit"]
    return [text for option, value in options.items() for text in (option, str(value))] + flags


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _connected(process: subprocess.Popen[bytes], port: int) -> HTTPConnection:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS_MAX)
        try:
            connection.connect()
        except OSError:
            time.sleep(0.02)
        else:
            return connection
    raise NodeError("start", {"code": process.returncode or 0, "message": "the node did not come up"})


def _request(sender: str, to: str | None, data: bytes, value: int, gas: int) -> dict[str, str]:
    request = {
        "from": sender,
        "data": "0x" + data.hex(),
        "value": hex(value),
        "gas": hex(gas),
        "gasPrice": "0x0",
    }
    return request if to is None else request | {"to": to}


def _log(entry: dict[str, Any]) -> Log:
    return Log(entry["address"], tuple(_unhex(topic) for topic in entry["topics"]), _unhex(entry["data"]))


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])
