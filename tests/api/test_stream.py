"""Given movements that become final, whoever listens should get each once, also after being cut off.

Given a place or an account that cannot be, it should be refused as a problem
Given a server that ends, it should not wait for those who listen
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessionpay.api import Serving, application, serving, stream
from sessionpay.serving import LIMIT_MAX
from sessionpay.store import books
from sessionpay.store.evidence import Block
from tests.api.test_books import told
from tests.api.test_usage import problem
from tests.indexer.history import NODES, SESSIONS
from tests.serving.conftest import NOW, every
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.conftest import Told

__all__ = ["database", "kind", "postgresql", "told", "url"]

PATH = "/v1/events/stream"
Sent = tuple[str, dict[str, Any]]


@pytest.fixture
def client(told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(stream, "QUIET_SECONDS_MAX", 0.1)
    app = application(Serving(told.database, told.reader.contract, lambda: NOW))
    with serving(app, "127.0.0.1:0") as server, httpx.Client(base_url=server.url, trust_env=False) as lent:
        yield lent


@contextmanager
def listening(client: httpx.Client, last: str | None = None, **asked: str) -> Iterator[Iterator[Sent]]:
    """Lend what comes from the stream behind `last`."""
    headers = {"Last-Event-ID": last} if last is not None else {}
    with client.stream("GET", PATH, headers=headers, params=asked) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield sent(answer.iter_lines())


def sent(lines: Iterator[str]) -> Iterator[Sent]:
    place = ""
    for line in lines:
        if line.startswith("id: "):
            place = line.removeprefix("id: ")
        if line.startswith("data: "):
            yield place, json.loads(line.removeprefix("data: "))


def make_all_final(told: Told) -> None:
    head = told.chain.head
    with told.database.writing() as connection:
        block = Block(head.number, head.hash, head.parent_hash, head.timestamp)
        books.make_final(connection, told.reader.contract, block)


def expected(told: Told, **asked: Any) -> list[str]:  # noqa: ANN401 - an account
    """Return the places of all movements, in order."""
    rows = every(told.reader.movements, LIMIT_MAX, newest_first=False, **asked)
    return [f"{row.block_number}.{row.log_index}.{row.row}" for row in rows]


def test_each_movement_comes_once_also_after_a_cut(client: httpx.Client, told: Told) -> None:
    places, final = expected(told), told.reader.standing().final
    now_final = [place for place in places if int(place.split(".")[0]) <= final]
    got: list[str] = []
    with listening(client, "0.0.0") as events:
        got += [next(events)[0] for _ in range(5)]
    with listening(client, got[-1]) as events:
        got += [next(events)[0] for _ in range(len(now_final) - 5)]
        assert got == now_final
        make_all_final(told)
        got += [next(events)[0] for _ in range(3)]
    with listening(client, got[-1]) as events:
        got += [next(events)[0] for _ in range(len(places) - len(got))]
    assert got == places
    assert len(now_final) + 3 < len(places)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_it_begins_at_the_present_and_keeps_to_one_account(client: httpx.Client, told: Told) -> None:
    final = told.reader.standing().final
    for asked, of in (({"session": "7"}, SESSIONS[1]), ({"node": NODES[0]}, NODES[0])):
        with listening(client, "0.0.0", **asked) as events:
            first = next(events)
        assert first[0] == expected(told, of=of)[0]
        assert str(of) in {first[1]["session_id"], first[1]["node"]}
    with listening(client) as events:
        make_all_final(told)
        place, movement = next(events)
    assert place == next(each for each in expected(told) if int(each.split(".")[0]) > final)
    assert movement["is_final"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_cannot_be_is_refused(client: httpx.Client) -> None:
    for last in ("", "x", "1.2", "1.2.3.4", "-1.0.0", f"{2**63}.0.0", "9" * 500):
        problem(client.get(PATH, headers={"Last-Event-ID": last}), 400, "BadEventId")
    problem(client.get(PATH, params={"session": "7", "node": NODES[0]}), 422, "TwoAccounts")
    problem(client.get(PATH, params={"session": str(2**160)}), 422, "BadSessionId")
    problem(client.get(PATH, params={"node": "<script>"}), 422, "BadRequest")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_too_many_are_refused_until_one_goes(
    client: httpx.Client, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STREAMS_MAX", 1)
    assert told.entries
    with listening(client, "0.0.0") as events:
        next(events)
        problem(client.get(PATH), 503, "TooManyStreams")
    for _ in range(200):
        with client.stream("GET", PATH) as answer:
            if answer.status_code == 200:
                break
        time.sleep(0.02)
    else:
        pytest.fail("the place of a listener who went is not free")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_server_that_ends_waits_for_nobody_who_listens(told: Told) -> None:
    app = application(Serving(told.database, told.reader.contract, lambda: NOW))
    with httpx.Client(trust_env=False) as client:
        with serving(app, "127.0.0.1:0") as server, client.stream("GET", f"{server.url}{PATH}") as answer:
            lines = answer.iter_lines()
            next(lines)
            began = time.monotonic()
            server.end()
            assert list(lines) is not None
        assert time.monotonic() - began < 5
