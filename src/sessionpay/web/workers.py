"""Processes beside the server that make pages and charts, because one interpreter computes on one core."""

import os
import signal
import time
from asyncio import wrap_future
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from traceback import format_exc

from anyio import CapacityLimiter

from sessionpay.services.home import Home
from sessionpay.serving.memory import load_for_good
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.web.making import Asked, Made, PageLost, make
from sessionpay.web.site import Moment, Site

# More cores than the first are better left to the database; more processes than the second are a mistake.
USUAL_WORKERS_MAX, WORKERS_MAX = 4, 64
# If processes end as soon as they begin, to begin them is all that the machine would do.
SECONDS_BETWEEN_BEGINNINGS = 30


def usual_workers() -> int:
    """Return one for each core that this process may use, four at most, and none where that is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, USUAL_WORKERS_MAX) if cores > 1 else 0


class PageFailed(Exception):
    """A page could not be made, for a reason that nobody thought of: `traceback` is where it happened."""

    def __init__(self, traceback: str) -> None:
        """Keep it as a text, because not every exception can be sent from one process to another."""
        self.traceback = traceback
        super().__init__(traceback)


@dataclass(frozen=True, slots=True)
class _Books:
    """What a process opens for itself; `url` may hold a password, and goes through a pipe."""

    url: str = field(repr=False)
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
        others = set(active_children())
        # Ctrl-C reaches every process of a terminal, and the server alone decides when these end.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            # Each of these has a process begin, which takes some seconds; whoever is first takes them all.
            self._begun: list[Future[int]] = [self._pool.submit(os.getpid) for _ in range(self._count)]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        self._processes = set(active_children()) - others
        self._began_at = time.monotonic()

    def are_ready(self) -> bool:
        """Tell whether somebody is at work."""
        return all(each.done() and each.exception() is None for each in self._begun)

    async def make(self, asked: Asked, site: Site) -> Made | None:
        """Return the page or the chart as `site` is shown, None if there is nobody to make it.

        Raises `PageFailed`, and `PageLost` if a process ends while it is at it.
        """
        async with self._turns:
            if not all(each.done() for each in self._begun):
                return None
            try:
                making = self._pool.submit(_make, self._books, asked, site.moment)
            except BrokenProcessPool:
                # One of them ended, and the others with it.
                if time.monotonic() - self._began_at > SECONDS_BETWEEN_BEGINNINGS:
                    self._pool.shutdown(wait=False)
                    self._begin()
                return None
            try:
                return await wrap_future(making)
            except BrokenProcessPool:
                # It may be this page that ends whoever makes it, so that the server does not try, too.
                raise PageLost from None

    def end(self) -> None:
        """End them at once: they only read, and nobody waits any more for what they make."""
        for process in self._processes:
            process.terminate()
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
    """Open the books in a process that ends with the server, however that ends."""
    Thread(target=_end_with_server, name="end with the server", daemon=True).start()
    _site(books)
    load_for_good()


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
        return make(_site(books), asked, moment)
    except Exception:  # noqa: BLE001 - whatever it is, it has to get to the server
        raise PageFailed(format_exc()) from None
