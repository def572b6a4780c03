"""The client: given books that are served, it should return what the read layer has, to the last unit.

Given an API that refuses, that is not there, or that is something else, it should say so in its own errors
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sessionpay.api import Serving, application, serving
from sessionpay.client import ApiProblem, BadAnswer, NoAnswer, Work
from sessionpay.core.ids import Address, SessionId
from sessionpay.serving import LIMIT_MAX
from tests.api.test_books import AUDIT, told
from tests.client.clients import KINDS, client_of
from tests.indexer.history import NODES, OWNERS, SESSIONS
from tests.services.conftest import POLICY, PRICES
from tests.serving.conftest import NOW
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionpay.client import Client
    from sessionpay.serving import Page
    from tests.serving.conftest import Told

__all__ = ["database", "kind", "postgresql", "told", "url"]


@pytest.fixture(params=KINDS)
def asked(request: pytest.FixtureRequest) -> str:
    """Which client asks: each test is of both."""
    kind: str = request.param
    return kind


@pytest.fixture
def client(told: Told, asked: str) -> Iterator[Client]:
    served = Serving(told.database, told.reader.contract, lambda: NOW, audit=lambda: AUDIT)
    with serving(application(served), "127.0.0.1:0") as server, client_of(asked, server.url) as lent:
        yield lent


def plain(shown: Any, like: Any) -> Any:  # noqa: ANN401 - any view
    """Return what is shown with the fields that a value of the client has."""
    if is_dataclass(like):
        return {name: plain(getattr(shown, name), getattr(like, name)) for name in like.__dataclass_fields__}
    return shown


def assert_same(found: Any, shown: Any) -> None:  # noqa: ANN401 - any answer and its view
    assert asdict(found) == plain(shown, found)


def test_what_is_read_is_what_is_shown(client: Client, told: Told) -> None:
    reader = told.reader
    lists: list[tuple[Iterator[Any], Callable[..., Page[Any]]]] = [
        (client.sessions(), reader.sessions),
        (client.sessions(owner=OWNERS[0]), lambda limit: reader.sessions(owner=OWNERS[0], limit=limit)),
        (client.nodes(), reader.nodes),
        (client.movements(), reader.movements),
        (client.session_movements(SESSIONS[1]), lambda limit: reader.movements(of=SESSIONS[1], limit=limit)),
        (client.node_movements(NODES[0]), lambda limit: reader.movements(of=NODES[0], limit=limit)),
        (client.events(), reader.events),
        (client.epochs(), reader.epochs),
    ]
    for found, read in lists:
        rows, shown = list(found), read(limit=LIMIT_MAX).rows
        assert len(rows) == len(shown) > 0
        for row, view in zip(rows, shown, strict=True):
            assert_same(row, view)
    assert list(client.session_charges(7)) == []
    for session_id in reader.sessions().rows:
        account = client.session(session_id.session_id)
        assert_same(account.session, session_id)
        assert_same(account.budget, reader.session(session_id.session_id).budget)
    assert_same(client.node(NODES[0]), reader.node(NODES[0]))
    assert_same(client.node_so_far(NODES[0]), reader.so_far(NODES[0]))
    assert [asdict(day) for day in client.days()] == [day._asdict() for day in reader.days()]
    assert client.epoch(1).epoch.state == "open"
    assert (client.prices().text, client.policy(1).text) == (PRICES, POLICY)
    quoted = client.quote(Work(model="large", prompt_tokens=3, completion_tokens=2))
    assert (quoted.amount, quoted.tasks[0].price.prompt, quoted.epoch) == (5, 1_000_000, 1)
    assert not client.readiness().ready or client.readiness().reasons == ()


def test_statements_add_up(client: Client, told: Told) -> None:
    final = told.reader.standing().final
    for found in (
        client.session_statement(SESSIONS[1]),
        client.node_statement(NODES[0]),
        client.network_statement(),
    ):
        assert (found.from_block, found.to_block, found.opening_balance) == (1, final, 0)
        assert found.lines[-1].balance_after == found.closing_balance
    shown = [each for each in told.reader.movements(of=NODES[0], limit=LIMIT_MAX).rows if each.is_final]
    lines = client.node_statement(NODES[0]).lines
    for row, view in zip(lines, shown[::-1], strict=True):
        assert_same(row, view)
    middle = lines[len(lines) // 2].block_number
    later = client.node_statement(NODES[0], from_block=middle, to_block=final)
    assert later.lines == tuple(line for line in lines if line.block_number >= middle)
    with pytest.raises(ApiProblem, match="final"):
        client.network_statement(to_block=final + 1)


def test_a_statement_that_does_not_add_up_is_told(stranger: str, asked: str) -> None:
    told: dict[str, Any] = {
        "session_id": "7", "node": None, "from_block": 1, "to_block": 2, "opening_balance": "5", "lines": [],
        "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18},
    }  # fmt: skip
    Stranger.status = 200
    with client_of(asked, stranger) as client:
        Stranger.body = json.dumps({**told, "closing_balance": "5"}).encode()
        assert client.session_statement(7).closing_balance == 5
        Stranger.body = json.dumps({**told, "closing_balance": "4"}).encode()
        with pytest.raises(BadAnswer, match="5 instead of 4"):
            client.session_statement(7)


def test_the_network_is_what_is_shown(client: Client, told: Told) -> None:
    found, shown = client.network(), told.reader.network()
    for name in ("asset", "in_sessions", "pending", "liabilities", "difference", "sequence", "paused_until"):
        assert getattr(found, name) == getattr(shown, name)
    assert_same(found.treasury, shown.treasury)
    assert_same(found.flows, shown.flows)
    assert_same(found.books, shown.standing)
    assert (found.surplus, client.audit().surplus) == (5, 5)
    [event, *_] = client.events()
    assert event in client.transaction(event.transaction_hash).events
    assert [hit.kind for hit in client.search("7")] == ["session"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_refusal_is_told(client: Client) -> None:
    with pytest.raises(ApiProblem, match="session 5 is not registered") as refused:
        client.session(SessionId(5))
    assert (refused.value.status, refused.value.error) == (404, "NoSession")
    for node in (Address("0x12"), Address("../sessions"), Address("a/b?c#d\n\0")):
        with pytest.raises(ApiProblem):
            client.node(node)
    with pytest.raises(ApiProblem, match="no file"):
        client.epoch_file(1, "nothing.jsonl")


class Stranger(BaseHTTPRequestHandler):
    """Answers everything with the same."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.send_header("ETag", '"0123"')
        self.send_header("Content-Length", str(len(type(self).body)))
        self.end_headers()
        self.wfile.write(type(self).body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    """Lend the address of a server that is not the API."""
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b"null", json.dumps({"items": [{}], "next": None}).encode(),
     json.dumps({"items": [], "next": 5}).encode(), json.dumps({"items": 3, "next": None}).encode()],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 500])
def test_a_stranger_is_found_out(stranger: str, asked: str, body: bytes, status: int) -> None:
    Stranger.status, Stranger.body = status, body
    with client_of(asked, stranger) as client:
        with pytest.raises(BadAnswer):
            list(client.sessions())
        with pytest.raises(BadAnswer):
            client.epoch_file(1, "manifest.json")


def test_nobody_there_is_told(asked: str) -> None:
    with (
        client_of(asked, "http://127.0.0.1:1") as client,
        pytest.raises(NoAnswer, match=r"127\.0\.0\.1:1/v1/network"),
    ):
        client.network()
