"""A node between the program and a real one: it passes requests on, and lies, or falls silent, as told."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Takes a request and the real node's answer, and returns what is answered.
    Lie = Callable[[str, Any], Any]

_ANSWER_SECONDS_MAX = 60


class Proxy(ThreadingHTTPServer):
    """Serves `node` under another address; after `answers_max` answers it gives none any more."""

    daemon_threads = True

    def __init__(self, node: str, *, lie: Lie | None, answers_max: int | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.node = urlsplit(node).netloc
        self.lie = lie
        self.answers_left = answers_max
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, request: Any) -> Any:  # noqa: ANN401 - JSON
        """Pass one request, or a list of them, on."""
        if isinstance(request, list):
            return [self.answer(each) for each in request]
        connection = HTTPConnection(self.node, timeout=_ANSWER_SECONDS_MAX)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/", body=json.dumps(request), headers=headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if self.lie is not None and "result" in answer:
            answer["result"] = self.lie(request["method"], answer["result"])
        return answer


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_POST(self) -> None:
        """Answer, unless it is silent: then the connection ends without a word."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.answers_left is not None:
            self.server.answers_left -= 1
            if self.server.answers_left < 0:
                self.close_connection = True
                return
        answer = json.dumps(self.server.answer(json.loads(body))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_proxy(node: str, *, lie: Lie | None = None, answers_max: int | None = None) -> Iterator[Proxy]:
    """Run a proxy before the node at this address."""
    proxy = Proxy(node, lie=lie, answers_max=answers_max)
    thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
