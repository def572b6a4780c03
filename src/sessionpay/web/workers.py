"""Processes beside the server that make pages and charts, because one interpreter computes on one core."""

import atexit
import os
import signal
import time
from asyncio import wrap_future
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context, parent_process
from threading import Thread
from traceback import format_exc

from anyio import CapacityLimiter

from sessionpay.services.home import Home
from sessionpay.serving.memory import load_for_good
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.web.making import Asked, Made, make
from sessionpay.web.site import Moment, Site

# More cores than that are better left to the database.
WORKERS_MAX = 4


def usual_workers() -> int:
    """Return one for each core that this process may use, none where that is one."""
    cores = os.cpu_count() or 1
    return min(cores, WORKERS_MAX) if cores > 1 else 0


class PageFailed(Exception):
    """A page could not be made, for a reason that nobody thought of: `traceback` is where it happened."""

    def __init__(self, traceback: str) -> None:
        """Keep it as a text, because not every exception can be sent from one process to another."""
        self.traceback = traceback
        super().__init__(traceback)


@dataclass(frozen=True, slots=True)
class _Books:
    """What a process opens for itself; `url` may hold a password, and goes through a pipe."""

    url: str
    contract: Contract
    home: Home
    is_demo: bool


class Workers:
    """So many processes; those who ask have their turn in the order in which they came."""

    def __init__(self, site: Site, count: int) -> None:
        """Start them; until they are there, `make` makes nothing."""
        url = site.database.engine.url.render_as_string(hide_password=False)
        self._books = _Books(url, site.contract, site.home, site.is_demo)
        self._count = count
        self._turns = CapacityLimiter(count)
        self._begin()

    def _begin(self) -> None:
        # A copy of a process with threads in it may wait forever for what they held.
        self._pool = ProcessPoolExecutor(self._count, get_context("spawn"), _prepare, (self._books,))
        # Each of these has a process begun, which takes some seconds; whoever is first takes them all.
        self._begun: list[Future[int]] = [self._pool.submit(os.getpid) for _ in range(self._count)]

    def are_ready(self) -> bool:
        """Tell whether somebody is at work; never, if the processes could not begin."""
        return all(each.done() and each.exception() is None for each in self._begun)

    async def make(self, asked: Asked, moment: Moment) -> Made | None:
        """Return the page or the chart, None if there is nobody to make it. Raises `PageFailed`."""
        async with self._turns:
            if not self.are_ready():
                return None
            pool = self._pool
            try:
                return await wrap_future(pool.submit(_make, self._books, asked, moment))
            except BrokenProcessPool:
                # One was ended from outside, and the others with it; who sees it first starts all anew.
                if pool is self._pool:
                    pool.shutdown(wait=False)
                    self._begin()
                return None

    def end(self) -> None:
        """End them, after what they are at."""
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def working(site: Site, count: int) -> Iterator[Workers | None]:
    """Have so many processes while the context lasts; none for 0."""
    if not count:
        yield None
        return
    workers = Workers(site, count)
    try:
        yield workers
    finally:
        workers.end()


def _prepare(books: _Books) -> None:
    """Open the books in a process that ends with the server, however that ends, and not before."""
    # Whoever ends the server with a key ends all processes of the terminal; the server tells them when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_server, name="end with the server", daemon=True).start()
    site = _site(books)
    load_for_good()

    def end() -> None:
        # To take everything else down is of no use, and DuckDB would complain of what is left of it.
        site.database.close()
        os._exit(0)

    atexit.register(end)


def _end_with_server() -> None:
    server = parent_process()
    if server is not None:
        server.join()
    os._exit(1)


@lru_cache(maxsize=1)
def _site(books: _Books) -> Site:
    database = Database.open(books.url)
    return Site(database, books.contract, books.home, lambda: int(time.time()), is_demo=books.is_demo)


def _make(books: _Books, asked: Asked, moment: Moment) -> Made:
    try:
        return make(_site(books).at(moment), asked)
    except Exception:  # noqa: BLE001 - whatever it is, it has to get to the server
        raise PageFailed(format_exc()) from None
