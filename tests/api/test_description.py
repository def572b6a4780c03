"""Given the OpenAPI description alone, nothing that is sent should be answered otherwise than described.

No answer is a fault of the server; each has a status, a type and a form that the description names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.conftest import ROW
from tests.api.test_usage import post

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Its answers end when the caller goes; test_stream.py asks it.
ENDLESS = "/v1/events/stream"
OPERATIONS = {
    ("POST", "/v1/usage"), ("GET", "/v1/sessions/{session_id}/budget"), ("POST", "/v1/reservations"),
    ("POST", "/v1/reservations/{reservation_id}/settle"),
    ("POST", "/v1/reservations/{reservation_id}/release"),
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
    *(("GET", f"/v1{path}") for path in (
        "/sessions", "/sessions/{session_id}", "/sessions/{session_id}/movements",
        "/sessions/{session_id}/charges", "/nodes", "/nodes/{node}", "/nodes/{node}/movements",
        "/nodes/{node}/current",
        "/network", "/network/days", "/network/movements", "/audit", "/events", "/events/stream", "/search",
        "/transactions/{transaction_hash}", "/epochs", "/epochs/{number}",
        "/epochs/{number}/files/{name}", "/epochs/{number}/accounts/{node}",
    )),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite"])
def test_whatever_is_sent_is_answered_as_described(client: httpx.Client, site: Site) -> None:
    schema = schemathesis.openapi.from_dict(site.app.openapi())
    headers = dict(client.headers)
    seen = set()
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]
        seen.add((operation.method.upper(), operation.path))
        if operation.path != ENDLESS:
            _send_all(operation, str(client.base_url), headers)
    assert seen == OPERATIONS


def _send_all(operation: Any, url: str, headers: dict[str, str]) -> None:  # noqa: ANN401 - its own type
    modes = [schemathesis.GenerationMode.POSITIVE]
    # Where nothing can be sent, nothing wrong can be sent either.
    if list(operation.iter_parameters()) or operation.body:
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    for mode in modes:

        @settings(max_examples=1 + settings().max_examples // 3)
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:  # noqa: ANN401 - its own type
            case.call_and_validate(
                base_url=url, headers={"Authorization": headers["authorization"]}, checks=CHECKS
            )

        send()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_examples_of_the_description_work(client: httpx.Client, site: Site) -> None:
    described = site.app.openapi()
    reservation = described["paths"]["/v1/reservations"]["post"]["requestBody"]["content"]["application/json"]
    [asked] = [each["value"] for each in reservation["examples"].values()]
    answer = client.post("/v1/reservations", json={**asked, "amount": "5"})
    assert answer.status_code == 201
    body = described["paths"]["/v1/usage"]["post"]["requestBody"]["content"]["application/json"]
    example = body["examples"]["one row"]["value"]
    assert post(client, *example["rows"])["accepted"] == 1
    assert post(client, ROW)["accepted"] == 1
