"""The epoch of the package against the naive one, which shares no code with it.

given any history, paid late or in part, with accounts that come and go, credit notes and changing rules
  it should ask the same, allocate the same, rate the same, cancel the same, and leave the same books to the
  base unit
"""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.credits import Credit, CreditStatement
from sessionpay.core.epochs import EpochResult, Opening
from sessionpay.core.money import AMOUNT_LIMIT
from sessionpay.core.policy import Policy
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


def plain_note(note: Credit) -> dict[str, Any]:
    return {name: getattr(note, name) for name in ("session_id", "amount", "reason", "reference")}


def plain_credit(told: CreditStatement) -> dict[str, Any]:
    by_claim = {(one.claim.epoch, one.claim.node): one.cancelled for one in told.claims}
    return {**plain_note(told.credit), "cancelled": told.cancelled, "void": told.void, "by_claim": by_claim}


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
        "credits": [plain_credit(told) for told in result.credits],
        "fees": {one.session_id: one.fee for one in result.sessions if one.fee},
        "served": {(one.session_id, one.node): one.amount for one in result.services if one.amount},
        "paid_work": {
            (one.session_id, work.epoch, one.node): work.paid for one in result.services for work in one.paid
        },
        "unpaid_work": {claim.key: claim.open for one in result.services for claim in one.open},
    }


@given(histories(), st.randoms(use_true_random=False))
def test_both_agree_on_every_epoch(history: History, random: Random) -> None:
    books: dict[str, Any] = plain_books(Opening())
    for number, epoch in enumerate(play(history)):
        given_now = epoch.given
        prices, policy = plain_prices(given_now.sheet), plain_policy(given_now.policy)
        rows = [plain_row(record) for record in given_now.rows]
        notes = [plain_note(note) for note in given_now.credits]
        random.shuffle(notes)
        assert naive_epoch.asks(books, rows, prices, notes) == epoch.asked
        collected = {int(session_id): int(amount) for session_id, amount in epoch.collected.items()}
        naive = naive_epoch.settle(number, books, rows, prices, policy, collected, given_now.active, notes)
        assert plain_result(epoch.result) == naive
        books = naive["closing"]


@given(histories(rows_max=30), st.randoms(use_true_random=False))
def test_both_agree_on_crowded_epochs(history: History, random: Random) -> None:
    """More rows than by default, so that nodes meet again and again in the same sessions."""
    test_both_agree_on_every_epoch.hypothesis.inner_test(history, random)  # type: ignore[attr-defined]


def test_limit_of_an_ask_is_the_same() -> None:
    assert naive_epoch.MAX_ASK == AMOUNT_LIMIT - 1
