"""The audit report: given an audit, everything that it found should be told; given none, why there is none.

Given a process that shows books
  it should audit at the start, again when an epoch was settled, and again where it could not
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from sessionpay.api import application, serving
from sessionpay.services import auditing
from sessionpay.services.auditing import Auditor
from sessionpay.services.findings import Compared, Finding, Tally, compared
from sessionpay.services.proof import Audit, CannotAudit, Totals, audit_books
from sessionpay.store.settlement_tables import epochs
from tests.api.conftest import caller
from tests.api.test_usage import problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Site

FOUND = Audit(
    block=9,
    difference=2**70,
    first_difference=Finding("session 7 balance", ("contract", "events"), (2**70, None)),
    surplus=-5,
    balance=1_000,
    totals={"contract": Totals(700, 200, 105, 1_005), "events": Totals(700, 200, 105, 1_005)},
    compared=(Compared(("logs", "events"), 250, 0), Compared(("contract", "events"), 12, 2**70)),
    at=1_900_000_000,
)
SECONDS_MAX = 10


@pytest.fixture
def kind() -> str:
    """Run on one kind of database: audits of the other one have their own tests."""
    return "sqlite"


def answered(site: Site, **served: Any) -> httpx.Response:  # noqa: ANN401 - fields of what is served
    with (
        serving(application(replace(site.serving, **served)), "127.0.0.1:0") as server,
        caller(server.url, site.key) as client,
    ):
        return client.get("/v1/audit")


def test_a_report_is_told_whole(site: Site) -> None:
    told = answered(site, audit=lambda: FOUND).json()
    assert told.pop("asset")["symbol"] == "ETH"
    side = {"sessions": "700", "nodes": "200", "treasury": "105", "liabilities": "1005"}
    assert told == {
        "block": 9, "at": 1_900_000_000, "difference": str(2**70), "surplus": "-5", "balance": "1000",
        "first_difference": {
            "name": "session 7 balance", "sides": ["contract", "events"], "values": [str(2**70), None],
            "difference": "1", "text": str(FOUND.first_difference),
        },
        "totals": [{"side": "contract", **side}, {"side": "events", **side}],
        "compared": [
            {"sides": ["logs", "events"], "count": 250, "difference": "0"},
            {"sides": ["contract", "events"], "count": 12, "difference": str(2**70)},
        ],
    }  # fmt: skip
    assert json.dumps(told)


def test_why_there_is_none_is_told(site: Site) -> None:
    assert "did not audit yet" in problem(answered(site), 404, "NoAudit")
    refused = answered(site, unaudited=lambda: "could not check: the node is away")
    assert "the node is away; `sessionpay audit`" in problem(refused, 503, "CannotAudit")
    assert refused.headers["retry-after"]
    # An older one is better than none.
    assert answered(site, audit=lambda: FOUND, unaudited=lambda: "away").status_code == 200


def test_what_was_held_is_counted() -> None:
    first, second, third = Tally(("a", "b")), Tally(("a", "c")), Tally(("a", "b"))
    for tally, values in ((first, (1, 1)), (first, (1, 3)), (third, ("x", None))):
        tally.hold("thing", *values)
    assert compared((first, second, third)) == (Compared(("a", "b"), 3, 3), Compared(("a", "c"), 0, 0))


def wait_for(auditor: Auditor, block: int | None, reason: str | None) -> None:
    for _ in range(100 * SECONDS_MAX):
        if (auditor.last and auditor.last.block) == block and auditor.reason == reason:
            return
        time.sleep(0.01)
    pytest.fail(f"{auditor.last} {auditor.reason}")


def test_it_audits_again_when_there_is_something_new(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "LOOK_SECONDS", 0.01)
    made: list[Audit | Exception] = [CannotAudit("the node is away"), FOUND, replace(FOUND, block=10)]
    made.append(OperationalError("SELECT 1", {}, Exception("host secret-host")))

    def audit() -> Audit:
        # The last one stays as it is, for whoever looks again meanwhile.
        found = made.pop(0) if len(made) > 1 else made[0]
        if isinstance(found, Exception):
            raise found
        return found

    auditor = Auditor(site.database, audit, lambda: 77)
    auditor.audit_now()
    assert (auditor.last, auditor.reason) == (None, "could not check: the node is away")
    auditor.begin()
    try:
        wait_for(auditor, 9, None)
        time.sleep(0.1)
        assert len(made) == 2
        for block, reason in ((10, None), (10, "could not check: the database does not answer")):
            with site.database.writing() as connection:
                state = {"settled_at": 1, "number": 20 - len(made), "closed_at": 1}
                connection.execute(update(epochs).values(state))
            wait_for(auditor, block, reason)
    finally:
        auditor.end()
    assert auditor.last is not None
    assert auditor.last.at == 77


def test_an_audit_of_books_counts_what_it_held(site: Site) -> None:
    with site.database.reading() as connection:
        found = audit_books(site.stage.contract, connection, site.serving.contract)
    counts = {each.sides: each.count for each in found.compared}
    assert found.difference == sum(each.difference for each in found.compared) == 0
    assert counts["logs", "events"] >= 5
    assert counts["contract", "events"] >= 12
    assert counts["events", "books"] > 0
