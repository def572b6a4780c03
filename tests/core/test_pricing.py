"""Price sheets and the price of a row.

row_price
  given committed work: it should be tokens x price x multiplier in micro-units, rounded down once
  given failed work or a timeout: it should be 0
  given a model or SLA without a price: it should name it, also for failed work
parse_price_sheet
  given a sheet: it should read it, and keep what nobody can change
  given a fault: it should name the file, the line and the key
"""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given

from sessionpay.core.errors import BadPriceSheet, MissingPrice
from sessionpay.core.money import AMOUNT_LIMIT, BaseUnits, Ppm
from sessionpay.core.pricing import ModelPrice, PriceSheet, parse_price_sheet, require_prices, row_price
from sessionpay.core.usage import Outcome, UsageRecord
from tests.core.rows import row
from tests.strategies import price_sheets, records

TEXT = """\
[models."large"]
prompt = 150_000_000_000_000      # base units per million prompt tokens
completion = 600_000_000_000_000

[models.small]
prompt = 0
completion = 79228162514264337593543950335

[sla]
standard = 1_000_000
priority = 1_500_000
"""
SHEET = parse_price_sheet(TEXT, source="prices.toml")


def test_reads_a_sheet() -> None:
    assert SHEET.models == {
        "large": ModelPrice(BaseUnits(15 * 10**13), BaseUnits(6 * 10**14)),
        "small": ModelPrice(BaseUnits(0), BaseUnits(AMOUNT_LIMIT - 1)),
    }
    assert SHEET.sla == {"standard": 1_000_000, "priority": 1_500_000}


@pytest.mark.parametrize(
    ("prompt", "completion", "sla", "price"),
    [
        (1, 0, "standard", 15 * 10**13),
        (0, 1, "standard", 6 * 10**14),
        (3, 2, "standard", 45 * 10**13 + 12 * 10**14),
        (3, 2, "priority", 2475 * 10**12),
        (0, 0, "priority", 0),
    ],
)
def test_price_is_tokens_times_price_times_multiplier(
    prompt: int, completion: int, sla: str, price: int
) -> None:
    assert row_price(SHEET, row(prompt_tokens=prompt, completion_tokens=completion, sla=sla)) == price


def test_price_is_rounded_down_once_after_tokens_and_sla() -> None:
    sheet = PriceSheet({"large": ModelPrice(BaseUnits(1), BaseUnits(1))}, {"standard": Ppm(333_333)})
    assert row_price(sheet, row(prompt_tokens=2, completion_tokens=1)) == 0
    assert row_price(sheet, row(prompt_tokens=2, completion_tokens=2)) == 1


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMEOUT])
def test_only_committed_work_is_charged(outcome: Outcome) -> None:
    assert row_price(SHEET, row(outcome=outcome)) == 0


@given(price_sheets(), records())
def test_price_is_exact_at_any_size(sheet: PriceSheet, record: UsageRecord) -> None:
    price = sheet.models[record.model]
    exact = Fraction(record.prompt_tokens * price.prompt + record.completion_tokens * price.completion)
    exact *= Fraction(sheet.sla[record.sla], 10**6)
    expected = floor(exact) if record.outcome is Outcome.COMMITTED else 0
    assert row_price(sheet, record) == expected


@pytest.mark.parametrize("outcome", list(Outcome))
def test_names_what_has_no_price(outcome: Outcome) -> None:
    with pytest.raises(MissingPrice, match=r"model 'huge' has no price: add models.'huge'") as caught:
        row_price(SHEET, row(model="huge", outcome=outcome))
    assert (caught.value.kind, caught.value.name) == ("model", "huge")
    with pytest.raises(MissingPrice, match=r"sla 'gold' has no price: add sla.'gold'"):
        row_price(SHEET, row(sla="gold", outcome=outcome))


def test_all_records_are_looked_at_before_anything_is_sent() -> None:
    require_prices(SHEET, [row(), row(model="small")])
    with pytest.raises(MissingPrice, match="huge"):
        require_prices(SHEET, [row(), row(model="huge")])


def test_sheet_cannot_be_changed_afterwards() -> None:
    models = {"large": ModelPrice(BaseUnits(1), BaseUnits(1))}
    sheet = PriceSheet(models, {"standard": Ppm(1)})
    models.clear()
    assert list(sheet.models) == ["large"]
    with pytest.raises(TypeError):
        sheet.sla["standard"] = Ppm(2)  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "rule"),
    [
        ("prompt = 150_000_000_000_000 ", "prompt = -1", 2, "models.large.prompt", "-1 is not from 0"),
        (
            "prompt = 150_000_000_000_000 ",
            "prompt = 1.5",
            2,
            "models.large.prompt",
            "1.5 is not a whole number",
        ),
        (
            "prompt = 150_000_000_000_000 ",
            "prompt = true",
            2,
            "models.large.prompt",
            "True is not a whole number",
        ),
        (
            "prompt = 150_000_000_000_000 ",
            "promt = 1",
            2,
            "models.large.promt",
            "unknown key; the keys here are",
        ),
        ("prompt = 150_000_000_000_000 ", "", 1, "models.large.prompt", "this key is missing"),
        ("prompt = 0", "prompt = 'free'", 6, "models.small.prompt", "'free' is not a whole number"),
        ("950335", "950336", 7, "models.small.completion", "79228162514264337593543950336 is not from 0"),
        ("prompt = 0", f"prompt = {AMOUNT_LIMIT}", 6, "models.small.prompt", f"{AMOUNT_LIMIT} is not from 0"),
        (
            "priority = 1_500_000",
            "priority = 1_000_000_001",
            11,
            "sla.priority",
            "1000000001 is not from 0 to",
        ),
        ("[sla]", "[slas]", 9, "slas", "unknown key; the keys here are models, sla"),
        ("[models.small]", "[models.small.deep]", 5, "models.small.deep", "unknown key"),
        ("priority = 1_500_000", "priority = ", 11, "", "not TOML: Invalid value"),
        ("priority = 1_500_000", "priority = [", 12, "", "not TOML: Invalid value"),
        ("[sla]", "[models.small]", 9, "", "not TOML: Cannot declare"),
    ],
)
def test_fault_names_file_line_and_key(old: str, new: str, line: int, key: str, rule: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(BadPriceSheet) as caught:
        parse_price_sheet(TEXT.replace(old, new), source="my prices.toml")
    told = str(caught.value)
    assert told.startswith(f"price sheet my prices.toml line {line}: {key}{': ' if key else ''}{rule}")
    assert (caught.value.source, caught.value.line, ".".join(caught.value.path)) == (
        "my prices.toml",
        line,
        key,
    )
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "models: this table is missing"),
        ("models = 3\n[sla]\nstandard = 1", "line 1: models: write a table"),
        ("[models]\nlarge = 3\n[sla]\nstandard = 1", "line 2: models.large: write a table"),
        ("[models]\n[sla]\nstandard = 1", "line 1: models: price at least one"),
        ("[models.large]\nprompt = 1\ncompletion = 1\n[sla]", "line 4: sla: price at least one"),
        ("[models.large]\nprompt = 1\ncompletion = 1", "sla: this table is missing"),
        (
            "models.large = {prompt = 1, completion = -1}\n[sla]\nstandard = 1",
            "line 1: models.large.completion",
        ),
        ("x = " + "[" * 5_000, "not TOML"),
        ("#" * 1_000_001, "longer than 1000000 characters"),
    ],
)
def test_other_faults_of_form(text: str, rule: str) -> None:
    with pytest.raises(BadPriceSheet) as caught:
        parse_price_sheet(text)
    assert rule in str(caught.value)
