"""How well a node served a session.

performance
  given a tally: it should floor success, on_time, quality and their product, each on its own
  given no committed row: it should be 0 and say so
  given at least min_assigned rows and a success under the threshold: it should be 0 and say so
  given one row fewer, or a success at the threshold: it should count
"""

from collections.abc import Iterable

import pytest
from hypothesis import given

from sessionpay.core.money import PPM, Ppm
from sessionpay.core.performance import Performance, performance
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import PriceSheet
from sessionpay.core.tally import tally
from sessionpay.core.usage import Outcome, UsageRecord
from tests.core.rows import NO_FEE, TOKEN_SHEET, row
from tests.strategies import policies, price_sheets, row_lists


def rated(rows: Iterable[UsageRecord], policy: Policy) -> Performance:
    """Return how well rows of one node for one session were done."""
    (only,) = tally(rows, TOKEN_SHEET, policy).values()
    return performance(only, policy)


def test_rates_are_floored_each_and_multiplied() -> None:
    rows = [
        row(quality_ppm=Ppm(900_000), prompt_tokens=2),
        row(quality_ppm=Ppm(500_000), prompt_tokens=1, latency_ms=30_000),
        row(quality_ppm=Ppm(1_000_000), prompt_tokens=4, latency_ms=30_001),
        row(outcome=Outcome.FAILED, quality_ppm=Ppm(0), prompt_tokens=1_000),
        row(outcome=Outcome.TIMEOUT),
    ]
    rating = rated(rows, NO_FEE)
    assert (rating.assigned, rating.committed) == (5, 3)
    assert (rating.success, rating.on_time, rating.quality) == (600_000, 666_666, 900_000)
    assert rating.performance == 600_000 * 666_666 * 900_000 // 10**12 == 359_999
    assert rating.reason is None


@pytest.mark.parametrize(
    ("committed", "assigned", "success"), [(1, 3, 333_333), (2, 3, 666_666), (1, 1, PPM)]
)
def test_success_is_committed_of_assigned(committed: int, assigned: int, success: int) -> None:
    outcomes = [Outcome.COMMITTED] * committed + [Outcome.FAILED] * (assigned - committed)
    assert rated([row(outcome=outcome) for outcome in outcomes], NO_FEE).success == success


def test_quality_is_weighted_by_prompt_and_completion_tokens() -> None:
    rows = [
        row(prompt_tokens=1, completion_tokens=1, quality_ppm=Ppm(0)),
        row(prompt_tokens=0, completion_tokens=1, quality_ppm=Ppm(PPM)),
    ]
    assert rated(rows, NO_FEE).quality == 333_333


def test_quality_of_rows_without_tokens_is_the_plain_mean() -> None:
    rows = [row(prompt_tokens=0, quality_ppm=Ppm(value)) for value in (1, 2, 5)]
    assert rated(rows, NO_FEE).quality == 2


def test_one_row_with_tokens_outweighs_all_without() -> None:
    rows = [row(prompt_tokens=0, quality_ppm=Ppm(0)), row(prompt_tokens=1, quality_ppm=Ppm(PPM))]
    assert rated(rows, NO_FEE).quality == PPM


@pytest.mark.parametrize("assigned", [1, 25])
def test_nothing_committed_counts_for_nothing(assigned: int) -> None:
    rating = rated([row(outcome=Outcome.FAILED) for _ in range(assigned)], NO_FEE)
    assert (rating.success, rating.on_time, rating.quality, rating.performance) == (0, 0, 0, 0)
    assert (rating.assigned, rating.committed, rating.reason) == (assigned, 0, "no work was committed")


@pytest.mark.parametrize(
    ("committed", "assigned", "counts"),
    [
        (12, 20, True),
        (11, 20, False),
        (11, 19, True),
        (1, 19, True),
        (1, 20, False),
        (59, 100, False),
        (60, 100, True),
    ],
)
def test_threshold_applies_from_the_least_number_of_rows(
    committed: int, assigned: int, *, counts: bool
) -> None:
    outcomes = [Outcome.COMMITTED] * committed + [Outcome.TIMEOUT] * (assigned - committed)
    rating = rated([row(outcome=outcome) for outcome in outcomes], NO_FEE)
    success = committed * PPM // assigned
    assert rating.performance == (success if counts else 0)
    reason = f"success of {success} ppm over {assigned} rows is below 600000 ppm"
    assert rating.reason == (None if counts else reason)


def test_work_that_is_late_or_worthless_says_why_it_counts_for_nothing() -> None:
    late = rated([row(latency_ms=30_001)], NO_FEE)
    worthless = rated([row(quality_ppm=Ppm(0))], NO_FEE)
    assert late.performance == worthless.performance == 0
    assert late.reason == worthless.reason == "nothing was on time and good"


@given(row_lists(), price_sheets(), policies())
def test_every_rate_is_a_share_and_a_zero_has_a_reason(
    rows: tuple[UsageRecord, ...], sheet: PriceSheet, policy: Policy
) -> None:
    for one in tally(rows, sheet, policy).values():
        rating = performance(one, policy)
        for rate in (rating.success, rating.on_time, rating.quality, rating.performance):
            assert 0 <= rate <= PPM
        assert rating.performance <= min(rating.success, rating.on_time, rating.quality)
        assert rating.is_eligible == (rating.performance > 0) == (rating.reason is None)


def test_product_is_floored_once() -> None:
    committed = [row(quality_ppm=Ppm(900_000), latency_ms=0 if number < 2 else 30_001) for number in range(6)]
    rating = rated([*committed, *(row(outcome=Outcome.FAILED) for _ in range(3))], NO_FEE)
    assert (rating.success, rating.on_time, rating.quality) == (666_666, 333_333, 900_000)
    # 222,221 after two factors would give 199,998.
    assert rating.performance == 199_999


def test_threshold_is_about_success_alone() -> None:
    rating = rated([row(latency_ms=0 if number < 10 else 30_001) for number in range(20)], NO_FEE)
    assert (rating.success, rating.performance, rating.reason) == (PPM, 500_000, None)
