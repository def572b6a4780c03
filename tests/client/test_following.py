"""Given movements that become final, whoever follows them should get each once, whatever the connection does.

Given a server that goes away and comes back
  what became final meanwhile should come, also where nothing had come before
Given a server that stays away, it should be told
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.api import Serving, application, serving, stream
from sessionpay.client import ApiProblem, NoAnswer, async_books, books, exchange
from tests.api.test_books import told
from tests.api.test_stream import expected, make_all_final
from tests.client.clients import KINDS, client_of
from tests.indexer.history import NODES
from tests.serving.conftest import NOW
from tests.store.conftest import database, postgresql, url

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sessionpay.api import Server
    from sessionpay.serving import Reader
    from sessionpay.store.pages import Spot
    from tests.serving.conftest import Told

__all__ = ["database", "postgresql", "told", "url"]


@pytest.fixture
def kind() -> str:
    """Run on one kind of database: the other one's stream has its own tests."""
    return "sqlite"


@pytest.fixture(params=KINDS)
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which client follows; neither of them waits long."""
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(exchange, "_BACKOFF", lambda _: 0.05)
    for module in (books, async_books):
        monkeypatch.setattr(module, "RECONNECT_SECONDS", 0.05)
    kind: str = request.param
    return kind


@pytest.fixture
def address() -> str:
    """Return an address that is free, so that a server can come back to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def served(told: Told, address: str) -> AbstractContextManager[Server]:
    app = application(Serving(told.database, told.reader.contract, lambda: NOW))
    return serving(app, address)


def places(movements: Any, count: int) -> list[str]:  # noqa: ANN401 - an iterator of movements
    return [movement.place for movement in islice(movements, count)]


def test_a_server_that_comes_back_is_followed_on(told: Told, asked: str, address: str) -> None:
    every, final = expected(told), told.reader.standing().final
    now_final = [place for place in every if int(place.split(".")[0]) <= final]
    with client_of(asked, f"http://{address}", tries=20) as client:
        movements = client.stream(after="0.0.0")
        with served(told, address):
            got = places(movements, 5)
        with served(told, address):
            got += places(movements, len(now_final) - 5)
            assert got == now_final
        make_all_final(told)
        with served(told, address):
            got += places(movements, len(every) - len(now_final))
        movements.close()  # type: ignore[attr-defined]
    assert got == every


def test_nothing_is_lost_before_the_first_one(
    told: Told, asked: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, present = Event(), stream._present

    def noted(reader: Reader) -> Spot:
        found = present(reader)
        began.set()
        return found

    monkeypatch.setattr(stream, "_present", noted)
    final = told.reader.standing().final
    coming = [place for place in expected(told) if int(place.split(".")[0]) > final]
    assert coming
    with client_of(asked, f"http://{address}", tries=20) as client, ThreadPoolExecutor(1) as pool:
        movements = client.stream()
        with served(told, address):
            waiting = pool.submit(places, movements, len(coming))
            assert began.wait(10)
        # Without a place of its own, the next stream would begin behind what is final by then.
        make_all_final(told)
        with served(told, address):
            assert waiting.result(10) == coming
        pool.submit(movements.close).result()  # type: ignore[attr-defined]


def test_a_server_that_stays_away_is_told(told: Told, asked: str, address: str) -> None:
    with client_of(asked, f"http://{address}") as client:
        movements = client.stream(after="0.0.0")
        with served(told, address):
            assert places(movements, 1) == expected(told)[:1]
        with pytest.raises(NoAnswer, match="/v1/events/stream"):
            places(movements, 10_000)
        with served(told, address), pytest.raises(ApiProblem, match="name one"):
            next(client.stream(session_id=7, node=NODES[0]))
