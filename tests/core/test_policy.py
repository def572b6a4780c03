"""The policy, and its file.

Policy
  given values up to their limits: it should keep them, and refuse what lies beyond
  given a model and an SLA: it should tell the deadline of both, or else the default
parse_policy
  given a policy: it should read it, defaults where keys are left out
  given a fault: it should name the file, the line and the key
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sessionpay.core.errors import BadPolicy
from sessionpay.core.ids import ZERO_ADDRESS, Address
from sessionpay.core.money import AMOUNT_LIMIT, PPM, BaseUnits, Ppm
from sessionpay.core.policy import Payout, Policy, UsageVisibility, parse_policy
from sessionpay.core.usage import COUNT_LIMIT
from tests.core.rows import NO_FEE

ROOT = Path(__file__).parents[2]
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


@pytest.mark.parametrize(
    ("model", "sla", "deadline_ms"),
    [("large", "priority", 20_000), ("large", "standard", 30_000), ("small", "priority", 30_000)],
)
def test_deadline_is_that_of_model_and_sla(model: str, sla: str, deadline_ms: int) -> None:
    assert POLICY.deadline_ms(model, sla=sla) == deadline_ms


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
    assert (policy.epoch_seconds, policy.payout) == (None, None)
    assert (policy.require_signatures, policy.usage_visibility) == (False, UsageVisibility.OPERATOR)


@pytest.mark.parametrize("visibility", list(UsageVisibility))
def test_reads_how_epochs_are_run(visibility: UsageVisibility) -> None:
    more = f"epoch_seconds = 3_600\nrequire_signatures = true\nusage_visibility = '{visibility}'\n"
    policy = parse_policy(f"payout = {{min = 5, every = 24}}\n{more}{TEXT}")
    assert policy == replace(
        POLICY,
        epoch_seconds=3_600,
        payout=Payout(BaseUnits(5), 24),
        require_signatures=True,
        usage_visibility=visibility,
    )
    assert parse_policy(f"{TEXT}[payout]\nmin = 5\nevery = 24").payout == policy.payout


def test_every_key_that_the_demo_shows_as_a_choice_is_one() -> None:
    shown = (ROOT / "examples" / "demo" / "policy.toml").read_text(encoding="utf-8")
    chosen, count = re.subn(r"^# (\w+ = )", r"\1", shown, flags=re.MULTILINE)
    assert count == 6
    policy = parse_policy(chosen.replace("0x...", f"0x{1:040x}"))
    assert (policy.epoch_seconds, policy.payout) == (3_600, Payout(BaseUnits(10**15), 24))
    assert (policy.require_signatures, policy.usage_visibility) == (True, UsageVisibility.OPERATOR)
    assert policy.fee_account == policy.withheld_account == f"0x{1:040x}"
    assert shown == (ROOT / "src/sessionpay/services/trial_rules/policy.toml").read_text(encoding="utf-8")


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
        ("min_assigned = 10", "epoch_seconds = 0", 3, "epoch_seconds", "0 is not from 1 to 2147483647"),
        ("min_assigned = 10", "epoch_seconds = 1.5", 3, "epoch_seconds", "1.5 is not a whole number"),
        ("min_assigned = 10", "payout = 5", 3, "payout", "write a table"),
        ("min_assigned = 10", "payout = {min = 0, every = 1}", 3, "payout.min", "0 is not from 1 to"),
        ("min_assigned = 10", "payout = {min = 1, every = 0}", 3, "payout.every", "0 is not from 1 to"),
        ("min_assigned = 10", "payout = {min = 1}", 3, "payout.every", "this key is missing"),
        ("min_assigned = 10", "payout = {every = 1}", 3, "payout.min", "this key is missing"),
        ("min_assigned = 10", "payout = {min = 1, every = 1, max = 2}", 3, "payout.max", "unknown key; the"),
        (
            "[deadlines_ms]",
            f"[payout]\nmin = {AMOUNT_LIMIT}\nevery = 1\n[deadlines_ms]",
            7,
            "payout.min",
            f"{AMOUNT_LIMIT} is not from 1 to {AMOUNT_LIMIT - 1}",
        ),
        (
            "min_assigned = 10",
            "require_signatures = 1",
            3,
            "require_signatures",
            "1 is neither true nor false",
        ),
        (
            "min_assigned = 10",
            "usage_visibility = 'all'",
            3,
            "usage_visibility",
            "'all' is not one of public, owner, operator",
        ),
        ("min_assigned = 10", "usage_visibility = []", 3, "usage_visibility", "[] is not one of public, "),
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
    assert replace(NO_FEE, epoch_seconds=COUNT_LIMIT - 1).epoch_seconds == COUNT_LIMIT - 1
    with pytest.raises(BadPolicy, match="epoch_seconds"):
        replace(NO_FEE, epoch_seconds=COUNT_LIMIT)


def test_a_payout_is_of_an_amount_that_can_wait_on_the_chain() -> None:
    assert Payout(BaseUnits(1), 1) != Payout(BaseUnits(AMOUNT_LIMIT - 1), COUNT_LIMIT - 1)
    for amount_min, every in ((0, 1), (AMOUNT_LIMIT, 1), (1, 0), (1, COUNT_LIMIT), (True, 1)):
        with pytest.raises(BadPolicy, match="payout"):
            Payout(BaseUnits(amount_min), every)
