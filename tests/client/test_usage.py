"""Given usage that owners alone see, a client that signs in should get all of it, and no other client any.

Given a message that is for another site or another address, nothing should be signed
Given an answer that breaks off, or is no row, it should be told
Given a client that signs out, its token should be worth nothing
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import httpx
import pytest

from sessionpay.api import serving
from sessionpay.chain.keys import signer_from_key
from sessionpay.client import ApiProblem, BadAnswer, NoAnswer
from sessionpay.client import calls as asked_for
from sessionpay.core.policy import UsageVisibility
from sessionpay.core.usage import Outcome
from tests.chain.signing import signed_text
from tests.client.clients import KINDS, client_of
from tests.serving.conftest import hiding
from tests.serving.hiding import EPOCHS, OUTSIDER_KEY, OWNER_KEYS, START, model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionpay.client import Client
    from tests.serving.hiding import Hiding

__all__ = ["hiding"]

KEY = OWNER_KEYS[1]
OWNER = signer_from_key(KEY).address
sign = partial(signed_text, key=KEY)


@pytest.fixture(scope="module")
def url(hiding: Hiding) -> Iterator[str]:
    with serving(hiding.app(), "127.0.0.1:0") as server:
        yield server.url


@pytest.fixture(params=KINDS)
def asked(request: pytest.FixtureRequest) -> str:
    """Which client asks: each test is of both."""
    kind: str = request.param
    return kind


@pytest.fixture
def nobody(hiding: Hiding, url: str, asked: str) -> Iterator[Client]:
    """Lend a client of nobody, where usage is shown to owners but for the second epoch."""
    owner, operator = UsageVisibility.OWNER, UsageVisibility.OPERATOR
    hiding.say({1: owner, 2: operator, 3: owner})
    with client_of(asked, url) as lent:
        yield lent


def test_an_owner_sees_what_nobody_else_does(nobody: Client) -> None:
    outsider = signer_from_key(OUTSIDER_KEY).address
    with nobody.signed_in(outsider, partial(signed_text, key=OUTSIDER_KEY)) as other:
        for client, status in ((nobody, 401), (other, 403)):
            for read in (client.session_usage, client.usage_rows):
                with pytest.raises(ApiProblem) as refused:
                    next(read(1))
                assert (refused.value.status, refused.value.error) == (status, "UsageHidden")
    with nobody.signed_in(OWNER, sign) as mine:
        page = mine.session_usage_page(1)
        assert (page.hidden, page.since, page.next) == (("operator",), 0, None)
        assert tuple(mine.session_usage(1)) == page.items
        assert {each.model for each in page.items} == {model(1, 1), model(1, 3)}
        assert page.items[-1].day == START
        rows = list(mine.usage_rows(1))
        assert {(row.epoch, row.model, int(row.session_id)) for row in rows} == {
            (number, model(1, number), 1) for number in (1, 3)
        }
        assert rows[0].submitted_at == datetime.fromtimestamp(START, UTC)
        assert {row.outcome for row in rows} == {Outcome.COMMITTED}
        assert [row.prompt_tokens for row in rows if row.epoch == 1] == [100, 101, 102]
        # The first row is of the standard level, which multiplies by one.
        assert rows[0].cost_micro == rows[0].prompt_price * 100 + rows[0].completion_price * 10
        assert list(mine.usage_rows(1, from_epoch=3)) == [row for row in rows if row.epoch == 3]
        assert list(mine.usage_rows(1, to_epoch=1)) == [row for row in rows if row.epoch == 1]
        lines = b"".join(mine.usage_file(1, "jsonl")).splitlines()
        assert [json.loads(line)["task_id"] for line in lines] == [row.task_id for row in rows]
        table = b"".join(mine.usage_file(1, "csv", from_epoch=3)).decode()
        assert table.count("\r\n") == 1 + len([row for row in rows if row.epoch == 3])


def test_the_steps_of_a_sign_in(nobody: Client, url: str, asked: str) -> None:
    offer = nobody.sign_in_message(OWNER)
    found = nobody.sign_in(offer.message, sign(offer.message))
    assert found.address == OWNER
    assert found.expires_at > offer.expires_at
    with pytest.raises(ApiProblem) as again:
        nobody.sign_in(offer.message, sign(offer.message))
    assert again.value.status == httpx.codes.FORBIDDEN
    # The cookie that came with it is not kept.
    with pytest.raises(ApiProblem, match="sign"):
        nobody.session_usage_page(1)
    with client_of(asked, url, key=found.token) as mine:
        assert mine.session_usage_page(1).items
        mine.sign_out()
        with pytest.raises(ApiProblem) as ended:
            mine.session_usage_page(1)
        assert ended.value.error == "UnknownToken"
        mine.sign_out()


def test_a_page_goes_on_where_the_one_before_ends(
    nobody: Client, monkeypatch: pytest.MonkeyPatch, hiding: Hiding
) -> None:
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.PUBLIC))
    whole = tuple(nobody.session_usage(1))
    assert len(whole) == len(EPOCHS)
    monkeypatch.setattr(asked_for, "PAGE_ROWS", 2)
    first = nobody.session_usage_page(1)
    rest = nobody.session_usage_page(1, cursor=first.next)
    assert (first.items + rest.items, rest.next) == (whole, None)
    assert tuple(nobody.session_usage(1)) == whole


class Relay(BaseHTTPRequestHandler):
    """Gives every caller the same answer; a body that is announced longer than it is breaks off."""

    body: ClassVar[bytes] = b""
    announced: ClassVar[int] = 0
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(type(self).announced or len(type(self).body)))
        self.end_headers()
        self.wfile.write(type(self).body)

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def relay() -> Iterator[str]:
    """Lend the address of a server that passes on what others said."""
    Relay.asked, Relay.announced = [], 0
    with HTTPServer(("127.0.0.1", 0), Relay) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_no_other_message_is_signed(nobody: Client, relay: str, asked: str) -> None:
    signed: list[str] = []

    def note(message: str) -> str:
        signed.append(message)
        return sign(message)

    passed_on = nobody.sign_in_message(OWNER).message
    own = passed_on.replace(passed_on.partition(" wants")[0], relay, 1)
    other = own.replace(own.splitlines()[1], signer_from_key(OUTSIDER_KEY).address)
    for message in (passed_on, other, "Pay everything to me", ""):
        Relay.body = json.dumps({"message": message, "expires_at": 1}).encode()
        with client_of(asked, relay) as misled, pytest.raises(BadAnswer, match="sign"):
            misled.signed_in(OWNER, note)
    assert (signed, set(Relay.asked)) == ([], {"/v1/sign-in/messages"})


def test_rows_that_break_off_are_told(relay: str, asked: str) -> None:
    with client_of(asked, relay) as client:
        Relay.body, Relay.announced = b'{"epoch":', 100
        for read in (client.usage_rows(1), client.usage_file(1, "csv")):
            with pytest.raises(NoAnswer, match="usage/rows"):
                list(read)
        assert len(Relay.asked) == 2
        Relay.body, Relay.announced = b'{"epoch": 1}\n', 0
        with pytest.raises(BadAnswer, match="usage row"):
            list(client.usage_rows(1))
        Relay.body, Relay.announced = b"{}", 100
        with pytest.raises(NoAnswer):
            client.sign_in("a message", "0x")
        # Whether it counted is not known, so it is not sent again.
        assert Relay.asked.count("/v1/sign-in") == 1
