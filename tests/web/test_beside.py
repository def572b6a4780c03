"""The pages with the API beside them, on settled books: what `serve` serves.

Given an address of either, that one should answer, also with its own kind of fault
Given any request that the description allows, and any that it does not
  the answer should be one that it names
Given texts that are meant to do harm, in every place that takes one
  the answer should be a refusal or nothing found, never a fault of the server, and never run by a browser
Given the client, it should read what the read layer has, to the last file and reason
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from sessionpay.api import Access, serving
from sessionpay.cli.site import shown as site_shown
from sessionpay.client import BadAnswer, Client, Work
from sessionpay.services.epoch_files import EXPLAIN
from tests.api.described import KEYED, READ, send_everything
from tests.api.test_access import SECURITY
from tests.api.test_usage import problem
from tests.core.rows import NODE_A
from tests.web.conftest import HOSTILE, SECONDS_MAX, USED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.conftest import Shown

TEXTS = (
    "<script>alert(1)</script>", "'; DROP TABLE sessions; --", "\0", "a\0b", "\u202e\u0000\ufeff",
    "\U0001f642", "\u0661", "../../../etc/passwd", "..%2f..%2fbooks.db", "%00", "null", "-1", "0x", "9" * 400,
    "0x" + "f" * 400, "{{7*7}}", "\r\nX-Injected: 1", "a" * 5_000, " ", "1e9", "007", "\ud7ff\ue000",
)  # fmt: skip
PLACES = (
    "/v1/sessions/{}", "/v1/sessions/{}/movements", "/v1/sessions/{}/charges", "/v1/sessions/{}/budget",
    "/v1/nodes/{}", "/v1/nodes/{}/movements", "/v1/transactions/{}", "/v1/epochs/{}", "/v1/epochs/5/files/{}",
    "/v1/epochs/5/accounts/{}", "/v1/epochs/{}/accounts/" + NODE_A, "/v1/sessions?owner={}",
    "/v1/sessions?cursor={}", "/v1/nodes?cursor={}", "/v1/events?cursor={}", "/v1/epochs?cursor={}",
    "/v1/network/movements?cursor={}", "/v1/network/movements?limit={}", "/v1/search?q={}",
    "/v1/prices?epoch={}", "/v1/policy?epoch={}", "/v1/events/stream?session={}", "/v1/events/stream?node={}",
    "/v1/{}",
    "/v1/prices/quote?model={}&prompt_tokens=1&completion_tokens=1",
    "/v1/prices/quote?model=large&sla={}&prompt_tokens=1&completion_tokens=1",
    "/v1/prices/quote?model=large&prompt_tokens={}&completion_tokens=1",
)  # fmt: skip


HEADERS = ("If-None-Match", "Last-Event-ID", "Authorization", "Idempotency-Key", "Origin", "Cookie")


@pytest.fixture(scope="module")
def beside(shown: Shown) -> Iterator[httpx.Client]:
    """Lend a client of pages and API together."""
    app = site_shown(shown.site, access=Access())
    with (
        serving(app, "127.0.0.1:0") as server,
        httpx.Client(base_url=server.url, timeout=SECONDS_MAX, trust_env=False) as client,
    ):
        yield client


def test_each_answers_for_itself(beside: httpx.Client, shown: Shown) -> None:
    page = beside.get("/")
    assert page.headers["content-type"].startswith("text/html")
    [link] = re.findall(r'<footer>.*<a href="([^"]+)"', page.text, re.DOTALL)
    described = beside.get(link).json()
    assert described["openapi"].startswith("3.1")
    assert "/v1/usage" not in described["paths"]
    told = beside.get("/v1/network").json()
    assert (told["difference"], told["liabilities"]) == ("0", str(shown.site.reader.network().liabilities))
    assert beside.get("/healthz").text == "ok\n"
    assert beside.get("/readyz").status_code == 200
    assert "sessionpay_audit_difference 0" in beside.get("/metrics").text
    assert beside.get("/missing").headers["content-type"].startswith("text/html")
    problem(beside.get("/v1/missing"), 404, "NotFound")
    problem(beside.get("/v1"), 404, "NotFound")
    problem(beside.post("/v1/usage", json={"rows": []}), 404, "NotFound")
    problem(beside.post("/v1/network"), 405, "MethodNotAllowed")
    problem(beside.get(f"/v1/sessions/{USED}/budget"), 401, "Unauthorized")
    for path in ("/v1/network", "/v1/missing", "/openapi.json", "/healthz"):
        assert beside.get(path).headers.items() >= SECURITY.items()
    assert "script-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("examples", [1, pytest.param(12, marks=pytest.mark.servers)])
def test_whatever_is_sent_is_answered_as_described(beside: httpx.Client, examples: int) -> None:
    description = beside.get("/openapi.json").json()
    seen = send_everything(description, str(beside.base_url), headers={}, examples=examples)
    assert seen == READ | KEYED


@pytest.mark.parametrize("place", PLACES)
def test_no_text_does_harm(beside: httpx.Client, place: str) -> None:
    for text in TEXTS:
        # A stream begins where nothing is refused, and is left at once.
        with beside.stream("GET", place.format(quote(text, safe=""))) as answer:
            assert answer.status_code < 500, (place, text)
            assert answer.headers.items() >= SECURITY.items(), (place, text)
            assert "x-injected" not in answer.headers
            if answer.status_code >= 400:
                answer.read()
                assert answer.headers["content-type"] == "application/problem+json", (place, text)
                assert answer.json()["status"] == answer.status_code


def test_a_server_that_ends_waits_for_nobody_who_listens(shown: Shown) -> None:
    app = site_shown(shown.site, access=Access())
    with httpx.Client(trust_env=False) as client, serving(app, "127.0.0.1:0") as server:
        with client.stream("GET", f"{server.url}/v1/events/stream") as answer:
            lines = answer.iter_lines()
            next(lines)
            began = time.monotonic()
            server.end()
            assert list(lines) is not None
        assert time.monotonic() - began < 5


def test_no_header_does_harm(beside: httpx.Client) -> None:
    for text in ("\x01", "x" * 10_000, '"' * 50, "W/", "*, *", "\xff\xfe", "-1", "0x0", "null"):
        for name in (
            "If-None-Match",
            "Last-Event-ID",
            "Authorization",
            "Idempotency-Key",
            "Origin",
            "Cookie",
        ):
            for path in ("/v1/network/movements", "/v1/prices?epoch=1", "/v1/sessions/1/budget"):
                asked = beside.build_request("GET", path, headers=[(name.encode(), text.encode("latin-1"))])
                assert beside.send(asked).status_code < 500, (name, text)


def test_a_hostile_name_is_told_as_it_is_and_never_as_a_page(beside: httpx.Client) -> None:
    quoted = beside.get(
        "/v1/prices/quote", params={"model": HOSTILE, "prompt_tokens": 5, "completion_tokens": 0}
    )
    # The epoch that takes usage opened with the hostile sheet.
    assert quoted.json()["tasks"][0]["model"] == HOSTILE
    assert quoted.headers["content-type"] == "application/json"


def test_the_client_reads_what_the_read_layer_has(beside: httpx.Client, shown: Shown) -> None:
    reader = shown.site.reader
    with Client(str(beside.base_url)) as books:
        settled = [epoch for epoch in books.epochs() if epoch.settled_at]
        assert len(settled) >= 4
        for epoch in settled:
            contents = books.epoch(epoch.number)
            assert contents.totals is not None
            assert asdict(contents.totals) == asdict(reader.epoch(epoch.number).contents.totals)  # type: ignore[union-attr]
            for file in contents.files:
                assert len(books.epoch_file(epoch.number, file.name)) == file.bytes
            lines = books.epoch_file(epoch.number, EXPLAIN).splitlines()
            for line in map(json.loads, lines):
                told = books.explanation(epoch.number, line["account"])
                assert told.amount == int(line["amount"])
                assert told.served == sum(service.amount for service in told.services)
                assert [texts(asdict(each)) for each in told.services] == line["services"]
        [account, *_] = books.sessions()
        assert books.session(account.session_id).budget.available >= 0
        quoted = books.quote(Work(model=HOSTILE, prompt_tokens=10**6, completion_tokens=0))
        assert (quoted.amount, quoted.prices) == (10**12, books.prices().sha256)
        assert books.policy(1).usage_visibility == "public"
    # The pages are no API.
    with Client(f"{beside.base_url}/sessions") as pages, pytest.raises(BadAnswer):
        pages.network()


def texts(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return what a value of the client looks like in a file: amounts as texts, rates as numbers."""
    amounts = {"work", "paid", "open", "cancelled", "fee", "pot", "weight", "weight_total", "floor"}
    amounts |= {"remainder", "amount", "unpaid", "session_id"}
    if isinstance(value, dict):
        return {
            name: str(each) if name in amounts and isinstance(each, int) else texts(each)
            for name, each in value.items()
        }
    return [texts(each) for each in value] if isinstance(value, list | tuple) else value


def test_the_audit_is_told_whole(beside: httpx.Client, shown: Shown) -> None:
    audit = shown.site.audit()
    assert audit is not None
    with Client(str(beside.base_url)) as books:
        told = books.audit()
    assert (told.block, told.difference, told.first_difference) == (audit.block, 0, None)
    assert (told.surplus, told.balance, told.at) == (audit.surplus, audit.balance, audit.at)
    assert told.at == shown.demonstration.chain.now
    assert {each.side: each.liabilities for each in told.totals} == {
        side: total.liabilities for side, total in audit.totals.items()
    }
    assert [(each.sides, each.count) for each in told.compared] == [
        (each.sides, each.count) for each in audit.compared
    ]
    counts = {each.sides: each.count for each in told.compared}
    events = len([*iter_events(shown)])
    assert counts["logs", "events"] >= events > 0
    for sides in (("contract", "events"), ("events", "statements"), ("events", "books")):
        assert counts[sides] > 0
    # Of each settled epoch its folder at least; the newest one was computed anew.
    assert counts["folder", "database"] >= 5


def iter_events(shown: Shown) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = shown.site.reader.events(cursor=cursor, limit=500)
        yield from page.rows
        cursor = page.next
        if cursor is None:
            return
