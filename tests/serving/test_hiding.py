"""Given any policies and anybody who looks, no answer should name a model of a session that is hidden.

The rules name every model and no session, so their own text does not count, and answers about them are the
same for everybody. Who may see, sees all of it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from sessionpay.api import application, serving
from sessionpay.chain.keys import signer_from_key
from sessionpay.core.policy import UsageVisibility
from sessionpay.web.application import TABLES
from sessionpay.web.making import PAGES
from tests.core.rows import NODE_A, NODE_B
from tests.serving.hiding import (
    EPOCHS,
    HANDED_OVER,
    MODELS,
    OUTSIDER_KEY,
    OWNER_KEYS,
    POLICY,
    PRICES,
    SESSIONS,
    Hiding,
    model,
    signed_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VIEWERS = ("nobody", "outsider", "first", "second", "reporter")
KEYS = {"outsider": OUTSIDER_KEY, "first": OWNER_KEYS[1], "second": OWNER_KEYS[2]}
# Its answers end when the caller goes.
STREAM = "/v1/events/stream"
ABOUT_RULES = frozenset({"/v1/prices", "/v1/prices/quote", "/v1/policy"})
RULES = [
    text
    for said in (PRICES, *(POLICY.format(each) for each in UsageVisibility))
    for text in (said, str(escape(said)))
]


@pytest.fixture(scope="module")
def clients(hiding: Hiding) -> Iterator[dict[str, httpx.Client]]:
    """Lend a client of everybody who looks, signed in by cookie."""
    with serving(hiding.app(), "127.0.0.1:0") as server:
        found = {who: httpx.Client(base_url=server.url, timeout=30, trust_env=False) for who in VIEWERS}
        for who, key in KEYS.items():
            signed_in(found[who], key, signer_from_key(key).address)
        found["reporter"].headers["authorization"] = f"Bearer {hiding.key}"
        yield found
        for client in found.values():
            client.close()


def may_see(who: str, said: dict[int, UsageVisibility], session: int, epoch: int) -> bool:
    """Return what the rule is, written a second time."""
    if said[epoch] == "public":
        return True
    if who == "reporter":
        return True
    if said[epoch] == "operator":
        return False
    owners = {1: "first", 2: "second", 3: "second"}
    # What was used before the third day was the former owner's.
    return owners[session] == who and (session != HANDED_OVER or epoch == 3)


def places(hiding: Hiding, sessions: Sequence[int] = SESSIONS, epochs: Sequence[int] = EPOCHS) -> list[str]:
    """Return the address of everything that can be read, with each of these things."""
    api = hiding.serving
    left_out = {STREAM, *ABOUT_RULES}
    shapes = [
        path for path, methods in described(hiding).items() if "get" in methods and path not in left_out
    ]
    shapes += [*PAGES, *TABLES, "/epochs/{number}/files/{name}", "/sessions/{session_id}/usage-rows.{form}"]
    shapes += ["/search?q={session_id}", "/sessions?owner={owner}", "/v1/search?q={node}", "/metrics"]
    shapes += ["/v1/sessions/{session_id}/usage/rows?format={form}"]
    names = set()
    for number in EPOCHS:
        contents = api.reader().epoch(number).contents
        assert contents is not None
        names |= {file.name for file in contents.files}
    assert len({name for name in names if name.startswith("usage/")}) == len(EPOCHS)
    transaction = api.reader().events().rows[0].transaction_hash
    values: dict[str, list[str]] = {
        "session_id": [str(each) for each in sessions],
        "number": [str(each) for each in epochs],
        "name": sorted(names),
        "node": [NODE_A, NODE_B],
        "address": [NODE_A],
        "owner": [signer_from_key(OWNER_KEYS[2]).address],
        "form": ["csv", "jsonl"],
        "hash": [transaction],
        "transaction_hash": [transaction],
        "reservation_id": ["0b0f6b0e-7c7f-4a0e-9f63-0e8a4b7b6f11"],
    }
    found = [shape.replace("{name:path}", "{name}") for shape in shapes]
    for name, options in values.items():
        field = f"{{{name}}}"
        found = [
            path.replace(field, option) for path in found for option in (options if field in path else [""])
        ]
    assert not [path for path in found if "{" in path]
    return found


def described(hiding: Hiding) -> dict[str, dict[str, Any]]:
    """Return what the description says of each address."""
    found: dict[str, dict[str, Any]] = application(hiding.serving).openapi()["paths"]
    return found


def named(answer: httpx.Response) -> set[tuple[int, int]]:
    """Return whose models an answer names, by session and epoch, wherever they stand in it."""
    if answer.content[:4] == b"PAR1":
        models = pq.read_table(io.BytesIO(answer.content))["model"].to_pylist()
        return {MODELS[name] for name in models}
    text = answer.text
    for rule in RULES:
        text = text.replace(rule, "")
    return {whose for name, whose in MODELS.items() if name in text}


@given(
    st.fixed_dictionaries({number: st.sampled_from(UsageVisibility) for number in EPOCHS}),
    st.sampled_from(VIEWERS),
    st.sampled_from(SESSIONS),
    st.sampled_from(EPOCHS),
)
# A hundred requests each, so that smaller failing ones are not looked for.
@settings(max_examples=max(5, settings().max_examples // 10), phases=[Phase.generate])
def test_no_answer_names_a_model_that_is_hidden(  # noqa: PLR0917 - as they are drawn
    hiding: Hiding,
    clients: dict[str, httpx.Client],
    said: dict[int, UsageVisibility],
    who: str,
    session: int,
    number: int,
) -> None:
    hiding.say(said)
    shown = {(s, e) for s in SESSIONS for e in EPOCHS if may_see(who, said, s, e)}
    for path in places(hiding, [session], [number]):
        answer = clients[who].get(path)
        found = named(answer)
        assert found <= shown, (who, said, path)
        assert answer.status_code < 500, (path, answer.text)
        if found and found - {(s, e) for s, e in shown if said[e] == "public"}:
            assert "no-store" in answer.headers["cache-control"], path
            assert "private" in answer.headers["cache-control"], path
    own = {(session, epoch) for epoch in EPOCHS if (session, epoch) in shown}
    for path in (
        f"/v1/sessions/{session}/usage",
        f"/v1/sessions/{session}/usage/rows",
        *((f"/sessions/{session}",) if who != "reporter" else ()),
    ):
        assert named(clients[who].get(path)) == own, (who, said, path)


def test_everything_that_can_be_read_is_looked_at(hiding: Hiding) -> None:
    found = places(hiding)
    assert "/v1/sessions/1/usage" in found
    assert f"/v1/epochs/1/accounts/{NODE_A}" in found
    assert any(path.startswith("/v1/epochs/2/files/usage/") for path in found)
    assert len(found) > 150


def test_what_is_shown_names_models(hiding: Hiding, clients: dict[str, httpx.Client]) -> None:
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.PUBLIC))
    seen = {path: named(clients["nobody"].get(path)) for path in places(hiding, [1], [1])}
    telling = {path for path, found in seen.items() if found}
    # Where a name can stand, so that the property above is about something.
    assert {"/sessions/1", "/sessions/1/usage.csv", "/v1/sessions/1/usage"} <= telling
    assert seen["/sessions/1/usage-rows.csv"] == {(1, epoch) for epoch in EPOCHS}
    assert any(path.startswith("/v1/epochs/1/files/usage/") for path in telling)
    assert model(1, 1) in PRICES


def test_rules_are_the_same_for_everybody(clients: dict[str, httpx.Client]) -> None:
    work: dict[str, str | int] = {"model": model(1, 1), "prompt_tokens": 1, "completion_tokens": 1}
    for path in ABOUT_RULES:
        asked = work if "quote" in path else {}
        answers = [client.get(path, params=asked) for client in clients.values()]
        assert {answer.status_code for answer in answers} == {200}, path
        assert len({answer.text for answer in answers}) == 1, path


def test_the_stream_names_none(hiding: Hiding, clients: dict[str, httpx.Client]) -> None:
    count = len(hiding.serving.reader().movements(limit=500).rows)
    with clients["nobody"].stream("GET", STREAM, headers={"Last-Event-ID": "0.0.0"}) as answer:
        text = ""
        for line in answer.iter_lines():
            text += line
            if text.count("event: movement") == count:
                break
    assert "zebra" not in text
