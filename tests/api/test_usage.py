"""`POST /v1/usage`: given a batch, each row should be answered in its order and be on the disk by then.

Given no key, a wrong one, one that was revoked
  it should answer 401, and read nothing
Given a policy that requires signatures
  it should take only batches that the reporter's signer signed
Given a body of another form, or one that is too long
  it should answer 422 or 413 as a problem, and take nothing
"""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.api.reading import BODY_BYTES_MAX
from sessionpay.api.usage import ROWS_MAX
from sessionpay.chain.usage_signature import Batch, sign
from sessionpay.metering.records import parse_row
from sessionpay.services import reporters
from sessionpay.services.intake import DIFFERS, Answer, Verdict
from sessionpay.store import epochs
from sessionpay.store import intake as stored
from sessionpay.store import reporters as kept_reporters
from tests.api.conftest import ROW, caller, rows
from tests.services.conftest import POLICY, PRICES
from tests.services.test_intake import assert_counted_once, kept, keys

if TYPE_CHECKING:
    import httpx

    from sessionpay.core.usage import UsageRecord
    from tests.api.conftest import Site

CLIENTS = 50


def post(client: httpx.Client, *batch: object, **values: object) -> dict[str, Any]:
    answer = client.post("/v1/usage", json={"rows": batch, **values})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def problem(answer: httpx.Response, status: int, error: str) -> str:
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (told["status"], told["error"], told["type"]) == (status, error, "about:blank")
    return str(told["detail"])


