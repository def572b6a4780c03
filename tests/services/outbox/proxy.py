"""A node's doorkeeper: an HTTP server that passes JSON-RPC on, unless it is told to misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

Answer = dict[str, Any]
# Gets the parameters and a function that asks the real node; None cuts the connection.
Fault = Callable[[list[Any], Callable[[], Answer]], "Answer | None"]


class Proxy(ThreadingHTTPServer):
    """Stands in front of the node at `node_url`; `faults` are by method, or under `*` for all."""

    daemon_threads = True

    def __init__(self, node_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.node = urlsplit(node_url).netloc
        self.faults: dict[str, Fault] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ask_node(self, request: dict[str, Any]) -> Answer:
        connection = HTTPConnection(self.node, timeout=20)
        try:
            connection.request("POST", "/", json.dumps(request), {"Content-Type": "application/json"})
            answer: Answer = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    def answer(self, request: dict[str, Any]) -> Answer | None:
        fault = self.faults.get(request["method"]) or self.faults.get("*")
        if fault is None:
            return self.ask_node(request)
        return fault(request["params"], lambda: self.ask_node(request))

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class
        """Say nothing: a client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one piece: two would each wait for the other side's word that the first arrived.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Proxy

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        requests = asked if isinstance(asked, list) else [asked]
        answers = []
        for request in requests:
            answer = self.server.answer(request)
            if answer is None:
                self.close_connection = True
                return
            answers.append({**answer, "id": request["id"]})
        body = json.dumps(answers if isinstance(asked, list) else answers[0]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""


@contextmanager
def running_proxy(node_url: str) -> Iterator[Proxy]:
    """Run a proxy on a free loopback port."""
    proxy = Proxy(node_url)
    thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def refused(message: str) -> Answer:
    """Return the answer of a node that refuses."""
    return {"jsonrpc": "2.0", "error": {"code": -32_000, "message": message}}


def result(value: object) -> Answer:
    """Return the answer of a node that serves."""
    return {"jsonrpc": "2.0", "result": value}
