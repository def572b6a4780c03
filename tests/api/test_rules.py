"""Rules: given an epoch, what applies in it should be told as it was written, and what work costs.

Given tasks
  they should cost what the core says a row of usage costs, and together what a session would be charged
Given a model or a service level that has no price, or an epoch that is none
  it should be refused as a problem
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.money import MICRO
from sessionpay.core.pricing import Work, parse_price_sheet, row_price, work_price
from sessionpay.core.usage import COUNT_LIMIT
from sessionpay.services.home import Rules
from sessionpay.services.sealing import Sealer
from tests.api.test_usage import post, problem
from tests.core.rows import row
from tests.services.conftest import POLICY, PRICES

if TYPE_CHECKING:
    import httpx

    from sessionpay.services.home import Home
    from tests.api.conftest import Site

DEARER = PRICES.replace("1_000_000", "7_000_001")
SHEET = parse_price_sheet(PRICES)
COUNTS = st.integers(0, COUNT_LIMIT - 1)
MODELS, LEVELS = st.sampled_from(sorted(SHEET.models)), st.sampled_from(sorted(SHEET.sla))
TASK: dict[str, Any] = {"model": "large", "prompt_tokens": 3, "completion_tokens": 2}


def read(client: httpx.Client, path: str, **parameters: Any) -> Any:  # noqa: ANN401 - JSON
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


@given(
    model=st.sampled_from(sorted(SHEET.models)),
    sla=st.sampled_from(sorted(SHEET.sla)),
    prompt=COUNTS,
    end=COUNTS,
)
def test_work_costs_what_its_row_costs(model: str, sla: str, prompt: int, end: int) -> None:
    work = Work(model=model, prompt_tokens=prompt, completion_tokens=end, sla=sla)
    record = row(model=model, sla=sla, prompt_tokens=prompt, completion_tokens=end)
    found = work_price(SHEET, work)
    assert found.micro == row_price(SHEET, record)
    assert (found.price, found.multiplier) == (SHEET.models[model], SHEET.sla[sla])


def test_a_quote_is_what_is_charged(client: httpx.Client) -> None:
    quoted = read(client, "/v1/prices/quote", **TASK)
    assert (quoted["micro_units"], quoted["amount"]) == (str(5 * MICRO), "5")
    [task] = quoted["tasks"]
    assert task["price"] == {"model": "large", "prompt": "1000000", "completion": "1000000"}
    assert (task["multiplier_ppm"], quoted["epoch"]) == (1_000_000, 1)
    assert quoted["prices"] == sha256(PRICES.encode()).hexdigest()
    post(client, {**TASK, "task_id": "t", "session_id": "7", "node": "0x" + "11" * 20, "outcome": "committed",
                  "submitted_at": "2026-01-02T12:00:00Z", "latency_ms": 1})  # fmt: skip
    assert client.get("/v1/sessions/7/budget").json()["unsettled"] == quoted["amount"]


def test_the_rules_of_each_epoch_are_those_it_opened_with(
    client: httpx.Client, site: Site, home: Home
) -> None:
    Sealer(site.database, home).close(1, Rules(DEARER, POLICY), at=2_000_000_000)
    for asked, epoch, text in (({}, 2, DEARER), ({"epoch": 2}, 2, DEARER), ({"epoch": 1}, 1, PRICES)):
        sheet = read(client, "/v1/prices", **asked)
        assert (sheet["epoch"], sheet["text"]) == (epoch, text)
        assert sheet["sha256"] == sha256(text.encode()).hexdigest()
        expected = parse_price_sheet(text)
        assert {each["model"]: int(each["prompt"]) for each in sheet["models"]} == {
            name: price.prompt for name, price in expected.models.items()
        }
        assert {each["sla"]: each["multiplier_ppm"] for each in sheet["sla"]} == dict(expected.sla)
        work = Work(model="large", prompt_tokens=3, completion_tokens=2)
        quoted = read(client, "/v1/prices/quote", **TASK, **asked)
        assert quoted["micro_units"] == str(work_price(expected, work).micro)
        policy = read(client, "/v1/policy", **asked)
        assert (policy["text"], policy["usage_visibility"]) == (POLICY, "operator")
    quoted = read(client, "/v1/prices/quote", **TASK)
    assert int(quoted["amount"]) == int(quoted["micro_units"]) // MICRO
    assert int(quoted["micro_units"]) % MICRO
    whole = client.get("/v1/prices", params={"epoch": 1})
    assert "immutable" in whole.headers["cache-control"]
    again = client.get("/v1/prices", params={"epoch": 1}, headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    problem(client.get("/v1/prices", params={"epoch": 3}), 404, "NoSuchEpoch")


def test_several_tasks_are_priced_together(client: httpx.Client) -> None:
    tasks = [TASK, {**TASK, "prompt_tokens": 0, "sla": "standard"}, TASK]
    answer = client.post("/v1/prices/quote", json={"tasks": tasks})
    told = answer.json()
    assert [each["micro_units"] for each in told["tasks"]] == ["5000000", "2000000", "5000000"]
    assert (told["micro_units"], told["amount"]) == ("12000000", "12")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_has_no_price_is_refused(client: httpx.Client) -> None:
    for name in ("nobody", "<script>", "\u0661", "'; DROP TABLE epochs; --", "\0", "x" * 100):
        told = problem(client.get("/v1/prices/quote", params={**TASK, "model": name}), 422, "MissingPrice")
        assert "has no price" in told
        problem(client.post("/v1/prices/quote", json={"tasks": [{**TASK, "sla": name}]}), 422, "MissingPrice")
    for wrong in ({"prompt_tokens": -1}, {"prompt_tokens": COUNT_LIMIT}, {"completion_tokens": "x"},
                  {"model": ""}, {"model": "x" * 5_000}, {"epoch": 2**63}):  # fmt: skip
        problem(client.get("/v1/prices/quote", params={**TASK, **wrong}), 422, "BadRequest")
    bodies: list[Any] = [
        {}, [], {"tasks": []}, {"tasks": [TASK] * 1_001}, {"tasks": [{**TASK, "prompt_tokens": 1.5}]},
        {"tasks": [{**TASK, "prompt_tokens": True}]}, {"tasks": [{**TASK, "other": 1}]}, {"tasks": 5},
        {"tasks": [TASK], "epoch": "1"}, {"tasks": [TASK], "epoch": -1},
        {"tasks": [{**TASK, "model": "\ud800"}]},
    ]  # fmt: skip
    for body in bodies:
        problem(client.post("/v1/prices/quote", content=json.dumps(body)), 422, "BadBody")
    problem(client.post("/v1/prices/quote", json={"tasks": [TASK], "epoch": 9}), 404, "NoSuchEpoch")
