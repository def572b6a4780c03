"""Watching: given a settlement, whoever watches it should see how it is doing, and why it is not well.

Given a settlement that is halted, behind its chain, without a chain, without a database
  it should not be ready, and say why
Given a scrape
  it should tell counters of what came in, and the state as the database has it now
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from sessionpay.api import application, serving
from sessionpay.api.metrics import reason_label
from sessionpay.services.condition import LAG_BLOCKS_MAX, SILENT_SECONDS_MAX, Sight, Watch
from sessionpay.services.intake import DIFFERS
from sessionpay.services.proof import Audit
from sessionpay.store import evidence, settling
from sessionpay.store.outbox import Purpose, State
from sessionpay.store.settlement_tables import attempts, debts, outbox, settlement
from tests.api.conftest import EMPTY, FUNDED, caller, rows
from tests.api.test_usage import post

if TYPE_CHECKING:
    import httpx

    from sessionpay.store.evidence import Checkpoint
    from tests.api.conftest import Site

AUDIT = Audit(block=9, difference=2**70, first_difference=None, surplus=0, balance=0, totals={})


def readiness(client: httpx.Client) -> tuple[int, list[str]]:
    answer = client.get("/readyz", headers={"Authorization": ""})
    told: dict[str, Any] = answer.json()
    assert told["ready"] == (answer.status_code == 200)
    return answer.status_code, told["reasons"]


def scrape(client: httpx.Client) -> dict[str, float]:
    """Return every sample; its labels follow its name, in braces."""
    answer = client.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    return {
        sample.name + "".join(f"{{{value}}}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_a_settlement_that_is_well(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert readiness(client) == (200, [])


def test_why_nobody_should_rely_on_it(site: Site) -> None:
    sight: list[Sight | None] = [None]
    app = application(replace(site.serving, sight=lambda: sight[0]))
    with serving(app, "127.0.0.1:0") as server, caller(server.url, site.key) as client:
        silent = f"the chain did not answer for {SILENT_SECONDS_MAX} seconds"
        assert readiness(client) == (503, [silent])
        seen = sight[0] = site.sight()
        assert readiness(client) == (200, [])
        sight[0] = replace(seen, at=seen.at - SILENT_SECONDS_MAX - 1)
        assert readiness(client) == (503, [silent])
        sight[0] = replace(seen, head=seen.head + LAG_BLOCKS_MAX)
        assert readiness(client) == (200, [])
        sight[0] = replace(seen, head=seen.head + LAG_BLOCKS_MAX + 1)
        status, [reason] = readiness(client)
        assert (status, "101 blocks behind" in reason) == (503, True)
        sight[0] = seen
        with site.database.writing() as connection:
            settling.halt(connection, "session 7 balance: contract 1, events 2")
        status, [reason] = readiness(client)
        assert (status, "nothing is paid: session 7 balance" in reason) == (503, True)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_database_that_is_gone(client: httpx.Client, site: Site) -> None:
    with site.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE reporters RENAME TO gone")
        connection.exec_driver_sql("ALTER TABLE epochs RENAME TO lost")
    assert readiness(client) == (503, ["the database does not answer"])
    assert scrape(client)["sessionpay_database_up"] == 0
    answer = client.post("/v1/usage", json={"rows": rows(1)})
    assert (answer.status_code, answer.json()["error"]) == (503, "NoDatabase")
    assert "reporters" not in answer.text
    assert client.get("/healthz").status_code == 200


def test_what_a_scrape_tells(site: Site) -> None:
    app = application(replace(site.serving, sight=site.sight, audit=lambda: AUDIT))
    with serving(app, "127.0.0.1:0") as server, caller(server.url, site.key) as client:
        before = scrape(client)
        assert before["sessionpay_usage_rows_total{accepted}"] == 0
        assert before["sessionpay_oldest_unsettled_row_seconds"] == 0
        [first, *_] = sent = rows(3)
        post(client, *sent, first, {**first, "latency_ms": 1}, {"task_id": 1}, *rows(1, start=9, node="x"))
        with site.database.writing() as connection:
            fill(site, connection)
        told = scrape(client)
    assert {name: told[f"sessionpay_usage_rows_total{{{name}}}"] for name in ("accepted", "repeated")} == {
        "accepted": 3,
        "repeated": 1,
    }
    for reason in ("conflict", "row", "node"):
        assert told[f"sessionpay_usage_rejects_total{{{reason}}}"] == 1
    assert told["sessionpay_usage_batches_total"] == 1
    assert told["sessionpay_unsettled_base_units"] == 15
    assert told["sessionpay_arrears_base_units"] == 7
    assert 0 <= told["sessionpay_oldest_unsettled_row_seconds"] < 60
    assert (told["sessionpay_epochs{open}"], told["sessionpay_epoch_number"]) == (1, 1)
    assert told["sessionpay_outbox_transactions{charge}{sent}"] == 1
    assert told["sessionpay_outbox_transactions{charge}{final}"] == 1
    assert 40 <= told["sessionpay_outbox_oldest_seconds"] < 100
    assert told["sessionpay_gas_used"] == 21_000
    assert told["sessionpay_key_balance_wei"] == 10**18
    assert told["sessionpay_books_lag_blocks"] == 0
    head = checkpoint(site).head_number
    assert told["sessionpay_books_head_block"] == told["sessionpay_chain_head_block"] == head
    assert told["sessionpay_audit_difference"] == 2**70
    assert (told["sessionpay_halted"], told["sessionpay_database_up"]) == (0, 1)


def checkpoint(site: Site) -> Checkpoint:
    with site.database.reading() as connection:
        return evidence.checkpoint(connection, site.serving.contract)


def fill(site: Site, connection: Any) -> None:  # noqa: ANN401 - a connection
    """Enter what an engine would have entered."""
    owing = [
        {"session_id": FUNDED, "owed_micro": 12 * 10**6 + 1, "collected": 10},
        {"session_id": EMPTY, "owed_micro": 5 * 10**6, "collected": 0},
    ]
    connection.execute(insert(debts), owing)
    connection.execute(update(settlement).values(arrears=7))
    for position, (state, gas) in enumerate(((State.FINAL, 21_000), (State.SENT, None))):
        sent = {"id": position + 1, "epoch": 1, "purpose": Purpose.CHARGE, "position": position}
        connection.execute(insert(outbox).values({**sent, "rows": "[]", "state": state, "gas_used": gas}))
        attempt = {
            "outbox_id": position + 1, "number": 1, "sender": site.stage.owner.address, "nonce": position,
            "max_fee": 1, "priority_fee": 1, "gas": 1, "final_number": 0, "raw": "0x", "state": state,
            "transaction_hash": f"0x{position}", "created_at": int(time.time()) - 50,
        }  # fmt: skip
        connection.execute(insert(attempts).values(attempt))


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        (DIFFERS, "conflict"),
        ("model 'x' has no price: add models.'x' to the price sheet", "model"),
        ("session id 'x': write a whole number", "session_id"),
        ("row 1: not a JSON object", "row"),
        ("anything else", "other"),
    ],
)
def test_labels_are_few(reason: str, label: str) -> None:
    assert reason_label(reason) == label


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_watch_keeps_the_last_answer(site: Site) -> None:
    watch = Watch(site.stage.contract, site.stage.owner.address, lambda: 5)
    assert watch.sight() is None
    watch.begin()
    for _ in range(500):
        if watch.sight() is not None:
            break
        time.sleep(0.01)
    watch.end()
    found = watch.sight()
    assert found is not None
    assert (found.at, found.head) == (5, checkpoint(site).head_number)
    assert found.balance is not None
    assert found.balance > 0
