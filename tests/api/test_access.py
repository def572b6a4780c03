"""Who may ask: given pages elsewhere, proxies, and callers that ask too often.

Given an origin that is named, scripts of its pages should be let in, and never with credentials
Given none, no script of another page should be
Given a caller that asks more often than it may
  it should be refused as a problem until the minute is over, and others and those who watch should not
Given a proxy
  the address that it adds should count if it is believed, and nothing that its caller wrote
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessionpay.api import Access, BadOrigin, BadRateLimit, application, limiting, serving
from sessionpay.serving import Reader
from tests.api.conftest import caller
from tests.api.test_usage import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.api.conftest import Site

    Open = Callable[..., httpx.Client]

PAGE, STRANGER = "https://books.example", "https://elsewhere.example"
SECURITY = {
    "content-security-policy": (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
def kind() -> str:
    """Run on one kind of database, because none is asked."""
    return "sqlite"


@pytest.fixture
def opened(site: Site) -> Iterator[Open]:
    """Lend a client of a server that lets in whom its arguments say."""
    servers: list[Any] = []

    def make(**access: Any) -> httpx.Client:  # noqa: ANN401 - the fields of Access
        server = serving(application(replace(site.serving, access=Access(**access))), "127.0.0.1:0")
        client = httpx.Client(base_url=server.__enter__().url, timeout=60, trust_env=False)
        servers.append((server, client))
        return client

    yield make
    for server, client in servers:
        client.close()
        server.__exit__(None, None, None)


def preflight(client: httpx.Client, origin: str, method: str = "POST") -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    names = "authorization, idempotency-key"
    return client.options("/v1/reservations", headers={**asked, "Access-Control-Request-Headers": names})


def test_no_page_elsewhere_is_let_in_unless_it_is_named(opened: Open) -> None:
    client = opened()
    answer = client.get("/v1/network", headers={"Origin": PAGE})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert preflight(client, PAGE).status_code == 405


@pytest.mark.parametrize("origins", [(PAGE,), ("*",), (PAGE, "http://127.0.0.1:3000")])
def test_a_page_that_is_named_is_let_in_without_credentials(opened: Open, origins: tuple[str, ...]) -> None:
    client = opened(origins=origins)
    answer = client.get("/v1/network", headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == ("*" if "*" in origins else PAGE)
    assert "ETag" in answer.headers["access-control-expose-headers"]
    asked = preflight(client, PAGE)
    assert asked.status_code == 200
    assert "Idempotency-Key" in asked.headers["access-control-allow-headers"]
    problem_told = client.get("/v1/sessions/5", headers={"Origin": PAGE})
    assert problem_told.headers["access-control-allow-origin"]
    for each in (answer, asked, problem_told):
        assert "access-control-allow-credentials" not in each.headers
    other = client.get("/v1/network", headers={"Origin": STRANGER, "Cookie": "a=b"})
    assert ("access-control-allow-origin" in other.headers) is ("*" in origins)
    assert (preflight(client, STRANGER).status_code == 200) is ("*" in origins)
    assert preflight(client, PAGE, "PATCH").status_code == 400


def test_what_is_no_origin_and_no_limit_is_refused() -> None:
    for origin in ("", "null", "example.org", "https://", "https://a/b", "https://a:x", "https://a b", "**",
                   "ftp://a", "https://a\n"):  # fmt: skip
        with pytest.raises(BadOrigin, match="https://host"):
            Access(origins=(origin,))
    for limit in (-1, 10**10):
        with pytest.raises(BadRateLimit, match="0 for none"):
            Access(requests_per_minute=limit)


def test_every_answer_has_the_headers(opened: Open, site: Site) -> None:
    client = opened(origins=(PAGE,), requests_per_minute=10)
    paths = [
        "/v1/network",
        "/v1/sessions/5",
        "/v1/nowhere",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
    ]
    answers = [client.get(path) for path in paths] + [preflight(client, PAGE)]
    answers += [client.get("/v1/network") for _ in range(10)]
    assert {answer.status_code for answer in answers} >= {200, 404, 429}
    for answer in answers:
        assert answer.headers.items() >= SECURITY.items(), answer.url
        assert "server" not in answer.headers
    assert site.key not in str([answer.headers for answer in answers])


def test_a_fault_of_the_server_tells_nothing(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Reader) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(Reader, "network", fail)
    answer = opened().get("/v1/network")
    assert "not your request" in problem(answer, 500, "ServerFault")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_asks_too_often_is_refused_and_others_are_not(opened: Open, site: Site) -> None:
    client = opened(requests_per_minute=3)
    told = [client.get("/v1/network").headers["ratelimit"] for _ in range(3)]
    assert [each.split(";")[1] for each in told] == ["r=2", "r=1", "r=0"]
    refused = client.get("/v1/network")
    assert "ask again in" in problem(refused, 429, "TooManyRequests")
    seconds = int(refused.headers["retry-after"])
    assert 0 < seconds <= 60
    assert refused.headers["ratelimit"] == f'"caller";r=0;t={seconds}'
    assert refused.headers["ratelimit-policy"] == '"caller";q=3;w=60'
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code != 429
    # A key that nobody knows brings nothing, however often it changes.
    for number in range(3):
        strange = {"Authorization": f"Bearer spk_{number}"}
        problem(client.get("/v1/network", headers=strange), 429, "TooManyRequests")
    with caller(str(client.base_url), site.key) as reporter:
        problem(reporter.get("/v1/sessions/7/budget"), 429, "TooManyRequests")


def test_a_reporter_that_is_known_has_a_count_of_its_own(opened: Open, site: Site) -> None:
    client = opened(requests_per_minute=3)
    with caller(str(client.base_url), site.key) as reporter:
        # By the first one it is found out that the key is good.
        statuses = [reporter.get("/v1/sessions/7/budget").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]
    assert client.get("/v1/network").headers["ratelimit"].startswith('"caller";r=1;')


def test_a_proxy_is_believed_only_where_that_is_said(opened: Open) -> None:
    for trusts, statuses in ((True, [200, 200, 200, 429]), (False, [200, 429, 429, 429])):
        client = opened(requests_per_minute=1, trusts_forwarded=trusts)
        told = ["10.0.0.1", "10.0.0.2", "10.0.0.1, 2001:db8::1", "10.9.9.9, 2001:db8::2"]
        found = [client.get("/v1/network", headers={"X-Forwarded-For": each}).status_code for each in told]
        assert found == statuses
    client = opened(requests_per_minute=1, trusts_forwarded=True)
    for text in ("unknown", "", "1.2.3", "a" * 5_000):
        client.get("/v1/network", headers={"X-Forwarded-For": text})
    problem(client.get("/v1/network"), 429, "TooManyRequests")


def test_however_many_ask_no_more_is_remembered(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "CALLERS_MAX", 3)
    client = opened(requests_per_minute=2, trusts_forwarded=True)

    def ask(number: int) -> int:
        return client.get("/v1/network", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code

    assert [ask(number) for number in range(3)] == [200] * 3
    # Whoever comes newly shares one count; who was there keeps their own.
    assert [ask(number) for number in range(10, 14)] == [200, 200, 429, 429]
    assert [ask(0), ask(0)] == [200, 429]
