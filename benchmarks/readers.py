"""Two ways from a node to committed SQL: the package's indexer, and a program on web3.py alone.

Each is run in a process of its own, on a database of its own. web3.py's program writes the same events
into the same table with the same engine, and nothing else; the indexer also checks every log, folds
balances and statements, and holds its books against the contract's own sums.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlalchemy import insert
from web3 import Web3

from sessionpay.chain.artifacts import load
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.connect import connect
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.store import books as store
from sessionpay.store import evidence, tables
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from web3.types import EventData, LogReceipt

    from sessionpay.core.ids import Address
    from sessionpay.store.evidence import Contract

# As many blocks as the indexer asks for at first.
BLOCKS_AT_ONCE = 1_000

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(slots=True)
class Clock:
    """Adds up the seconds inside functions."""

    seconds: float = 0

    def timed(self, function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        """Return the function, watched."""

        def watched(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - began

        return watched


@dataclass(frozen=True, slots=True)
class Run:
    """What one way took: `seconds` on the clock, and `busy` ones of its own processor time.

    `peak_bytes` is the largest memory of its process; `rpc` and `sql` are seconds on the clock, and `sql`
    leaves COPY out, which does not pass through SQLAlchemy.
    """

    events: int
    seconds: float
    busy: float
    peak_bytes: int
    rpc: float = 0
    sql: float = 0

    @property
    def per_second(self) -> float:
        """Events from RPC to committed SQL in a second."""
        return self.events / self.seconds


def index(url: str, address: Address, database_url: str) -> Run:
    """Read the whole history with the indexer."""
    database, web3 = Database.open(database_url), connect(url)
    store.prepare(database)
    contract = enrol(database, SessionPayment(web3, address), first_block=0)
    rpc, sql = Clock(), Clock()
    web3.provider.make_request = rpc.timed(web3.provider.make_request)  # type: ignore[method-assign]
    dialect: Any = database.engine.dialect
    for name in ("do_execute", "do_executemany", "do_commit"):
        setattr(dialect, name, sql.timed(getattr(dialect, name)))
    began, busy = time.perf_counter(), time.process_time()
    progress = Follower(database, contract, [ChainSource(web3, address)]).catch_up()
    took, busy = time.perf_counter() - began, time.process_time() - busy
    if progress.verified_number != progress.head_number:
        raise RuntimeError(f"the books were not held against the contract at block {progress.head_number}")
    database.close()
    return Run(progress.event_count, took, busy, peak_bytes(), rpc.seconds, sql.seconds)


def index_with_web3(url: str, address: Address, database_url: str) -> Run:
    """Read the whole history with `get_logs` and `process_log`, as web3.py's documentation does."""
    database, web3 = Database.open(database_url), Web3(Web3.HTTPProvider(url))
    store.prepare(database)
    contract = enrol(database, SessionPayment(web3, address), first_block=0)
    began, busy = time.perf_counter(), time.process_time()
    process = processor(web3)
    for logs in ranges(web3, address):
        rows = [_row(contract, process(log), log) for log in logs]
        with database.writing() as connection:
            if rows:
                connection.execute(insert(tables.events), rows)
    took, busy = time.perf_counter() - began, time.process_time() - busy
    with database.reading() as connection:
        count = evidence.count(connection, contract)
    database.close()
    return Run(count, took, busy, peak_bytes())


def ranges(web3: Web3, address: Address) -> Iterator[list[LogReceipt]]:
    """Yield the contract's logs, a range of blocks at a time."""
    head = web3.eth.block_number
    for first in range(0, head + 1, BLOCKS_AT_ONCE):
        last = min(head, first + BLOCKS_AT_ONCE - 1)
        asked = {"address": Web3.to_checksum_address(address), "fromBlock": first, "toBlock": last}
        yield web3.eth.get_logs(asked)  # type: ignore[arg-type]


def processor(web3: Web3) -> Callable[[LogReceipt], EventData]:
    """Return web3.py's decoder of any event of the contract."""
    events: Any = web3.eth.contract(abi=load("SessionPayment").abi).events
    by_topic = {event.topic: event() for event in events}
    return lambda log: by_topic[log["topics"][0].to_0x_hex()].process_log(log)


def peak_bytes() -> int:
    """Return the largest memory that this process ever had, as Linux counts it."""
    # What `resource` says would include the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kibibytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024


def _row(contract: Contract, event: EventData, log: Any) -> dict[str, Any]:  # noqa: ANN401 - as the node has it
    return {
        "contract_id": contract.id,
        "block_number": event["blockNumber"],
        "log_index": event["logIndex"],
        "chain_id": contract.chain_id,
        "block_hash": event["blockHash"].to_0x_hex(),
        "transaction_hash": event["transactionHash"].to_0x_hex(),
        "transaction_index": event["transactionIndex"],
        "timestamp": int(log["blockTimestamp"], 16),
        "name": event["event"],
        "arguments": Web3.to_json(event["args"]),
    }
