"""Signing in over HTTP, and what it opens, on the API and on the pages.

Given a signed message
  a program should get a token, a browser a cookie that no script reads, and both see the same
  whoever signs out should see what everybody sees
Given a request of another site's page, of another name, in another form, or without end
  it should be refused, and nobody be signed in or out by it
Given usage that is hidden
  it should be said whether signing in would help, and how
Given usage that is shown
  sums and rows should be those that were settled, with prices, in both forms
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessionpay.api import Access, application, serving
from sessionpay.chain.keys import signer_from_key
from sessionpay.cli.site import shown as beside
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import MICRO
from sessionpay.core.policy import UsageVisibility
from sessionpay.services.origins import Origin
from sessionpay.services.sign_in import TOKEN_SECONDS
from sessionpay.serving import signing_in
from sessionpay.serving.usage import EXPORTS_AT_ONCE_MAX
from sessionpay.store.pages import charges_of_session
from sessionpay.web import pages
from tests.chain.signing import signed_text
from tests.serving.hiding import EPOCHS, OUTSIDER_KEY, OWNER_KEYS, joined, model, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.hiding import Hiding

KEY = OWNER_KEYS[1]
OWNER = signer_from_key(KEY).address
USAGE, ROWS = "/v1/sessions/1/usage", "/v1/sessions/1/usage/rows"


@pytest.fixture(scope="module")
def url(hiding: Hiding) -> Iterator[str]:
    with serving(hiding.app(), "127.0.0.1:0") as server:
        yield server.url


@pytest.fixture
def client(hiding: Hiding, url: str) -> Iterator[httpx.Client]:
    """Lend a client of nobody, in a settlement that shows usage to owners."""
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.OWNER))
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as lent:
        yield lent


def message(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/v1/sign-in/messages", json={"address": OWNER}, headers=headers)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["error"]


def test_a_browser_has_a_cookie_that_no_script_reads(hiding: Hiding, client: httpx.Client) -> None:
    offer = message(client)
    assert offer.headers["cache-control"] == "no-store"
    text = offer.json()["message"]
    assert text.startswith(f"http://{client.base_url.netloc.decode()} wants you to sign in")
    answer = client.post("/v1/sign-in", json={"message": text, "signature": signed_text(text, KEY)})
    found = answer.json()
    assert found["address"] == OWNER
    assert found["expires_at"] == hiding.chain.now + TOKEN_SECONDS
    assert answer.headers["cache-control"] == "no-store"
    kept, *rules = answer.headers["set-cookie"].split("; ")
    assert kept == f"sessionpay_sign_in={found['token']}"
    assert {rule.lower() for rule in rules} == {
        "httponly", "samesite=strict", "path=/", f"max-age={TOKEN_SECONDS}",
    }  # fmt: skip
    by_cookie = client.get(USAGE)
    client.cookies.clear()
    by_token = client.get(USAGE, headers={"Authorization": f"Bearer {found['token']}"})
    assert by_cookie.json() == by_token.json()
    assert client.get(USAGE).status_code == 401


def test_behind_tls_the_cookie_travels_by_tls_alone(hiding: Hiding) -> None:
    public = Origin("https", "pay.example.org")
    sign_ins = signing_in(hiding.serving.reader(), public=public)
    app = application(replace(hiding.serving, sign_ins=sign_ins))
    with serving(app, "127.0.0.1:0") as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        # What the proxy calls us does not matter, nor what somebody pretends to be called.
        text = message(client, Host="evil.example").json()["message"]
        assert text.startswith("pay.example.org wants you to sign in")
        body = {"message": text, "signature": signed_text(text, KEY)}
        assert problem(client.post("/v1/sign-in", json=body, headers={"Origin": server.url})) == (
            403,
            "ForeignRequest",
        )
        answer = client.post("/v1/sign-in", json=body, headers={"Origin": str(public)})
        assert "secure" in answer.headers["set-cookie"].lower().split("; ")


def test_who_signs_out_is_out_everywhere(client: httpx.Client, url: str) -> None:
    token = signed_in(client, KEY, OWNER)["token"]
    assert "Sign out" in client.get("/").text
    with httpx.Client(base_url=url, trust_env=False, headers={"Authorization": f"Bearer {token}"}) as other:
        assert other.get(USAGE).status_code == 200
        gone = client.delete("/v1/sign-in")
        assert (gone.status_code, gone.content) == (204, b"")
        assert 'sessionpay_sign_in=""' in gone.headers["set-cookie"]
        assert "max-age=0" in gone.headers["set-cookie"].lower()
        assert problem(other.get(USAGE)) == (401, "UnknownToken")
        assert 'error="invalid_token"' in other.get(USAGE).headers["www-authenticate"]
        assert other.delete("/v1/sign-in").status_code == 204
    assert "Sign out" not in client.get("/").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:1"},
    ],
)
def test_a_page_of_another_site_signs_nobody_in_or_out(client: httpx.Client, headers: dict[str, str]) -> None:
    assert problem(message(client, **headers)) == (403, "ForeignRequest")
    text = message(client).json()["message"]
    body = {"message": text, "signature": signed_text(text, KEY)}
    refused = client.post("/v1/sign-in", json=body, headers=headers)
    assert problem(refused) == (403, "ForeignRequest")
    assert "set-cookie" not in refused.headers
    signed_in(client, KEY, OWNER)
    refused = client.delete("/v1/sign-in", headers=headers)
    assert problem(refused) == (403, "ForeignRequest")
    assert "set-cookie" not in refused.headers
    refused = client.post("/sign-out", headers=headers)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert client.get(USAGE).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_can_send_is_refused(client: httpx.Client, kind: str) -> None:
    text = message(client).json()["message"]
    body = json.dumps({"message": text, "signature": signed_text(text, KEY)})
    for path in ("/v1/sign-in", "/v1/sign-in/messages"):
        answer = client.post(path, content=body, headers={"Content-Type": kind})
        assert problem(answer) == (415, "NotJson")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8080"])
def test_a_message_is_for_no_other_name(client: httpx.Client, host: str) -> None:
    refused = message(client, Host=host)
    assert problem(refused) == (421, "UnknownHost")
    assert "--public-url" in refused.json()["detail"]
    text = message(client).json()["message"]
    other = f"localhost:{client.base_url.port}"
    body = {"message": text, "signature": signed_text(text, KEY)}
    assert problem(client.post("/v1/sign-in", json=body, headers={"Host": other})) == (403, "OtherDomain")


def test_each_refusal_has_its_own_name(client: httpx.Client) -> None:
    text = message(client).json()["message"]
    right = signed_text(text, KEY)
    chain = text.replace("Chain ID: ", "Chain ID: 1")
    for message_text, signature, found in (
        (text, signed_text(text, OUTSIDER_KEY), (403, "OtherSigner")),
        (text, "0x12", (403, "OtherSigner")),
        (text, "hello", (403, "BadSignature")),
        (text + " ", right, (422, "BadSignInMessage")),
        (chain, signed_text(chain, KEY), (403, "OtherChain")),
        (text.replace("models", "money"), right, (403, "NotOurMessage")),
        (text, right, None),
        (text, right, (403, "MessageUsed")),
    ):
        answer = client.post("/v1/sign-in", json={"message": message_text, "signature": signature})
        assert (problem(answer) if found else answer.status_code) == (found or 200)


@pytest.mark.parametrize(
    "body", [{}, {"address": 7}, {"address": "0x12"}, {"address": OWNER, "more": 1}, [], "x" * 20_000]
)
def test_another_body_is_refused(client: httpx.Client, body: object) -> None:
    answer = client.post("/v1/sign-in/messages", json=body)
    assert answer.status_code in {413, 422}


def test_it_is_said_whether_signing_in_would_help(hiding: Hiding, client: httpx.Client) -> None:
    for path in (USAGE, ROWS):
        answer = client.get(path)
        assert problem(answer) == (401, "UsageHidden")
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.json()["sign_in"] == "/v1/sign-in/messages"
        assert answer.headers["vary"] == "Authorization, Cookie"
        assert answer.headers["cache-control"] == "private, no-store"
    signed_in(client, OUTSIDER_KEY, signer_from_key(OUTSIDER_KEY).address)
    for visibility in (UsageVisibility.OWNER, UsageVisibility.OPERATOR):
        hiding.say(dict.fromkeys(EPOCHS, visibility))
        for path in (USAGE, ROWS):
            answer = client.get(path)
            assert problem(answer) == (403, "UsageHidden")
            assert "sign_in" not in answer.json()
    client.cookies.clear()
    assert problem(client.get(USAGE)) == (403, "UsageHidden")
    assert problem(client.get("/v1/sessions/9/usage")) == (404, "NoSession")


def test_what_is_hidden_of_it_is_said(hiding: Hiding, client: httpx.Client) -> None:
    hiding.say({1: UsageVisibility.PUBLIC, 2: UsageVisibility.OWNER, 3: UsageVisibility.OPERATOR})
    found = client.get(USAGE)
    assert found.headers["vary"] == "Authorization, Cookie"
    assert found.json()["hidden"] == ["sign-in", "operator"]
    assert [row["model"] for row in found.json()["items"]] == [model(1, 1)]
    rows = client.get(ROWS)
    assert rows.headers["usage-hidden"] == "sign-in, operator"
    assert rows.headers["vary"] == "Authorization, Cookie, Accept"
    text = client.get("/sessions/1").text
    assert "sign in with the owner&#39;s address" in text
    assert "to the operator alone" in text


def test_rows_cost_what_was_charged(hiding: Hiding, client: httpx.Client) -> None:
    signed_in(client, KEY, OWNER)
    answer = client.get(ROWS)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "private, no-store"
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["epoch"] for row in rows] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    first = rows[1]
    assert first == {
        "epoch": 1, "session_id": "1", "task_id": "=1-1-1", "node": "0x" + "b0" * 20, "model": model(1, 1),
        "sla": "priority", "outcome": "committed", "submitted_at": "2027-01-15T00:01:00.000000Z",
        "prompt_tokens": 101, "completion_tokens": 10, "latency_ms": 0, "quality_ppm": 1_000_000,
        "prompt_price": "1000000", "completion_price": "2000000", "sla_ppm": 1_500_000,
        "cost_micro": str((101 + 2 * 10) * MICRO * 3 // 2),
    }  # fmt: skip
    with hiding.database.reading() as connection:
        charged = charges_of_session(connection, 1, limit=9)  # type: ignore[arg-type]
    assert sum(int(row["cost_micro"]) for row in rows) // MICRO == sum(each.asked for each in charged) > 0
    by_day = client.get(USAGE).json()["items"]
    assert sum(row["prompt_tokens"] for row in by_day) == sum(row["prompt_tokens"] for row in rows)
    assert {row["model"] for row in by_day} == {row["model"] for row in rows}
    assert client.get(ROWS, params={"from_epoch": 2, "to_epoch": 2}).text == "".join(
        line + "\n" for line in answer.text.splitlines()[3:6]
    )


@pytest.mark.parametrize(
    ("asked", "accept"),
    [("?format=csv", "application/x-ndjson"), ("", "text/csv, */*;q=0.1"), ("", "text/html, TEXT/CSV;q=0.5")],
)
def test_rows_are_given_as_csv(client: httpx.Client, asked: str, accept: str) -> None:
    signed_in(client, KEY, OWNER)
    answer = client.get(ROWS + asked, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="session-1-usage.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    plain = [json.loads(line) for line in client.get(ROWS).text.splitlines()]
    # What would be a formula in a spreadsheet is made a text.
    assert [{**row, "task_id": f"'{row['task_id']}"} for row in plain] == [
        {**line, **{key: int(value) for key, value in line.items() if type(plain[0][key]) is int}}
        for line in lines
    ]
    assert client.get("/sessions/1/usage-rows.csv").content == answer.content


def test_a_new_owner_sees_nothing_of_the_one_before(client: httpx.Client) -> None:
    signed_in(client, OWNER_KEYS[2], signer_from_key(OWNER_KEYS[2]).address)
    found = client.get("/v1/sessions/3/usage").json()
    assert [row["model"] for row in found["items"]] == [model(3, 3)]
    assert "was another owner&#39;s" in client.get("/sessions/3").text
    client.cookies.clear()
    signed_in(client, KEY, OWNER)
    assert problem(client.get("/v1/sessions/3/usage")) == (403, "UsageHidden")


def test_segments_are_as_the_policy_says(hiding: Hiding, client: httpx.Client) -> None:
    contents = hiding.serving.reader().epoch(1).contents
    assert contents is not None
    [name] = [file.name for file in contents.files if file.name.startswith("usage/")]
    path = f"/v1/epochs/1/files/{name}"
    signed_in(client, KEY, OWNER)
    assert problem(client.get(path)) == (403, "UsageHidden")
    assert problem(client.get(path, headers={"If-None-Match": "*"})) == (403, "UsageHidden")
    key = {"Authorization": f"Bearer {hiding.key}"}
    answer = client.get(path, headers=key)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert answer.headers["vary"] == "Authorization, Cookie"
    hiding.say({1: UsageVisibility.PUBLIC})
    public = client.get(path)
    assert public.content == answer.content
    assert "immutable" in public.headers["cache-control"]
    for other in ("manifest.json", "explain.jsonl"):
        assert client.get(f"/v1/epochs/1/files/{other}").status_code == 200


def test_only_so_many_exports_at_once(hiding: Hiding) -> None:
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.OWNER))
    with (
        serving(hiding.app(), "127.0.0.1:0") as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        signed_in(client, KEY, OWNER)
        taken = [hiding.site.exports.acquire(blocking=False) for _ in range(EXPORTS_AT_ONCE_MAX)]
        assert all(taken)
        busy = client.get("/sessions/1/usage-rows.csv")
        assert busy.status_code == 503
        assert "try again" in busy.text
        for _ in taken:
            hiding.site.exports.release()
        # Each export gives its place back, also one that nobody reads to its end.
        for _ in range(3 * EXPORTS_AT_ONCE_MAX):
            with client.stream("GET", "/sessions/1/usage-rows.csv") as answer:
                assert answer.status_code == 200
            assert client.get(ROWS).status_code == 200


def test_pages_and_api_take_turns(hiding: Hiding) -> None:
    """Given as many exports as may be, from the API, the pages beside it should ask to come again."""
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.OWNER))
    with (
        serving(beside(hiding.site, access=Access(requests_per_minute=0)), "127.0.0.1:0") as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        signed_in(client, KEY, OWNER)
        assert client.get(ROWS).status_code == 200
        taken = [hiding.site.exports.acquire(blocking=False) for _ in range(EXPORTS_AT_ONCE_MAX)]
        assert all(taken)
        answers = [client.get(path) for path in (ROWS, "/sessions/1/usage-rows.csv")]
        for _ in taken:
            hiding.site.exports.release()
        assert [answer.status_code for answer in answers] == [503, 503]


def test_the_header_says_who_is_signed_in(hiding: Hiding, client: httpx.Client) -> None:
    anonymous = client.get("/")
    assert '<button type="button" data-sign-in hidden>' in anonymous.text
    assert anonymous.headers["cache-control"] == "no-cache"
    assert anonymous.headers["vary"] == "Cookie"
    signed_in(client, KEY, OWNER)
    for path in ("/", "/sessions/1", "/nodes", "/epochs/1", "/missing", "/sessions/9"):
        page = client.get(path)
        assert checksum_address(OWNER) in page.text, path
        assert f'href="/sessions?owner={OWNER}"' in page.text
        assert "data-sign-in" not in page.text
        assert page.headers["cache-control"] == "private, no-store"
        assert page.headers["vary"] == "Cookie"
    assert model(1, 2) in client.get("/sessions/1").text
    left = client.post("/sign-out", headers={"Origin": str(client.base_url).rstrip("/")})
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/sign-out").status_code == 405
    nobody = joined(application(hiding.serving), _without_sign_ins(hiding))
    with serving(nobody, "127.0.0.1:0") as server:
        assert "data-sign-in" not in httpx.get(server.url, trust_env=False).text


def _without_sign_ins(hiding: Hiding) -> Any:  # noqa: ANN401 - an application
    return pages(replace(hiding.site, sign_ins=None))
