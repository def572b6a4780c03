"""Every page, table and answer of the API on large books, asked by eight clients at once with random ids.

    python -m benchmarks.books FOLDER [--database URL]
    python -m benchmarks.pages FOLDER [--database URL] [--seconds 30] [--only TEXT] [--page-workers N]

The server is a process of its own with its workers, and so are the clients.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.asking import EXPORT, MISSING_ALLOWED, STREAM, Known, deep, filled, known_of, paths
from benchmarks.books import Size
from sessionpay.api import Access, Serving, application, serving
from sessionpay.cli.site import shown
from sessionpay.services.condition import Sight
from sessionpay.services.home import Home
from sessionpay.serving.memory import loaded_for_good
from sessionpay.store import epochs, evidence
from sessionpay.store.database import Database
from sessionpay.web import Site, usual_workers, working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.process import BaseProcess

    from fastapi import FastAPI
    from starlette.applications import Starlette

CLIENTS = 8
SECONDS = 30.0
WARM_UP = 0.1
# What the 95th percentile of each page has to stay below.
MILLISECONDS_MAX = 100
ANSWER_SECONDS_MAX = 60
# A table of everything is read as far as a browser needs to begin.
FIRST_BYTES = 65_536
UNBOUNDED = (".csv", "/statement", "/usage/rows")
OK, NOT_FOUND = 200, 404


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers took, in milliseconds, and how many came in a second; `bytes` is a usual length.

    `busy` is the processor time of the server and its workers for one answer, in milliseconds.
    """

    what: str
    per_second: float
    busy: float
    p50: float
    p95: float
    p99: float
    bytes: int

    def line(self) -> str:
        """Return it as one line of a table."""
        verdict = "" if self.p95 <= MILLISECONDS_MAX else "  SLOW"
        times = f"{self.busy:8.1f} {self.p50:8.1f} {self.p95:8.1f} {self.p99:8.1f}"
        return f"{self.what:52} {self.per_second:8.0f} {times} {self.bytes:9,}{verdict}"


HEADING = f"{'page':52} {'a second':>8} {'busy ms':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'bytes':>9}"


def site_of(database: Database, home: Home) -> Site:
    """Return these books as they are shown when they end."""
    with database.reading() as connection:
        [contract] = evidence.contracts(connection)
        checkpoint = evidence.checkpoint(connection, contract)
        taking = epochs.current(connection)
    if taking is None:
        raise RuntimeError(f"block {checkpoint.head_number}, and no epoch takes rows")
    at = taking.opened_at
    seen = Sight(at, checkpoint.head_number, None)
    return Site(database, contract, home, lambda: at, lambda: seen)


def everything(site: Site) -> tuple[Starlette, FastAPI]:
    """Return what `serve` serves of a site, and the API alone."""
    folders = site.home.epochs
    api = application(Serving(site.database, site.contract, site.clock, folders=folders, takes_usage=False))
    return shown(site, access=Access()), api


