"""Pages that processes beside the server make.

Given any page or chart, and what cannot be shown
  it should be the same as if the server made it, for whoever looks
Given what nobody thought of
  it should be told where it happened, and the next page be made
Given processes that somebody ends
  only the pages that they are at should be lost, and new ones begin, but not again and again
Given a server that is killed
  its processes should end
Given books that cannot be opened again
  the server should make the pages
Given a machine
  it should be one process for each core, four at most, and none where there is but one
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from jinja2 import Environment

from sessionpay.api import Access, serving
from sessionpay.cli.site import shown as serve_shown
from sessionpay.core.ids import Address
from sessionpay.serving import Viewer
from sessionpay.store.database import Database
from sessionpay.web import Workers, pages, usual_workers, working
from sessionpay.web.making import CHARTS, PAGES, Asked
from sessionpay.web.workers import PageFailed
from tests.web.places import EVERYTHING, places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from sessionpay.web import Site
    from tests.web.conftest import Shown

SECONDS_MAX = 60
SOMEBODY = Viewer(Address("0x" + "0a" * 20))
# Where there is nothing to show, and the status that says so; a search says it in words.
NOTHING_THERE = {
    "/sessions/none": 400,
    "/sessions/123456789": 404,
    "/nodes/0x0": 400,
    "/epochs/999": 404,
    "/epochs?epochs_after=x": 400,
    "/search?q=%3Cb%3E": 200,
    "/sessions/none/balance.svg": 400,
}

# A server that begins its processes, says so, and waits to be killed.
SERVER = """
import sys, time
from pathlib import Path
from sessionpay.services.home import Home
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.web import Site, Workers

home = Home(Path(sys.argv[1]))
database = Database.open(home.database_url)
with database.reading() as connection:
    [contract] = evidence.contracts(connection)
workers = Workers(Site(database, contract, home, lambda: 0), 1)
while not workers.are_ready():
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def workers(shown: Shown) -> Iterator[Workers]:
    others = processes()
    with working(shown.site, 2) as begun:
        assert begun is not None
        until(begun.are_ready)
        yield begun
    assert processes() == others


def processes() -> set[BaseProcess]:
    return set(multiprocessing.active_children())


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS_MAX
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def signalled(process: BaseProcess, number: signal.Signals) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)


@contextmanager
def client(site: Site, workers: Workers | None) -> Iterator[httpx.Client]:
    with (
        serving(pages(site, workers), "127.0.0.1:0") as server,
        httpx.Client(base_url=server.url, timeout=SECONDS_MAX, trust_env=False) as asking,
    ):
        yield asking


def unable(site: Site) -> Site:
    """Return a site that cannot make any page itself."""
    return replace(site, templates=Environment(autoescape=True))


@pytest.mark.parametrize("somebody", [None, SOMEBODY], ids=["nobody", "somebody"])
def test_it_is_the_same_page(shown: Shown, workers: Workers, somebody: Viewer | None) -> None:
    site = shown.site if somebody is None else replace(shown.site, viewer=somebody)
    made = [path for path in EVERYTHING if path.split("?")[0] in (*PAGES, *CHARTS)]
    with client(site, None) as by_server, client(unable(site), workers) as by_processes:
        for path in (*made, *NOTHING_THERE):
            address = places(shown, path)
            expected, found = by_server.get(address), by_processes.get(address)
            assert found.text == expected.text
            assert found.status_code == expected.status_code == NOTHING_THERE.get(path, 200)
            assert {**found.headers, "date": ""} == {**expected.headers, "date": ""}


def test_what_nobody_thought_of_is_told(shown: Shown, workers: Workers) -> None:
    asked = Asked("/nowhere", "/nowhere", b"", {})
    with pytest.raises(PageFailed, match=r"in make\n[^$]*KeyError: '/nowhere'"):
        asyncio.run(workers.make(asked, shown.site))
    with client(unable(shown.site), workers) as by_processes:
        assert by_processes.get("/").status_code == httpx.codes.OK


def test_serve_has_its_pages_made_there(shown: Shown, workers: Workers) -> None:
    app = serve_shown(unable(shown.site), access=Access(), workers=workers)
    with serving(app, "127.0.0.1:0") as server:
        answer = httpx.get(server.url, timeout=SECONDS_MAX, trust_env=False)
    assert answer.status_code == httpx.codes.OK
    assert "Sign in" in answer.text


def test_whoever_ends_a_process_ends_no_more_than_what_it_makes(
    shown: Shown, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    again_after = "sessionpay.web.workers.SECONDS_BETWEEN_BEGINNINGS"
    monkeypatch.setattr(again_after, math.inf)
    before = processes()
    assert len(before) == 2
    for process in before:
        signalled(process, signal.SIGSTOP)
    with client(shown.site, workers) as asking, ThreadPoolExecutor(4) as visitors:
        pages_asked = [visitors.submit(asking.get, "/") for _ in range(4)]
        until(lambda: workers._turns.statistics().tasks_waiting == 2)
        for process in before:
            signalled(process, signal.SIGKILL)
        answers = [each.result() for each in pages_asked]
        assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503]
        assert any("ended before it was done; try again" in answer.text for answer in answers)
        assert any("This page was lost" in answer.text for answer in answers)
        # It is not time yet to begin them again.
        assert asking.get("/").status_code == httpx.codes.OK
        assert not processes()
        monkeypatch.setattr(again_after, 0)
        assert asking.get("/").status_code == httpx.codes.OK
        until(workers.are_ready)
    assert not processes() & before
    with client(unable(shown.site), workers) as by_processes:
        assert by_processes.get("/").status_code == httpx.codes.OK


def test_processes_end_with_a_server_that_is_killed(shown: Shown) -> None:
    command = [sys.executable, "-c", SERVER, str(shown.site.home.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        server.kill()
        # Whoever lives on has it open.
        rest, _ = server.communicate(timeout=SECONDS_MAX)
        assert not rest


def test_books_that_cannot_be_opened_again_are_shown_by_the_server(shown: Shown, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with closing(Database.open(f"sqlite:///{folder}/books.db")) as database:
        shutil.rmtree(folder)
        with working(replace(shown.site, database=database), 1) as workers:
            assert workers is not None
            with client(shown.site, workers) as asking:
                assert isinstance(workers._begun[0].exception(SECONDS_MAX), BrokenProcessPool)
                assert not workers.are_ready()
                assert asking.get("/").status_code == httpx.codes.OK


@pytest.mark.parametrize(("cores", "count"), [(1, 0), (2, 2), (4, 4), (64, 4)])
def test_a_process_for_each_core(monkeypatch: pytest.MonkeyPatch, cores: int, count: int) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(cores)))
    assert usual_workers() == count
