"""The epoch of the package against the naive one, which shares no code with it.

given any history, paid late or in part, with accounts that come and go
  it should ask the same, allocate the same, rate the same, and leave the same books to the base unit
"""

from typing import Any

from hypothesis import given

from sessionpay.core.epochs import EpochResult, Opening
from sessionpay.core.money import AMOUNT_LIMIT
from sessionpay.core.performance import Policy
from sessionpay.core.pricing import PriceSheet
from sessionpay.core.usage import UsageRecord
from tests import naive_epoch
from tests.strategies import History, histories, play

RATES = ("success", "on_time", "quality", "performance")


def plain_row(record: UsageRecord) -> dict[str, Any]:
    names = ("task_id", "session_id", "node", "model", "sla", "prompt_tokens", "completion_tokens")
    more = ("latency_ms", "quality_ppm")
    return {name: getattr(record, name) for name in (*names, *more)} | {"outcome": record.outcome.value}


def plain_prices(sheet: PriceSheet) -> dict[str, Any]:
    models = {
        name: {"prompt": one.prompt, "completion": one.completion} for name, one in sheet.models.items()
    }
    return {"models": models, "sla": dict(sheet.sla)}


def plain_policy(policy: Policy) -> dict[str, Any]:
    names = ("fee_ppm", "fee_account", "withheld_account", "min_assigned", "threshold_ppm")
    deadlines = {"default": policy.deadline_default_ms, **policy.deadlines_ms}
    return {name: getattr(policy, name) for name in names} | {"deadlines_ms": deadlines}


def plain_books(books: Opening) -> dict[str, Any]:
    names = ("session_id", "epoch", "node", "performance", "open")
    return {
        "owed": dict(books.owed),
        "collected": dict(books.collected),
        "claims": [{name: getattr(claim, name) for name in names} for claim in books.claims],
        "held": dict(books.held),
        "retained": books.retained,
    }


def plain_result(result: EpochResult) -> dict[str, Any]:
    # A debt that no single charge can carry is not an arrear to the naive epoch until it is asked for.
    arrears = {one.session_id: one.sent - one.collected for one in result.sessions}
    return {
        "allocations": {one.account: one.amount for one in result.allocations},
        "closing": plain_books(result.closing),
        "arrears": {session_id: amount for session_id, amount in arrears.items() if amount},
        "performance": {
            key: {name: getattr(rating, name) for name in RATES} for key, rating in result.performance.items()
        },
    }


@given(histories())
def test_both_agree_on_every_epoch(history: History) -> None:
    prices, policy = plain_prices(history.sheet), plain_policy(history.policy)
    books: dict[str, Any] = plain_books(Opening())
    for number, epoch in enumerate(play(history)):
        rows = [plain_row(record) for record in epoch.rows]
        assert naive_epoch.asks(books, rows, prices) == epoch.asked
        collected = {int(session_id): int(amount) for session_id, amount in epoch.collected.items()}
        naive = naive_epoch.settle(number, books, rows, prices, policy, collected, epoch.active)
        assert plain_result(epoch.result) == naive
        books = naive["closing"]


@given(histories(rows_max=30))
def test_both_agree_on_crowded_epochs(history: History) -> None:
    """More rows than by default, so that nodes meet again and again in the same sessions."""
    test_both_agree_on_every_epoch.hypothesis.inner_test(history)  # type: ignore[attr-defined]


def test_limit_of_an_ask_is_the_same() -> None:
    assert naive_epoch.MAX_ASK == AMOUNT_LIMIT - 1