@dataclass(frozen=True, slots=True)
class Served:
    """A server in processes of its own; `address` is its host and port."""

    address: str
    process: subprocess.Popen[str]

    def busy(self) -> float:
        """Return how many seconds its processes were at work until now."""
        if self.process.stdin is None or self.process.stdout is None:
            raise AssertionError("both are pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def server(folder: Path, url: str | None, workers: int) -> Iterator[Served]:
    """Lend a server of these books."""
    command = [sys.executable, "-m", "benchmarks.pages", str(folder), "--serve"]
    command += ["--page-workers", str(workers)]
    command += ["--database", url] if url else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise AssertionError("its output is a pipe")
        yield Served(process.stdout.readline().strip().removeprefix("http://"), process)
        process.communicate()


def serve(site: Site, count: int) -> None:
    """Serve until standard input ends; a line in it asks how many seconds the processes were at work."""
    with (
        working(site, count) as workers,
        serving(shown(site, access=Access(), workers=workers), "127.0.0.1:0") as listening,
        loaded_for_good(),
    ):
        while workers is not None and not workers.are_ready():
            time.sleep(0.1)
        print(listening.url, flush=True)
        for _ in sys.stdin:
            print(time.process_time() + sum(map(busy, multiprocessing.active_children())), flush=True)


def busy(process: BaseProcess) -> float:
    """Return how many seconds another process was at work until now, as Linux tells."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    in_its_code, in_the_system = int(fields[11]), int(fields[12])
    return (in_its_code + in_the_system) / os.sysconf("SC_CLK_TCK")


def measured(
    served: Served, api: FastAPI, known: Known, *, seconds: float, only: str = ""
) -> Iterator[Latency]:
    """Yield how long each page takes, one after the other."""
    for path in paths(api):
        if path not in {STREAM, EXPORT} and only in path:
            yield load(served, path, known, lambda draw, path=path: filled(path, known, draw), seconds)  # type: ignore[misc]
    for name in deep(known, random.Random(0)):  # noqa: S311 - ids need not be secret
        if only in name:
            yield load(served, name, known, lambda draw, name=name: deep(known, draw)[name], seconds)  # type: ignore[misc]


def load(
    served: Served, what: str, known: Known, wanted: Callable[[random.Random], str], seconds: float
) -> Latency:
    """Ask for pages from as many clients as there are, each waiting for its answer, for a time."""
    for until in (seconds * WARM_UP, seconds):
        began, busy = time.perf_counter(), served.busy()
        end = began + until
        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [
                pool.submit(client, served.address, known, wanted, seed, end) for seed in range(CLIENTS)
            ]
            parts = [each.result() for each in asking]
        took, busy = time.perf_counter() - began, served.busy() - busy
    found = [each for part in parts for each in part]
    times = sorted(1_000 * each for each, _ in found)
    return Latency(
        what,
        len(times) / took,
        1_000 * busy / len(times),
        times[len(times) // 2],
        times[int(len(times) * 0.95)],
        times[int(len(times) * 0.99)],
        int(statistics.median(length for _, length in found)),
    )


def client(
    address: str, known: Known, wanted: Callable[[random.Random], str], seed: int, until: float
) -> list[tuple[float, int]]:
    """Return how long each answer took, and its length in bytes; raises for one that is no answer."""
    draw = random.Random(f"{seed} {until}")  # noqa: S311 - ids need not be secret
    found: list[tuple[float, int]] = []
    connection = HTTPConnection(address, timeout=ANSWER_SECONDS_MAX)
    while time.perf_counter() < until or not found:
        path = wanted(draw)
        began = time.perf_counter()
        connection.request("GET", path, headers=known.headers)
        answer = connection.getresponse()
        is_long = any(part in path for part in UNBOUNDED)
        length = len(answer.read(FIRST_BYTES) if is_long else answer.read())
        found.append((time.perf_counter() - began, length))
        is_missing = answer.status == NOT_FOUND and any(part in path for part in MISSING_ALLOWED)
        if answer.status != OK and not is_missing:
            raise RuntimeError(f"{path}: {answer.status}")
        if length == FIRST_BYTES:
            connection.close()
    connection.close()
    return found


def main() -> None:
    """Measure as the command line says; exit code 1 where a page is slower than it may be."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--database")
    asked.add_argument("--seconds", type=float, default=SECONDS)
    asked.add_argument("--sessions", type=int, default=Size().sessions)
    asked.add_argument("--nodes", type=int, default=Size().nodes)
    asked.add_argument("--only", default="")
    asked.add_argument("--page-workers", type=int, default=usual_workers())
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--serve", action="store_true")
    given = asked.parse_args()
    home = Home(given.folder)
    with closing(Database.open(given.database or home.database_url)) as database:
        site = site_of(database, home)
        if given.serve:
            serve(site, given.page_workers)
            return
        known = known_of(database, Size(sessions=given.sessions, nodes=given.nodes))
        _, api = everything(site)
        found: list[Latency] = []
        if not given.json:
            print(HEADING, flush=True)
        with server(given.folder, given.database, given.page_workers) as served:
            for latency in measured(served, api, known, seconds=given.seconds, only=given.only):
                found.append(latency)
                if not given.json:
                    print(latency.line(), flush=True)
        if given.json:
            print(json.dumps([asdict(latency) for latency in found], indent=2))
    sys.exit(any(latency.p95 > MILLISECONDS_MAX for latency in found))


if __name__ == "__main__":
    main()
