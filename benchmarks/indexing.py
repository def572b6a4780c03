"""How fast a history becomes books, beside web3.py, in how much memory; and how fast books are replayed."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.evm.anvil import running_anvil
from tests.store.conftest import new_postgresql_database, running_server, server_programs
from web3 import Web3

from benchmarks import readers
from benchmarks.figures import Figure, seconds
from benchmarks.history import EVENTS_PER_BLOCK, FINAL_DEPTH, Writer
from sessionpay.chain import logs, rpc
from sessionpay.core import events as ev
from sessionpay.core.books import Books
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.store import books as store
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import CHUNK_ROWS, Block, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.readers import Run

LOGS_DECODED = 2_000
# The last books are held against the contract; older states would fill the disk by the gigabyte.
STATES_KEPT = 2 * FINAL_DEPTH
MEBIBYTE = 2**20
SESSIONS = 1_000
NODES = tuple(Address(f"0x{number:040x}") for number in range(1, 201))
FIRST_TIMESTAMP = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: about so many `events` on the node's chain, and `replayed` made-up ones.

    The last history has at least as many events as it says.
    """

    events: tuple[int, ...]
    replayed: int


FULL = Size((25_000, 50_000, 100_000), 1_000_000)
# Enough to see that everything still runs.
SMALL = Size((300,), 2_000)


def indexing(size: Size) -> Iterator[Figure]:
    """Measure the way from a node to committed SQL, and from there to balances.

    Raises `FileNotFoundError` without Anvil, and `RuntimeError` where the two ways found different events.
    """
    with ExitStack() as stack:
        home = stack.enter_context(TemporaryDirectory())
        node = stack.enter_context(running_anvil(history=STATES_KEPT))
        writer = Writer(node.url)
        runs = []
        for events in size.events:
            writer.write(events // EVENTS_PER_BLOCK - writer.blocks)
            runs.append(_alone(readers.index, writer, f"sqlite:///{home}/ours-{events}.db"))
        theirs = _alone(readers.index_with_web3, writer, f"sqlite:///{home}/theirs.db")
        yield _decoding(writer)
        yield from _beside("sqlite", runs[-1], theirs)
        yield from _limits(runs[-1])
        programs = server_programs()
        if programs is not None:
            server = stack.enter_context(running_server(programs))
            ours = _alone(readers.index, writer, new_postgresql_database(server))
            theirs = _alone(readers.index_with_web3, writer, new_postgresql_database(server))
            yield from _beside("postgresql", ours, theirs)
        yield from _memory(runs)
        yield _replay(size.replayed, f"sqlite:///{Path(home) / 'replay.db'}")


def _alone(read: Callable[[str, Address, str], Run], writer: Writer, database_url: str) -> Run:
    """Run one way in a new process, so that its memory is its own."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as pool:
        return pool.submit(read, writer.url, writer.address, database_url).result()


def _beside(kind: str, ours: Run, theirs: Run) -> Iterator[Figure]:
    """Compare the two ways on the clock, and in processor time, which other programs disturb less."""
    if ours.events != theirs.events:
        raise RuntimeError(f"of {theirs.events} events that web3.py found, the indexer has {ours.events}")
    against = f"web3.py's get_logs and process_log, {theirs.per_second:,.0f} a second, on {ours.events:,}"
    what = f"events indexed into {kind}"
    yield Figure(what, int(ours.per_second), "a second", ours.per_second / theirs.per_second, against)
    busy = int(ours.events / ours.busy)
    yield Figure("  of its processor time", busy, "a second", theirs.busy / ours.busy, "as many as web3.py's")


def _limits(run: Run) -> Iterator[Figure]:
    """Say where the indexer's time goes."""
    rest = run.seconds - run.rpc - run.sql
    for what, took in (("RPC and its JSON", run.rpc), ("SQLite", run.sql), ("checks and books", rest)):
        share = took / run.seconds
        yield Figure(f"  of that in {what}", round(100 * share), "percent", share, "the whole")


def _memory(runs: list[Run]) -> Iterator[Figure]:
    """Say how memory grows with history."""
    for run in runs:
        what = f"peak memory on {run.events:,} events"
        ratio = run.peak_bytes / runs[0].peak_bytes
        yield Figure(what, run.peak_bytes // MEBIBYTE, "MiB", ratio, f"that on {runs[0].events:,}")


def _decoding(writer: Writer) -> Figure:
    """Turn the same logs into events, each from what its own way gets from the node."""
    web3 = Web3(Web3.HTTPProvider(writer.url))
    request = {"address": writer.address, "fromBlock": "0x0", "toBlock": hex(writer.blocks)}
    ours: list[dict[str, Any]] = rpc.ask(web3, "eth_getLogs", request)[-LOGS_DECODED:]
    theirs = [log for some in readers.ranges(web3, writer.address) for log in some][-len(ours) :]
    process = readers.processor(web3)
    took = seconds(lambda: [logs.decode(log) for log in ours])
    theirs_took = seconds(lambda: [process(log) for log in theirs])
    return Figure(
        "logs decoded", int(len(ours) / took), "a second", theirs_took / took, "web3.py's process_log"
    )


def _replay(count: int, database_url: str) -> Figure:
    """Turn events into balances, from SQL; beside the same events from memory."""
    database = Database.open(database_url)
    store.prepare(database)
    books, in_memory = Books(), readers.Clock()

    @in_memory.timed
    def record(entries: list[Entry]) -> None:
        for entry in entries:
            books.record((entry.event,), entry.timestamp)

    with database.writing() as connection:
        contract = evidence.enrol(
            connection,
            chain_id=1,
            address=ZERO_ADDRESS,
            asset=Asset(ZERO_ADDRESS, "ETH", 18),
            withdrawal_delay=0,
            first_block=0,
        )
        made = _made(count)
        while some := list(islice(made, CHUNK_ROWS)):
            evidence.append(connection, contract, entries=some, blocks=())
            record(some)
    began = time.perf_counter()
    with database.reading() as connection:
        replayed = evidence.replay(connection, contract)
    took = time.perf_counter() - began
    database.close()
    if replayed != books:
        raise RuntimeError("events from SQL do not add up to what they added up to in memory")
    against = f"the speed from memory, on {count:,}"
    return Figure(
        "events replayed from SQL", int(count / took), "a second", in_memory.seconds / took, against
    )


def _made(count: int) -> Iterator[Entry]:
    """Yield events of sessions and nodes in turn, ten to a block."""
    for number in range(count):
        block = Block(number // 10, f"0x{number // 10:064x}", "", FIRST_TIMESTAMP + number // 10)
        place = (block.number, number % 10, block.hash, f"0x{number:064x}", number % 10, block.timestamp)
        yield Entry(*place, _event(number))


def _event(number: int) -> ev.Event:
    session_id, node, some = SessionId(number % SESSIONS), NODES[number % len(NODES)], BaseUnits(number + 1)
    if number < SESSIONS:
        return ev.SessionRegistered(session_id, node)
    match number % 3:
        case 0:
            return ev.DepositToSession(session_id, some)
        case 1:
            return ev.PaymentToNetwork(session_id, some)
    return ev.NodePaymentAllocated(node, some)
