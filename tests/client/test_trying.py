"""Given faults that can pass, the client should ask again, and never for longer than it was told.

Given a refusal that cannot pass, it should be told at once
Given a reservation whose answer is lost, the same key should be sent again, so that it is made once
Given both clients, they should have the same methods
"""

from __future__ import annotations

import inspect
import json
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sessionpay.client import ApiProblem, AsyncClient, Client, NoAnswer, exchange
from tests.api.conftest import BALANCE, FUNDED, Site, client, rows, site, stage
from tests.client.clients import KINDS, client_of
from tests.services.conftest import home
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

__all__ = ["client", "database", "home", "kind", "postgresql", "site", "stage", "url"]

BUSY = {"status": 503, "error": "NoDatabase", "detail": "ask again"}
IN_USE = {"status": 409, "error": "KeyInUse", "detail": "ask again"}
RESERVED = {
    "id": "a", "session_id": "7", "amount": "1", "state": "open", "created_at": 1, "expires_at": 2,
    "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18},
}  # fmt: skip


class Moody(BaseHTTPRequestHandler):
    """Gives the answers that it was told, one after the other; None hangs up."""

    answers: ClassVar[list[tuple[int, dict[str, Any], str] | None]] = []
    asked: ClassVar[list[tuple[str, str | None, bytes]]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.path, self.headers.get("Idempotency-Key"), body))
        answer = self.answers.pop(0)
        if answer is None:
            return
        status, told, retry = answer
        text = json.dumps(told).encode()
        self.send_response(status)
        if retry:
            self.send_header("Retry-After", retry)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(params=KINDS)
def asking(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Lend a client of a server of moods."""
    Moody.answers, Moody.asked = [], []
    with HTTPServer(("127.0.0.1", 0), Moody) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with client_of(request.param, f"http://127.0.0.1:{server.server_address[1]}") as lent:
            yield lent
        server.shutdown()


def test_what_can_pass_is_asked_again(asking: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_BACKOFF", lambda _: 0.0)
    for first in (None, (503, BUSY, "0"), (429, {**BUSY, "status": 429}, ""), (409, IN_USE, "")):
        Moody.answers, Moody.asked = [first, first, (200, {"items": []}, "")], []
        assert asking.search("7") == ()
        assert len(Moody.asked) == 3
    Moody.answers, Moody.asked = [(503, BUSY, "")] * 4, []
    with pytest.raises(ApiProblem, match="ask again"):
        asking.search("7")
    assert len(Moody.asked) == 3
    Moody.answers, Moody.asked = [None] * 4, []
    with pytest.raises(NoAnswer):
        asking.search("7")
    assert len(Moody.asked) == 3


def test_it_waits_as_long_as_it_is_told_and_no_longer(asking: Client) -> None:
    Moody.answers = [(429, {**BUSY, "status": 429}, "1"), (200, {"items": []}, "")]
    began = time.monotonic()
    assert asking.search("7") == ()
    assert 1 <= time.monotonic() - began < 5
    Moody.answers, Moody.asked = [(429, {**BUSY, "status": 429}, "60")] * 3, []
    with pytest.raises(ApiProblem) as refused:
        asking.search("7")
    assert (refused.value.retry_seconds, len(Moody.asked)) == (60, 1)


def test_what_cannot_pass_is_told_at_once(asking: Client) -> None:
    for status, error in ((404, "NoSession"), (422, "KeyOfAnother"), (409, "BudgetExceeded"), (401, "x")):
        Moody.answers, Moody.asked = [(status, {**BUSY, "status": status, "error": error}, "")] * 3, []
        with pytest.raises(ApiProblem):
            asking.session(7)
        assert len(Moody.asked) == 1


def test_a_reservation_is_sent_again_with_its_key(asking: Client) -> None:
    Moody.answers = [None, (503, BUSY, "0"), (201, RESERVED, ""), (201, RESERVED, "")]
    made = asking.reserve(7, 1, seconds=1)
    assert (made.session_id, made.amount, made.state) == (7, 1, "open")
    asking.reserve(7, 1, seconds=1)
    [*same, other] = [key for _, key, _ in Moody.asked]
    assert len(same) == 3
    assert len({*same}) == 1
    assert other not in same
    assert None not in {*same, other}


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("asked", KINDS)
def test_budgets_reservations_and_usage(client: httpx.Client, site: Site, asked: str) -> None:
    with client_of(asked, str(client.base_url), key=site.key) as books:
        made = books.reserve(FUNDED, 100, seconds=60, key="mine")
        assert books.reserve(FUNDED, 100, seconds=60, key="mine") == made
        assert books.budget(FUNDED).available == BALANCE - 100
        answers = books.hand_in([*rows(2), "nonsense"])  # type: ignore[list-item]
        assert (answers.accepted, answers.rows[2], answers.rejects[0].row) == (2, "rejected", 2)
        assert books.settle(made.id).state == "settled"
        other = books.reserve(FUNDED, 1, seconds=60)
        assert books.release(other.id).state == "released"
        with pytest.raises(ApiProblem, match="released already"):
            books.settle(other.id)
        assert books.budget(FUNDED).unsettled == 10
        with pytest.raises(ApiProblem, match="did not audit"):
            books.audit()
    with client_of(asked, str(client.base_url)) as nobody, pytest.raises(ApiProblem, match="no API key"):
        nobody.budget(FUNDED)


def test_both_clients_have_the_same_methods() -> None:
    own = {name for name in vars(Client) if not name.startswith("_")}
    assert own == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in own:
        parameters, others = (
            [(each.name, each.default, each.kind) for each in inspect.signature(method).parameters.values()]
            for method in (getattr(Client, name), getattr(AsyncClient, name))
        )
        assert parameters == others, name
