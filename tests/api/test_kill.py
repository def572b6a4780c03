"""Given a server that dies between any two of its steps, what it acknowledged should count exactly once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from sessionpay.api import BadListen, Server, serving
from tests.api.conftest import caller, rows
from tests.api.test_usage import recorded
from tests.services.test_intake import assert_counted_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.conftest import Site

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60
NEVER = 10**6


@contextmanager
def running(url: str, moment: str, batches: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Lend a server that dies at a batch; with it, its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.api.run_server", url, moment, str(batches)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_acknowledged_row_counts_once_whatever_dies(site: Site, url: str) -> None:
    batches = [rows(20, start=20 * number) for number in range(6)]
    answered: dict[int, list[str]] = {}
    for moment, at in (("before", 3), ("after", 2), ("after", NEVER)):
        with running(url, moment, at) as (address, process), caller(address, site.key) as client:
            for number, batch in enumerate(batches):
                if number in answered:
                    continue
                try:
                    answer = client.post("/v1/usage", json={"rows": batch})
                except httpx.TransportError:
                    assert process.wait(SECONDS_MAX) == -9
                    break
                answered[number] = answer.json()["rows"]
    assert len(answered) == len(batches)
    # The third batch died with the first server before it was kept, the fourth with the second one after.
    counts = Counter((number, verdict) for number, told in answered.items() for verdict in told)
    assert counts == {(number, "repeated" if number == 3 else "accepted"): 20 for number in range(6)}
    assert_counted_once(site.database, [recorded(batches[n], told) for n, told in answered.items()])


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_server_says_when_it_cannot_listen(site: Site) -> None:
    with serving(site.app, "127.0.0.1:0") as server:
        taken = server.url.removeprefix("http://")
        for address, rule in ((taken, "in use"), ("8080", "HOST:PORT"), ("x:99999", "HOST"), (":1", "HOST")):
            with pytest.raises(BadListen, match=rule):
                Server(site.app, address)
    assert not server.is_serving()
