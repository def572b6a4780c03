"""The books over HTTP: given any of them, what is answered should be what the core adds up from its history.

Given a list, its pages together should hold each row once, whatever their size
Given a text that is no cursor of a list, it should be refused as a problem
Given an answer that is the same as before, it should not be sent again
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessionpay.api import Serving, application, serving
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.services.proof import Audit
from sessionpay.serving.cursors import encode
from tests.api.test_usage import problem
from tests.indexer.history import NODES, OWNERS, SESSIONS, Chain
from tests.serving.conftest import NOW, Told, enter
from tests.serving.test_reader import moved
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionpay.store.database import Database

__all__ = ["database", "kind", "postgresql", "url"]

AUDIT = Audit(block=9, difference=0, first_difference=None, surplus=5, balance=1_005, totals={})
ASSET = {"address": ZERO_ADDRESS, "symbol": "ETH", "decimals": 18}
LISTS = (
    "/v1/sessions", f"/v1/sessions?owner={OWNERS[0]}", "/v1/nodes", "/v1/events", "/v1/epochs",
    "/v1/network/movements", f"/v1/sessions/{SESSIONS[1]}/movements", f"/v1/nodes/{NODES[0]}/movements",
    f"/v1/sessions/{SESSIONS[1]}/charges",
)  # fmt: skip


@pytest.fixture
def told(database: Database) -> Told:
    """Return books of a hundred events."""
    chain = Chain(seed=3)
    chain.grow(60, events_max=6)
    return enter(database, chain)


@pytest.fixture
def client(told: Told) -> Iterator[httpx.Client]:
    """Lend a client of the real server, without any key."""
    served = Serving(told.database, told.reader.contract, lambda: NOW, audit=lambda: AUDIT)
    with (
        serving(application(served), "127.0.0.1:0") as server,
        httpx.Client(base_url=server.url, timeout=60, trust_env=False) as lent,
    ):
        yield lent


def read(client: httpx.Client, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def every(client: httpx.Client, path: str, limit: int) -> list[Any]:
    """Return a whole list, and hold its pages against what every page should be."""
    items: list[Any] = []
    cursor: str | None = None
    while True:
        asked = httpx.URL(path).copy_merge_params({"limit": limit} | ({"cursor": cursor} if cursor else {}))
        page = read(client, str(asked))
        assert page["asset"] == ASSET
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
        assert len(page["items"]) == limit


def test_sessions_and_nodes_are_those_of_the_books(client: httpx.Client, told: Told) -> None:
    books = told.books
    sessions = every(client, "/v1/sessions", 2)
    assert [int(each["session_id"]) for each in sessions] == sorted(books.sessions)
    for each in sessions:
        kept = books.sessions[int(each["session_id"])]  # type: ignore[index]
        assert (each["owner"], each["balance"], each["charged"]) == (
            kept.owner, str(kept.balance), str(kept.usage),
        )  # fmt: skip
        account = read(client, f"/v1/sessions/{each['session_id']}")
        assert (account["session"], account["asset"]) == (each, ASSET)
        assert account["budget"].keys() == {"balance", "unsettled", "arrears", "reserved", "available"}
    nodes = every(client, "/v1/nodes", 1)
    assert [each["node"] for each in nodes] == sorted(books.nodes)
    for each in nodes:
        node = books.nodes[each["node"]]
        assert (each["pending"], each["earned"]) == (str(node.pending), str(node.earned))
        assert int(each["paid"]) + int(each["pending"]) == int(each["earned"])
        assert read(client, f"/v1/nodes/{each['node'].upper().replace('X', 'x')}")["node"] == each


def test_the_network_is_that_of_the_books(client: httpx.Client, told: Told) -> None:
    books, network = told.books, read(client, "/v1/network")
    assert network["difference"] == "0"
    assert network["surplus"] == "5"
    assert network["treasury"]["total"] == str(books.network)
    assert network["liabilities"] == str(books.liabilities)
    assert int(network["in_sessions"]) == sum(each.balance for each in books.sessions.values())
    assert network["books"]["head"] == told.chain.head.number
    days = read(client, "/v1/network/days")["items"]
    assert sum(int(day["charge"]) for day in days) == int(network["flows"]["charged"]) > 0
    audit = read(client, "/v1/audit")
    assert (audit["block"], audit["difference"], audit["balance"]) == (9, "0", "1005")


def test_movements_and_events_are_those_of_the_history(client: httpx.Client, told: Told) -> None:
    lines = moved(told)[::-1]
    shown = every(client, "/v1/network/movements", 50)
    assert [(each["kind"], each["amount"], each["signed"], each["balance_after"]) for each in shown] == [
        (line.kind, str(line.amount), str(line.signed), str(line.balance_after)) for line in lines
    ]
    events = every(client, "/v1/events", 50)
    assert [each["name"] for each in events] == [type(each.event).__name__ for each in told.entries[::-1]]
    found = read(client, f"/v1/transactions/{events[0]['transaction_hash'].upper().replace('X', 'x')}")
    assert events[0] in found["events"]
    assert found["sending"] is None
    hits = read(client, "/v1/search", q=events[0]["transaction_hash"])["items"]
    assert hits == [{"kind": "transaction", "key": events[0]["transaction_hash"]}]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_each_row_comes_once_whatever_the_page(client: httpx.Client, told: Told) -> None:
    assert told.entries
    for path in LISTS:
        whole = every(client, path, 500)
        keys = [json.dumps(each, sort_keys=True) for each in whole]
        assert len(set(keys)) == len(keys)
        for limit in (1, 7, max(1, len(whole))):
            assert every(client, path, limit) == whole


def test_no_other_text_is_a_cursor(client: httpx.Client) -> None:
    others = ["", "x", "%00", "🙂", "A" * 5_000, "../..", "null", encode("movements of 5", [1, 1, 1])]
    for path in LISTS:
        for cursor in others:
            asked = httpx.URL(path).copy_merge_params({"cursor": cursor})
            assert "begin without one" in problem(client.get(asked), 400, "BadCursor")
    for limit in ("0", "501", "x", "9" * 40):
        problem(client.get("/v1/nodes", params={"limit": limit}), 422, "BadRequest")


def test_what_is_not_there_is_a_problem(client: httpx.Client) -> None:
    problem(client.get("/v1/sessions/5"), 404, "NoSession")
    problem(client.get(f"/v1/sessions/{2**160}"), 422, "BadSessionId")
    problem(client.get("/v1/sessions/<script>"), 422, "BadRequest")
    problem(client.get(f"/v1/nodes/0x{'ee' * 20}"), 404, "NoNode")
    problem(client.get(f"/v1/nodes/0x{'eE' * 20}"), 422, "BadAddress")
    problem(client.get("/v1/epochs/9"), 404, "NoSuchEpoch")
    problem(client.get(f"/v1/epochs/{2**63}"), 422, "BadRequest")
    problem(client.get("/v1/epochs/1/files/..%2F..%2Fbooks.db"), 404, "NoSuchFile")
    problem(client.get(f"/v1/epochs/1/accounts/{NODES[0]}"), 404, "NoExplanation")
    problem(client.get(f"/v1/transactions/0x{'ab' * 32}"), 404, "NoTransaction")
    for text in ("<script>alert(1)</script>", "'; DROP TABLE sessions; --", "\0", "٣", "", "x" * 100):
        assert read(client, "/v1/search", q=text)["items"] == []
    problem(client.get("/v1/search", params={"q": "x" * 101}), 422, "BadRequest")


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("path", ["/v1/network/movements", "/v1/events"])
def test_what_is_the_same_is_not_sent_again(client: httpx.Client, path: str) -> None:
    first = client.get(path, params={"limit": 40})
    later = client.get(path, params={"limit": 40, "cursor": first.json()["next"]})
    assert not first.json()["items"][0]["is_final"]
    assert all(each["is_final"] for each in later.json()["items"])
    assert "immutable" in later.headers["cache-control"]
    for answer in (first, later):
        for named in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
            again = client.get(answer.url, headers={"If-None-Match": named})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == answer.headers["etag"]
        assert client.get(answer.url, headers={"If-None-Match": '"other"'}).content == answer.content
    assert first.headers["cache-control"] == client.get("/v1/epochs/1").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_final_transaction_is_kept(client: httpx.Client) -> None:
    [newest, *_, oldest] = every(client, "/v1/events", 500)
    assert (newest["is_final"], oldest["is_final"]) == (False, True)
    answers = [client.get(f"/v1/transactions/{each['transaction_hash']}") for each in (newest, oldest)]
    assert [answer.headers["cache-control"] == "no-cache" for answer in answers] == [True, False]
    for answer in answers:
        again = client.get(answer.url, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
