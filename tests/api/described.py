"""Whatever a description allows and does not allow is sent, and each answer held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Its answers end when the caller goes; test_stream.py asks it.
ENDLESS = "/v1/events/stream"
READ = {
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("POST", "/v1/prices/quote"),
    ("POST", "/v1/sign-in/messages"), ("POST", "/v1/sign-in"), ("DELETE", "/v1/sign-in"),
    *(("GET", f"/v1{path}") for path in (
        "/sessions", "/sessions/{session_id}", "/sessions/{session_id}/movements",
        "/sessions/{session_id}/charges", "/nodes", "/nodes/{node}", "/nodes/{node}/movements",
        "/nodes/{node}/current",
        "/network", "/network/days", "/network/movements", "/audit", "/events", "/events/stream", "/search",
        "/transactions/{transaction_hash}", "/epochs", "/epochs/{number}", "/prices", "/policy",
        "/prices/quote", "/epochs/{number}/files/{name}", "/epochs/{number}/accounts/{node}",
        "/sessions/{session_id}/usage", "/sessions/{session_id}/usage/rows",
        "/sessions/{session_id}/statement", "/nodes/{node}/statement", "/network/statement",
    )),
}  # fmt: skip
KEYED = {
    ("GET", "/v1/sessions/{session_id}/budget"), ("POST", "/v1/reservations"),
    ("POST", "/v1/reservations/{reservation_id}/settle"),
    ("POST", "/v1/reservations/{reservation_id}/release"),
}  # fmt: skip
TAKEN = {("POST", "/v1/usage")}


def send_everything(
    description: Mapping[str, Any], url: str, *, headers: Mapping[str, str], examples: int
) -> set[tuple[str, str]]:
    """Send `examples` requests of each kind to every endpoint, and return the endpoints."""
    seen = set()
    for result in schemathesis.openapi.from_dict(dict(description)).get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]
        seen.add((operation.method.upper(), operation.path))
        if operation.path != ENDLESS:
            _send_all(operation, url, headers, examples)
    return seen


def _send_all(operation: Any, url: str, headers: Mapping[str, str], examples: int) -> None:  # noqa: ANN401 - its own type
    modes = [schemathesis.GenerationMode.POSITIVE]
    # Where nothing can be sent, nothing wrong can be sent either.
    if list(operation.iter_parameters()) or operation.body:
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    for mode in modes:

        @settings(max_examples=examples)
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:  # noqa: ANN401 - its own type
            case.call_and_validate(base_url=url, headers=dict(headers), checks=CHECKS)

        send()
