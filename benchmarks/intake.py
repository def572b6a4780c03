"""Usage over HTTP: rows accepted, on the disk and de-duplicated per second, beside one row per request.

The server is a process of its own; the clients that load it share its cores. How many keys are stored
already is what a settlement that has worked for months differs by, so that the curve over it is told.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure
from sessionpay.api import Serving, application, serving
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.usage_signature import Batch, sign
from sessionpay.core.ids import ZERO_ADDRESS, Address
from sessionpay.core.money import Asset
from sessionpay.services import reporters
from sessionpay.services.home import Rules, open_epoch
from sessionpay.serving.memory import loaded_for_good
from sessionpay.store import evidence, settling
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sessionpay.chain.keys import Signer

PRICES = "[models.large]\nprompt = 1_000_000\ncompletion = 2_000_000\n[sla]\nstandard = 1_000_000\n"
POLICY = "fee_ppm = 0\n[deadlines_ms]\ndefault = 30_000\n"
CONTRACT = Address("0x" + "c0" * 20)
CHAIN_ID = 1
# A key that everybody can guess, for this benchmark alone.
KEY = "0x" + "11" * 32
CLIENTS = 4
BATCH_ROWS = 1_000
ROWS = 100_000
SINGLE_ROWS = 1_000
STORED = (0, 1_000_000, 10_000_000)
NODES, SESSIONS = 200, 500


def taking_in(
    *, stored: Sequence[int] = STORED, rows: int = ROWS, single: int = SINGLE_ROWS
) -> Iterator[Figure]:
    """Load a server whose database has more and more keys, with and without signatures, and row by row."""
    signer = signer_from_key(KEY)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'books.db'}"
        key = prepare(url, signer)
        filled = 0
        for keys in stored:
            fill(url, filled, keys)
            filled = max(filled, keys)
            with server(url) as address:
                plain = measure(address, key, f"plain-{keys}", rows, BATCH_ROWS)
                signed = measure(address, key, f"signed-{keys}", rows, BATCH_ROWS, signer=signer)
                alone = measure(address, key, f"alone-{keys}", single, 1)
            what = f"usage rows taken in, {keys:,} keys stored"
            yield Figure(what, int(plain), "a second", plain / alone, "one row per request")
            yield Figure("  of signed batches", int(signed), "a second", signed / plain, "unsigned ones")


def prepare(url: str, signer: Signer) -> str:
    """Make a settlement without a chain, and return the API key of its reporter."""
    database = Database.open(url)
    open_epoch(database, Rules(PRICES, POLICY), at=1)
    with database.writing() as connection:
        contract = evidence.enrol(
            connection,
            chain_id=CHAIN_ID,
            address=CONTRACT,
            asset=Asset(ZERO_ADDRESS, "ETH", 18),
            withdrawal_delay=60,
            first_block=0,
        )
        settling.bind(connection, contract)
    key = reporters.enrol(database, "bench", signer=signer.address, at=1)
    database.close()
    return key


def fill(url: str, start: int, end: int) -> None:
    """Enter keys as rows of earlier epochs would have left them: spread evenly over all keys there can be."""
    step = 2**128 // max(1, end - start)
    keys = ((number * step + start + 1).to_bytes(16) for number in range(end - start))
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        # In order, and without a wait for the disk, because nobody measures this.
        connection.execute("PRAGMA synchronous = OFF")
        entry = "INSERT INTO usage_keys (key, digest) VALUES (?, ?)"
        connection.executemany(entry, ((key, key) for key in keys))
        connection.commit()


@contextmanager
def server(url: str) -> Iterator[str]:
    """Lend a server of the database, in a process of its own: its host and port."""
    command = [sys.executable, "-m", "benchmarks.intake", "serve", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise AssertionError("its output is a pipe")
        yield process.stdout.readline().strip().removeprefix("http://")
        process.communicate()


def measure(
    address: str, key: str, name: str, rows: int, size: int, *, signer: Signer | None = None
) -> float:
    """Return how many rows per second a server acknowledges; every one is found accepted."""
    bodies = [body(name, start, size, signer) for start in range(0, rows, size)]
    parts = [bodies[number::CLIENTS] for number in range(CLIENTS)]
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        accepted = sum(pool.map(lambda part: send(address, key, part), parts))
    seconds = time.perf_counter() - began
    if accepted != rows:
        raise AssertionError(f"{accepted} rows of {rows} were accepted")
    return rows / seconds


def send(address: str, key: str, bodies: Sequence[bytes]) -> int:
    """Send batches one after the other on one connection; return how many rows were accepted."""
    accepted = 0
    with closing(HTTPConnection(address)) as connection:
        for each in bodies:
            connection.request("POST", "/v1/usage", each, {"Authorization": f"Bearer {key}"})
            accepted += json.loads(connection.getresponse().read())["accepted"]
    return accepted


def body(name: str, start: int, size: int, signer: Signer | None) -> bytes:
    """Return a batch as it is sent, its rows being new."""
    rows = [row(name, number) for number in range(start, start + size)]
    batch: dict[str, Any] = {"rows": rows}
    if signer is not None:
        lines = reporters.batch_lines(rows)
        batch["signature"] = sign(Batch("bench", lines, chain_id=CHAIN_ID, contract=CONTRACT), signer)
    return json.dumps(batch).encode()


def row(name: str, number: int) -> dict[str, Any]:
    """Return a row as a router would send it."""
    return {
        "task_id": f"{name}-{number:012}",
        "session_id": str(number % SESSIONS),
        "node": f"0x{number % NODES + 1:040x}",
        "model": "large",
        "prompt_tokens": 100 + number % 1_000,
        "completion_tokens": number % 500,
        "submitted_at": "2026-01-02T03:04:05.678901Z",
        "latency_ms": number % 5_000,
        "outcome": "committed",
    }


def serve(url: str) -> None:
    """Serve a database until standard input ends."""
    database = Database.open(url)
    with database.reading() as connection:
        [contract] = evidence.contracts(connection)
    app = application(Serving(database, contract, lambda: int(time.time())))
    with serving(app, "127.0.0.1:0") as server, loaded_for_good():
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        for figure in taking_in():
            print(figure.line(), flush=True)
