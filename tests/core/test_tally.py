"""What the usage of one epoch adds up to.

tally
  given rows: it should add them up per session and node, each price rounded down once
  given rows that were not committed: it should count them and nothing else of them
  given a deadline: it should count committed rows up to it, and none after it
  given rows in any order: it should give the same
  given a row twice, or one without a price: it should refuse
Tally
  given sums that no rows add up to: it should refuse them
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadTally, MissingPrice, RepeatedUsage
from sessionpay.core.ids import SessionId
from sessionpay.core.money import PPM, BaseUnits, MicroUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet, row_price
from sessionpay.core.tally import Tally, tally
from sessionpay.core.usage import Outcome, UsageRecord
from tests.core.rows import NO_FEE, NODE_A, NODE_B, SESSION, TOKEN_SHEET, row
from tests.strategies import policies, price_sheets, row_lists

OTHER = SessionId(8)
STRICT = replace(NO_FEE, deadlines_ms={"large": {"priority": 20_000}})
VALID: dict[str, Any] = {
    "work": MicroUnits(9),
    "assigned": 3,
    "committed": 2,
    "in_time": 2,
    "tokens": 5,
    "score_by_tokens": 5 * PPM,
    "score": 2 * PPM,
}


def test_adds_up_per_session_and_node() -> None:
    rows = [
        row(prompt_tokens=2, completion_tokens=1, quality_ppm=Ppm(500_000)),
        row(prompt_tokens=4, latency_ms=30_001),
        row(outcome=Outcome.FAILED, prompt_tokens=100),
        row(outcome=Outcome.TIMEOUT, latency_ms=0, node=NODE_B),
        row(session_id=OTHER, prompt_tokens=0, quality_ppm=Ppm(7)),
    ]
    assert tally(rows, TOKEN_SHEET, NO_FEE) == {
        (SESSION, NODE_A): Tally(
            work=MicroUnits(7 * PPM),
            assigned=3,
            committed=2,
            in_time=1,
            tokens=7,
            score_by_tokens=3 * 500_000 + 4 * PPM,
            score=1_500_000,
        ),
        (SESSION, NODE_B): Tally(
            work=MicroUnits(0), assigned=1, committed=0, in_time=0, tokens=0, score_by_tokens=0, score=0
        ),
        (OTHER, NODE_A): Tally(
            work=MicroUnits(0), assigned=1, committed=1, in_time=1, tokens=0, score_by_tokens=0, score=7
        ),
    }


def test_every_row_is_rounded_down_once() -> None:
    sheet = PriceSheet({"large": ModelPrice(BaseUnits(1), BaseUnits(0))}, {"standard": Ppm(999_999)})
    rows = [row(prompt_tokens=3), row(prompt_tokens=2)]
    (one,) = tally(rows, sheet, NO_FEE).values()
    assert one.work == 2 + 1


@pytest.mark.parametrize(
    ("model", "sla", "latency_ms", "in_time"),
    [
        ("large", "priority", 20_000, 1),
        ("large", "priority", 20_001, 0),
        ("large", "standard", 30_000, 1),
        ("large", "standard", 30_001, 0),
        ("small", "priority", 30_000, 1),
        ("small", "priority", 30_001, 0),
    ],
)
def test_deadline_is_that_of_model_and_sla(model: str, sla: str, latency_ms: int, in_time: int) -> None:
    (one,) = tally([row(model=model, sla=sla, latency_ms=latency_ms)], TOKEN_SHEET, STRICT).values()
    assert one.in_time == in_time


@given(row_lists(), price_sheets(), policies(), st.randoms(use_true_random=False))
def test_order_of_rows_changes_no_byte(
    rows: tuple[UsageRecord, ...], sheet: PriceSheet, policy: Policy, random: Random
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    told = tally(rows, sheet, policy)
    assert repr(tally(shuffled, sheet, policy)) == repr(told)
    assert list(told) == sorted({(one.session_id, one.node) for one in rows})
    assert sum(one.work for one in told.values()) == sum(row_price(sheet, one) for one in rows)
    assert sum(one.assigned for one in told.values()) == len(rows)


def test_refuses_a_row_that_comes_twice() -> None:
    one = row()
    for again in (one, replace(one, session_id=OTHER), replace(one, outcome=Outcome.FAILED)):
        with pytest.raises(RepeatedUsage, match="has two rows for this task") as caught:
            tally([one, again], TOKEN_SHEET, NO_FEE)
        assert (caught.value.value, caught.value.node) == (one.task_id, NODE_A)
    assert len(tally([one, replace(one, node=NODE_B)], TOKEN_SHEET, NO_FEE)) == 2


def test_refuses_rows_without_a_price() -> None:
    with pytest.raises(MissingPrice, match="huge"):
        tally([row(model="huge")], TOKEN_SHEET, NO_FEE)
    with pytest.raises(MissingPrice, match="gold"):
        tally([row(sla="gold", outcome=Outcome.FAILED)], TOKEN_SHEET, NO_FEE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("work", -1),
        ("work", 9.0),
        ("tokens", True),
        ("assigned", 0),
        ("assigned", 1),
        ("committed", 0),
        ("committed", 1),
        ("in_time", 3),
        ("tokens", 4),
        ("score_by_tokens", 5 * PPM + 1),
        ("score", 2 * PPM + 1),
    ],
)
def test_refuses_sums_that_no_rows_add_up_to(name: str, value: object) -> None:
    assert Tally(**VALID).work == 9
    with pytest.raises(BadTally, match="add the usage up again"):
        Tally(**{**VALID, name: value})


@pytest.mark.parametrize("name", ["work", "tokens"])
def test_refuses_work_without_a_committed_row(name: str) -> None:
    nothing: dict[str, Any] = {**dict.fromkeys(VALID, 0), "assigned": 3}
    assert Tally(**nothing).assigned == 3
    with pytest.raises(BadTally, match="no committed row"):
        Tally(**{**nothing, name: 1})
