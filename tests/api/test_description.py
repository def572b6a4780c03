"""Given the OpenAPI description alone, nothing that is sent should be answered otherwise than described.

No answer is a fault of the server; each has a status, a type and a form that the description names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import ROW
from tests.api.described import KEYED, READ, TAKEN, send_everything
from tests.api.test_usage import post

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Site


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("examples", [2, pytest.param(12, marks=pytest.mark.servers)])
def test_whatever_is_sent_is_answered_as_described(client: httpx.Client, site: Site, examples: int) -> None:
    headers = {"Authorization": client.headers["authorization"]}
    seen = send_everything(site.app.openapi(), str(client.base_url), headers=headers, examples=examples)
    assert seen == READ | KEYED | TAKEN


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
    quote = described["components"]["schemas"]["QuoteAsked"]["example"]
    assert client.post("/v1/prices/quote", json=quote).json()["micro_units"] == "1500000000"
