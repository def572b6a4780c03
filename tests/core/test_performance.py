"""How well a node served a session, and the policy that says what counts.

performance
  given rows: it should floor success, on_time, quality and their product, each on its own
  given no committed row: it should be 0 and say so
  given at least min_assigned rows and a success under the threshold: it should be 0 and say so
  given one row fewer, or a success at the threshold: it should count
  given rows in another order: it should be the same
parse_policy
  given a policy: it should read it, defaults where keys are left out
  given a fault: it should name the file, the line and the key
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadPolicy
from sessionpay.core.ids import ZERO_ADDRESS, Address
from sessionpay.core.money import PPM, Ppm
from sessionpay.core.performance import Policy, parse_policy, performance
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord
from tests.core.rows import NO_FEE, row
from tests.strategies import policies, row_lists

TEXT = """\
fee_ppm = 50_000
fee_account = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
min_assigned = 10
threshold_ppm = 700_000

[deadlines_ms]
default = 30_000

[deadlines_ms."large"]
priority = 20_000
"""
POLICY = parse_policy(TEXT)


def test_rates_are_floored_each_and_multiplied() -> None:
    rows = [
        row(quality_ppm=Ppm(900_000), prompt_tokens=2),
        row(quality_ppm=Ppm(500_000), prompt_tokens=1, latency_ms=30_000),
        row(quality_ppm=Ppm(1_000_000), prompt_tokens=4, latency_ms=30_001),
        row(outcome=Outcome.FAILED, quality_ppm=Ppm(0), prompt_tokens=1_000),
        row(outcome=Outcome.TIMEOUT),
    ]
    rating = performance(rows, NO_FEE)
    assert (rating.assigned, rating.committed) == (5, 3)
    assert (rating.success, rating.on_time, rating.quality) == (600_000, 666_666, 900_000)
    assert rating.performance == 600_000 * 666_666 * 900_000 // 10**12 == 359_999
    assert rating.reason is None


@pytest.mark.parametrize(
    ("committed", "assigned", "success"), [(1, 3, 333_333), (2, 3, 666_666), (1, 1, PPM)]
)
def test_success_is_committed_of_assigned(committed: int, assigned: int, success: int) -> None:
    outcomes = [Outcome.COMMITTED] * committed + [Outcome.FAILED] * (assigned - committed)
    assert performance([row(outcome=outcome) for outcome in outcomes], NO_FEE).success == success


def test_quality_is_weighted_by_prompt_and_completion_tokens() -> None:
    rows = [
        row(prompt_tokens=1, completion_tokens=1, quality_ppm=Ppm(0)),
        row(prompt_tokens=0, completion_tokens=1, quality_ppm=Ppm(PPM)),
    ]
    assert performance(rows, NO_FEE).quality == 333_333


def test_quality_of_rows_without_tokens_is_the_plain_mean() -> None:
    rows = [row(prompt_tokens=0, quality_ppm=Ppm(value)) for value in (1, 2, 5)]
    assert performance(rows, NO_FEE).quality == 2


def test_one_row_with_tokens_outweighs_all_without() -> None:
    rows = [row(prompt_tokens=0, quality_ppm=Ppm(0)), row(prompt_tokens=1, quality_ppm=Ppm(PPM))]
    assert performance(rows, NO_FEE).quality == PPM


@pytest.mark.parametrize(
    ("model", "sla", "latency_ms", "on_time"),
    [
        ("large", "priority", 20_000, PPM),
        ("large", "priority", 20_001, 0),
        ("large", "standard", 30_000, PPM),
        ("large", "standard", 30_001, 0),
        ("small", "priority", 30_000, PPM),
        ("small", "priority", 30_001, 0),
    ],
)
def test_deadline_is_that_of_model_and_sla(model: str, sla: str, latency_ms: int, on_time: int) -> None:
    assert performance([row(model=model, sla=sla, latency_ms=latency_ms)], POLICY).on_time == on_time


@pytest.mark.parametrize("assigned", [1, 25])
def test_nothing_committed_counts_for_nothing(assigned: int) -> None:
    rating = performance([row(outcome=Outcome.FAILED) for _ in range(assigned)], NO_FEE)
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
    rating = performance([row(outcome=outcome) for outcome in outcomes], NO_FEE)
    success = committed * PPM // assigned
    assert rating.performance == (success if counts else 0)
    reason = f"success of {success} ppm over {assigned} rows is below 600000 ppm"
    assert rating.reason == (None if counts else reason)


def test_work_that_is_late_or_worthless_says_why_it_counts_for_nothing() -> None:
    late = performance([row(latency_ms=30_001)], NO_FEE)
    worthless = performance([row(quality_ppm=Ppm(0))], NO_FEE)
    assert late.performance == worthless.performance == 0
    assert late.reason == worthless.reason == "nothing was on time and good"


@given(row_lists(), policies(), st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(rows: tuple[UsageRecord, ...], policy: Policy, random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert performance(shuffled, policy) == performance(rows, policy)


@given(row_lists(), policies())
def test_every_rate_is_a_share_and_a_zero_has_a_reason(rows: tuple[UsageRecord, ...], policy: Policy) -> None:
    rating = performance(rows, policy)
    for rate in (rating.success, rating.on_time, rating.quality, rating.performance):
        assert 0 <= rate <= PPM
    assert rating.performance <= min(rating.success, rating.on_time, rating.quality)
    assert (rating.performance == 0) == (rating.reason is not None)


def test_reads_a_policy() -> None:
    expected = Policy(
        fee_ppm=Ppm(50_000),
        fee_account=Address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
        min_assigned=10,
        threshold_ppm=Ppm(700_000),
        deadline_default_ms=30_000,
        deadlines_ms={"large": {"priority": 20_000}},
    )
    assert expected == POLICY


def test_what_is_left_out_has_its_default() -> None:
    policy = parse_policy("fee_ppm = 0\n[deadlines_ms]\ndefault = 5")
    assert policy == Policy(fee_ppm=Ppm(0), deadline_default_ms=5)
    assert (policy.min_assigned, policy.threshold_ppm) == (20, 600_000)
    assert (policy.fee_account, policy.withheld_account) == (None, None)


def test_policy_cannot_be_changed_afterwards() -> None:
    deadlines = {"large": {"standard": 1}}
    policy = Policy(fee_ppm=Ppm(0), deadline_default_ms=5, deadlines_ms=deadlines)
    deadlines["large"]["standard"] = 2
    assert policy.deadline_ms("large", sla="standard") == 1
    with pytest.raises(TypeError):
        policy.deadlines_ms["large"] = {}  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "rule"),
    [
        ("fee_ppm = 50_000", "fee_ppm = 1_000_001", 1, "fee_ppm", "1000001 is not from 0 to 1000000"),
        ("fee_ppm = 50_000", "fee_ppm = -1", 1, "fee_ppm", "-1 is not from 0 to 1000000"),
        ("fee_ppm = 50_000", "fee_ppm = 0.05", 1, "fee_ppm", "0.05 is not a whole number"),
        ("fee_ppm = 50_000", "", 1, "fee_ppm", "this key is missing"),
        ("fee_account =", "feeaccount =", 2, "feeaccount", "unknown key; the keys here are deadlines_ms,"),
        ("0x5aAe", "0x5aae", 2, "fee_account", "address '0x5aae"),
        ('"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"', "7", 2, "fee_account", "address 7"),
        ('"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"', f'"{ZERO_ADDRESS}"', 2, "fee_account", "'0x00"),
        ("fee_account =", f'withheld_account = "{ZERO_ADDRESS}"\n#', 2, "withheld_account", "'0x00"),
        ("min_assigned = 10", "min_assigned = 0", 3, "min_assigned", "0 is not from 1 to"),
        ("min_assigned = 10", "min_assigned = '10'", 3, "min_assigned", "'10' is not a whole number"),
        (
            "threshold_ppm = 700_000",
            "threshold_ppm = 1_000_001",
            4,
            "threshold_ppm",
            "1000001 is not from 0 to",
        ),
        ("default = 30_000", "default = -1", 7, "deadlines_ms.default", "-1 is not from 0 to"),
        ("default = 30_000", "", 6, "deadlines_ms.default", "this key is missing"),
        ("default = 30_000", "default = 30_000\nsmall = 7", 8, "deadlines_ms.small", "write a table"),
        (
            "priority = 20_000",
            "priority = 2_147_483_648",
            10,
            "deadlines_ms.large.priority",
            "2147483648 is not",
        ),
        (
            "priority = 20_000",
            "priority = 2.5",
            10,
            "deadlines_ms.large.priority",
            "2.5 is not a whole number",
        ),
        ("[deadlines_ms]", "[deadlines]", 6, "deadlines", "unknown key"),
        ("threshold_ppm = 700_000", "threshold_ppm = x", 4, "", "not TOML"),
    ],
)
def test_fault_names_file_line_and_key(old: str, new: str, line: int, key: str, rule: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(BadPolicy) as caught:
        parse_policy(TEXT.replace(old, new), source="my policy.toml")
    told = str(caught.value)
    assert told.startswith(f"policy my policy.toml line {line}: {key}{': ' if key else ''}{rule}")
    assert "\n" not in told


@pytest.mark.parametrize("key", ["fee_ppm", "threshold_ppm"])
def test_a_share_is_at_most_the_whole(key: str) -> None:
    whole: dict[str, Any] = {key: PPM}
    more: dict[str, Any] = {key: PPM + 1}
    assert getattr(replace(NO_FEE, **whole), key) == PPM
    with pytest.raises(BadPolicy, match=f"policy: {key}: 1000001 is not from 0 to 1000000"):
        replace(NO_FEE, **more)


def test_largest_counts_are_those_of_a_row() -> None:
    policy = replace(NO_FEE, min_assigned=COUNT_LIMIT - 1, deadline_default_ms=COUNT_LIMIT - 1)
    assert policy.deadline_ms("any", sla="any") == policy.min_assigned == COUNT_LIMIT - 1
    with pytest.raises(BadPolicy, match="min_assigned"):
        replace(NO_FEE, min_assigned=COUNT_LIMIT)


def test_product_is_floored_once() -> None:
    committed = [row(quality_ppm=Ppm(900_000), latency_ms=0 if number < 2 else 30_001) for number in range(6)]
    rating = performance([*committed, *(row(outcome=Outcome.FAILED) for _ in range(3))], NO_FEE)
    assert (rating.success, rating.on_time, rating.quality) == (666_666, 333_333, 900_000)
    # 222,221 after two factors would give 199,998.
    assert rating.performance == 199_999


def test_threshold_is_about_success_alone() -> None:
    rating = performance([row(latency_ms=0 if number < 10 else 30_001) for number in range(20)], NO_FEE)
    assert (rating.success, rating.performance, rating.reason) == (PPM, 500_000, None)
