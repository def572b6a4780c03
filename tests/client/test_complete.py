"""Given the description of the API, the client should have a method for each of its operations.

Every method is called on a real server, which notes what it was asked for.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.api import Serving, application, serving
from sessionpay.client import ApiProblem, Client, Work
from tests.api.test_books import told
from tests.client.clients import KINDS, client_of
from tests.indexer.history import NODES, OWNERS
from tests.serving.conftest import NOW
from tests.store.conftest import database, postgresql, url

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tests.serving.conftest import Told

__all__ = ["database", "postgresql", "told", "url"]

# `readiness` says more than the first; the second is for Prometheus, which has its own form; and the third
# is for a browser's address bar, where the same is asked by POST.
LEFT_OUT = {("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/v1/prices/quote")}
KNOWN: dict[str, Any] = {
    "session_id": 7, "node": NODES[0], "account": NODES[0], "address": OWNERS[0], "number": 1, "epoch": 1,
    "text": "7", "transaction_hash": "0x" + "5c" * 32, "name": "manifest.json", "amount": 1, "seconds": 1,
    "reservation_id": "0b0f6b0e-7c7f-4a0e-9f63-0e8a4b7b6f11", "rows": [], "message": "m", "signature": "0x5c",
    "form": "csv", "tasks": Work(model="large", prompt_tokens=1, completion_tokens=1), "after": "0.0.0",
    "sign": lambda message: "0x" + "5c" * 65 if message else "",
}  # fmt: skip
CLOSING = {"close"}


@pytest.fixture
def kind() -> str:
    """Run on one kind of database; which it is, no client sees."""
    return "sqlite"


def noted(app: ASGIApp, asked: set[tuple[str, str]]) -> ASGIApp:
    """Return the application, which notes each request."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.add((scope["method"], scope["path"]))
        await app(scope, receive, send)

    return noting


def call(client: Client, name: str) -> None:
    """Call a method with what it needs, and take the first of what it yields."""
    parameters = inspect.signature(getattr(Client, name)).parameters
    values = {each: KNOWN[each] for each in parameters if each in KNOWN and each != "tasks"}
    if name == "stream":
        values = {"after": KNOWN["after"]}
    try:
        if "tasks" in parameters:
            client.quote(KNOWN["tasks"])
        else:
            found = getattr(client, name)(**values)
            if isinstance(found, Iterator):
                next(found, None)
                found.close()  # type: ignore[attr-defined]
    except ApiProblem:
        # What matters is that it was asked for.
        return


@pytest.mark.parametrize("asking", KINDS)
def test_every_operation_has_a_method(told: Told, asking: str) -> None:
    app = application(Serving(told.database, told.reader.contract, lambda: NOW))
    asked: set[tuple[str, str]] = set()
    app.add_middleware(noted, asked=asked)
    with serving(app, "127.0.0.1:0") as server, client_of(asking, server.url) as client:
        for name in vars(Client):
            if not name.startswith("_") and name not in CLOSING:
                call(client, name)
    operations = {
        (method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods
    }
    met = {
        (method, path)
        for method, path in operations
        if any(method == sent and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", path), to) for sent, to in asked)
    }
    assert operations - met == LEFT_OUT
