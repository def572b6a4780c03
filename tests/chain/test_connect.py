"""connect: the way to a node.

Given the address of an RPC server
  when nobody listens, or something else than a node
    it should raise Unreachable at once, without the secrets that an address may hold
  when the node serves another chain
    it should raise WrongChain with both ids
  when it is one of several, and cannot be reached
    it should not be asked again for a while
  when the text is no address
    it should raise BadRpcAddress
"""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from sessionpay import connect
from sessionpay.chain import connect as connecting
from sessionpay.chain import rpc
from sessionpay.chain.errors import BadRpcAddress, Unreachable, WrongChain
from tests.cli.proxy import running_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "token-of-the-operator"  # noqa: S105 - made up


@contextmanager
def serving(answer: bytes, *, status: int = 200, delay: threading.Event | None = None) -> Iterator[str]:
    """Run an HTTP server on loopback that always answers the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if delay is not None:
                delay.wait(5)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if delay is not None:
            delay.set()
        server.shutdown()
        thread.join()
        server.server_close()


def chain(number: int) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": hex(number)}).encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(connecting, "RETRY_SECONDS_FIRST", 0.001)


@pytest.mark.parametrize("chain_id", [None, 31_337])
def test_a_node_is_reached(chain_id: int | None) -> None:
    with serving(chain(31_337)) as url:
        web3 = connect(url, chain_id=chain_id)
        assert rpc.chain_id(web3) == 31_337
        assert rpc.server(web3) == url


def test_another_chain_is_refused() -> None:
    with serving(chain(1)) as url, pytest.raises(WrongChain, match="serves chain 1, not 31337"):
        connect(url, chain_id=31_337)


def test_a_refused_connection_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"rpc {url}: no connection; check"):
        connect(url)


def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(Unreachable, match="no connection"):
        connect("http://nobody.invalid:8545")


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"\xff\xfe", b"", b"[]", b"7"])
def test_a_server_that_is_no_node_is_told(answer: bytes) -> None:
    with serving(answer) as url, pytest.raises(Unreachable, match="the answer is no JSON-RPC"):
        connect(url)


def test_a_status_is_told() -> None:
    with serving(b"no", status=401) as url, pytest.raises(Unreachable, match="HTTP status 401"):
        connect(url)


def test_a_node_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "ANSWER_SECONDS_MAX", 0.05)
    monkeypatch.setattr(connecting, "TRIES_MAX", 1)
    with (
        serving(chain(1), delay=threading.Event()) as url,
        pytest.raises(Unreachable, match="no answer in time"),
    ):
        connect(url)


def test_secrets_in_an_address_do_not_show() -> None:
    url = f"http://operator:{SECRET}@127.0.0.1:{free_port()}/{SECRET}?key={SECRET}"
    with pytest.raises(Unreachable) as caught:
        connect(url)
    error = caught.value
    assert SECRET not in str(error) + repr(error) + repr(vars(error))
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8545",
        "localhost:8545",
        "ftp://node",
        "http://",
        "http://[::1",
        "http://node:port",
        "http://node:0",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadRpcAddress, match="write it as http://host:port"):
        connect(text)


def test_one_of_several_rests_while_it_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_proxy("http://127.0.0.1:1", answers_max=0) as silent:
        web3 = connect(silent.url, is_one_of_several=True)
        assert silent.answers_left == 0
        for _ in range(3):
            with pytest.raises(Unreachable, match="no connection"):
                rpc.chain_id(web3)
            # Asked with every try the first time, and then not again while it rests.
            assert silent.answers_left == -connecting.TRIES_MAX
        monkeypatch.setattr(connecting, "monotonic", lambda: time.monotonic() + connecting.REST_SECONDS)
        with pytest.raises(Unreachable):
            rpc.chain_id(web3)
        assert silent.answers_left == -2 * connecting.TRIES_MAX
