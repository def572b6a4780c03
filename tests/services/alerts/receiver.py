"""A receiver on loopback: a real HTTP server in a thread, that answers as a test tells it to."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING, Any

from standardwebhooks import Webhook

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

SECONDS_MAX = 60


@dataclass(frozen=True)
class Call:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """Return what it says, once signature and age are proven by the specification's own package."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found

    def told(self, secret: str | None) -> dict[str, Any]:
        """Return what it says, once its signature is proven; its age is that of the test's own clock."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        expected = Webhook(secret or "").sign(self.id, at, self.body.decode())
        assert self.headers["webhook-signature"] == expected
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """What came in, and what is answered: a status, headers and a body, or what `act` does instead."""

    port: int = 0
    scheme: str = "http"
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    act: Callable[[BaseHTTPRequestHandler], None] | None = None
    calls: list[Call] = field(default_factory=list)
    ended: Event = field(default_factory=Event)
    changed: Condition = field(default_factory=Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?token=of-theirs"

    def wait(self, count: int) -> list[Call]:
        """Return the calls once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= count, SECONDS_MAX), self.calls
        return self.calls

    def states(self) -> list[str]:
        """Return what was told, in the order in which it came."""
        return [json.loads(call.body)["data"]["state"] for call in self.calls]

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        call = Call(handler.path, headers, handler.rfile.read(length))
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        if self.act is not None:
            self.act(handler)
            return
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.answer)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.answer)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer nothing for as long as the test lasts."""
        del handler
        self.ended.wait(SECONDS_MAX)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a byte at a time, so that no single wait is long."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.ended.wait(0.05):
            handler.wfile.write(b"x")

    def flood(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer well, with a body that never ends."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        until = time.monotonic() + SECONDS_MAX
        while not self.ended.is_set() and time.monotonic() < until:
            handler.wfile.write(b"y" * 65_536)


@contextmanager
def running_receiver(*, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on a free port of loopback, with TLS where a context is given."""
    receiver = Receiver(scheme="https" if context else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # Whoever called may have gone.
            with suppress(OSError):
                receiver.take(self)

        def log_message(self, *_values: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