def test_rows_are_answered_one_by_one(client: httpx.Client, site: Site) -> None:
    first, second = rows(2)
    told = post(client, first, {**first, "latency_ms": 1}, "nonsense", first, second)
    assert told == {
        "accepted": 2,
        "repeated": 1,
        "rejected": 2,
        "rows": ["accepted", "rejected", "rejected", "repeated", "accepted"],
        "rejects": [{"row": 1, "reason": DIFFERS}, {"row": 2, "reason": "row 'nonsense': not a JSON object"}],
    }
    assert [record.task_id for record in kept(site.database)] == ["t0", "t1"]
    with site.database.reading() as connection:
        assert {each.source for each in stored.rejected(connection, newest=9)} == {"reporter router-1"}
    assert post(client, first, second)["rows"] == ["repeated", "repeated"]
    assert post(client)["rows"] == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_who_may_report(client: httpx.Client, site: Site) -> None:
    body = {"rows": rows(1)}
    for header in ("", "Bearer", f"Basic {site.key}", "Bearer spk_wrong", f"Bearer {site.key}x"):
        answer = client.post("/v1/usage", json=body, headers={"Authorization": header})
        assert "sessionpay usage reporter add" in problem(answer, 401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.post("/v1/usage", json=body, headers={"Authorization": f"bearer  {site.key}"}).is_success
    for method, path in (("GET", "/v1/sessions/7/budget"), ("POST", "/v1/reservations")):
        problem(client.request(method, path, headers={"Authorization": ""}), 401, "Unauthorized")
    with site.database.writing() as connection:
        kept_reporters.revoke(connection, "router-1", at=2)
    problem(client.post("/v1/usage", json=body), 401, "Unauthorized")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_signed_batches(client: httpx.Client, site: Site) -> None:
    signer, other = site.stage.chain.accounts
    key = reporters.enrol(site.database, "signing", signer=signer.address, at=1)
    with site.database.writing() as connection:
        policy = POLICY.replace("fee_ppm = 0", "fee_ppm = 0\nrequire_signatures = true")
        epochs.close(connection, 1, prices=PRICES, policy=policy, at=1)
    batch = [*rows(2), {"odd": [1, "é"]}]

    def signature(by: Any, reporter: str = "signing") -> str:  # noqa: ANN401 - a signer
        contract = site.serving.contract
        lines = reporters.batch_lines(batch)
        return sign(Batch(reporter, lines, chain_id=contract.chain_id, contract=contract.address), by)

    problem(client.post("/v1/usage", json={"rows": batch}), 403, "Unsigned")
    problem(client.post("/v1/usage", json={"rows": batch, "signature": signature(signer)}), 403, "Unsigned")
    with caller(str(client.base_url), key) as signing:
        for wrong in (None, signature(other), signature(signer, "router-1")):
            answer = signing.post("/v1/usage", json={"rows": batch, "signature": wrong})
            problem(answer, 403, "Unsigned")
        problem(signing.post("/v1/usage", json={"rows": batch, "signature": "0x12"}), 403, "BadSignature")
        changed = [*batch[:1], {**batch[1], "latency_ms": 1}, batch[2]]
        answer = signing.post("/v1/usage", json={"rows": changed, "signature": signature(signer)})
        assert "changed since" in problem(answer, 403, "Unsigned")
        assert keys(site.database) == 0
        assert post(signing, *batch, signature=signature(signer))["accepted"] == 2


BAD_BODIES = {
    b"": "it is not JSON",
    b"{": "a bracket is missing",
    b"{]}": "a bracket is missing",
    b"{,}": "it is not JSON",
    b"\xff": "it is not",
    b"[]": "it is not a JSON object",
    b"{}": "it lacks rows",
    b'{"rows": [], "more": 1}': "unknown key 'more'",
    b'{"rows": {}}': "rows is not a list",
    b'{"rows": [], "signature": 1}': "signature is not a text",
    b'{"rows": [NaN]}': "NaN is no number",
    b'{"rows": [' + b"9" * 5_000 + b"]}": "a number in it is too long",
    b'{"rows": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}": "nested deeper",
    b'{"rows": [{"task_id": "a", "task_id": "b"}]}': "'task_id' stands twice",
}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_bodies_of_another_form(client: httpx.Client, site: Site) -> None:
    for body, rule in BAD_BODIES.items():
        answer = client.post("/v1/usage", content=body)
        assert rule in problem(answer, 422, "BadBody"), body[:40]
    for depth, status in ((13, 200), (14, 422), (100_000, 422)):
        row = b"[" * depth + b"]" * depth
        answer = client.post("/v1/usage", content=b'{"rows": [{"model": %s}]}' % row)
        assert answer.status_code == status, depth
    odd = [{**ROW, "task_id": "\ud800"}, {"\ud800": "\x00"}, 1e999, None, True, [[]], 10**400]
    text = json.dumps({"rows": odd}).replace("Infinity", "1e999")
    answer = client.post("/v1/usage", content=text.encode())
    assert answer.json()["rejected"] == len(odd)
    assert keys(site.database) == 0


@pytest.mark.parametrize("kind", ["sqlite"])
def test_bodies_that_are_too_long(client: httpx.Client, site: Site) -> None:
    many = [0] * (ROWS_MAX + 1)
    problem(client.post("/v1/usage", json={"rows": many}), 413, "TooManyRows")
    assert post(client, *many[1:])["rejected"] == ROWS_MAX
    long = b" " * (BODY_BYTES_MAX + 1)
    parts = (long[start : start + 2**20] for start in range(0, len(long), 2**20))
    answer = client.post("/v1/usage", content=parts)
    problem(answer, 413, "BodyTooLong")
    # A length that is only announced is refused before it comes.
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
            b"Content-Length: 999999999\r\n\r\n" % site.key.encode()
        )
        assert b"413" in raw.recv(100)


def test_many_clients_with_the_same_and_with_different_rows(client: httpx.Client, site: Site) -> None:
    """Half of each client's rows are everybody's, some under a shared key differ, the rest are its own."""
    shared, [disputed] = rows(20), rows(1, start=10_000)
    random, barrier = Random(1), Barrier(CLIENTS)
    batches = []
    for number in range(CLIENTS):
        own = rows(20, start=100 * (number + 1), session_id=str(number % 7))
        batch = [*shared, *own, {**disputed, "prompt_tokens": number}]
        random.shuffle(batch)
        batches.append(batch)

    def sent(batch: list[dict[str, Any]]) -> list[str]:
        with caller(str(client.base_url), site.key) as own:
            barrier.wait()
            told: list[str] = post(own, *batch)["rows"]
            return told

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(sent, batches))
    assert_counted_once(site.database, [recorded(*each) for each in zip(batches, answers, strict=True)])
    verdicts = [verdict for each in answers for verdict in each]
    assert verdicts.count("accepted") == 20 + 20 * CLIENTS + 1
    assert verdicts.count("rejected") == CLIENTS - 1


def recorded(batch: list[dict[str, Any]], told: list[str]) -> tuple[list[UsageRecord], list[Answer]]:
    """Return rows and answers as the package has them."""
    return [parse_row(row) for row in batch], [Answer(Verdict(verdict)) for verdict in told]
