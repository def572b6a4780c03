"""Amounts as people write them, and exact division.

parse_amount
  given a number with the asset's unit: it should give base units, without rounding
  given a whole number alone: it should take it as base units
  given another unit, too many decimals, a sign, or 2**96 and more: it should refuse and say what to write
format_amount
  given any amount: it should give a text that parses back to the same base unit
split
  given a pot and weights: it should give floors, and one more to the largest remainders, ties by order
  given any weights with a positive sum and any pot to 2**96 - 1: it should give parts that sum to the pot
  given a key of zero weight: it should change nobody when it is removed
  given scaled or shuffled weights: it should give the same parts
  given weights of zero for money, or anything negative: it should refuse
require_sum
  given parts that do not sum to the whole: it should raise NotConserved
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadAddress, BadAmount, BadAsset, BadSplit, NotConserved
from sessionpay.core.ids import ZERO_ADDRESS, Address
from sessionpay.core.money import (
    AMOUNT_LIMIT,
    Asset,
    BaseUnits,
    format_amount,
    parse_amount,
    require_sum,
    split,
)
from tests.strategies import pots

ETH = Asset(ZERO_ADDRESS, "ETH", 18)
USDC = Asset(Address("0x" + "c0" * 20), "USDC", 6)
COUNTED = Asset(Address("0x" + "c1" * 20), "1INCH", 0)

assets = st.builds(
    Asset, st.just(ZERO_ADDRESS), st.sampled_from(("ETH", "USD\u20ae0", "1X")), st.integers(0, 40)
)
weight_maps = st.dictionaries(
    st.integers(0, 50), st.one_of(st.integers(0, 5), st.integers(0, 2**130)), min_size=1, max_size=8
).filter(lambda weights: sum(weights.values()) > 0)


@pytest.mark.parametrize(
    ("text", "asset", "amount"),
    [
        ("0.5 ETH", ETH, 5 * 10**17),
        ("0.000000000000000001 ETH", ETH, 1),
        ("12.5 USDC", USDC, 12_500_000),
        ("12.5USDC", USDC, 12_500_000),
        (" 12.50000000000 usdc ", USDC, 12_500_000),
        ("1000", ETH, 1000),
        ("0", USDC, 0),
        ("0 USDC", USDC, 0),
        ("007", USDC, 7),
        ("5 1INCH", COUNTED, 5),
        (str(2**96 - 1), ETH, 2**96 - 1),
        ("79228162514.264337593543950335 ETH", ETH, 2**96 - 1),
    ],
)
def test_gives_base_units(text: str, asset: Asset, amount: int) -> None:
    assert parse_amount(text, asset) == amount


@pytest.mark.parametrize(
    ("text", "asset", "reason"),
    [
        ("0.5", ETH, "base units are whole"),
        ("1.0", ETH, "base units are whole"),
        ("0.5 USDC", ETH, "holds ETH, not USDC"),
        ("1e18", ETH, "holds ETH, not e18"),
        ("51INCH", COUNTED, "holds 1INCH, not INCH"),
        ("0.1234567 USDC", USDC, "6 decimals"),
        ("0.5 1INCH", COUNTED, "0 decimals"),
        (str(2**96), ETH, "below 2"),
        ("79228162514.264337593543950336 ETH", ETH, "below 2"),
        ("-1 ETH", ETH, "write it as '0.5 ETH'"),
        ("+1 ETH", ETH, "write it as"),
        (".5 ETH", ETH, "write it as"),
        ("5. ETH", ETH, "write it as"),
        ("1,000", ETH, "write it as"),
        ("1_000", ETH, "write it as"),
        ("1 000 ETH", ETH, "write it as"),
        ("\u0661 ETH", ETH, "write it as"),
        ("ETH", ETH, "write it as"),
        ("", ETH, "write it as"),
        ("1" * 401, ETH, "write it as"),
    ],
)
def test_refuses_an_amount_and_says_what_to_write(text: str, asset: Asset, reason: str) -> None:
    with pytest.raises(BadAmount, match=reason) as caught:
        parse_amount(text, asset)
    assert caught.value.value == text
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("amount", "asset", "text"),
    [
        (5 * 10**17, ETH, "0.5 ETH"),
        (1, ETH, "0.000000000000000001 ETH"),
        (10**18, ETH, "1 ETH"),
        (0, ETH, "0 ETH"),
        (1_000_001, USDC, "1.000001 USDC"),
        (120, COUNTED, "120 1INCH"),
        (-1_500_000, USDC, "-1.5 USDC"),
    ],
)
def test_shows_every_base_unit(amount: int, asset: Asset, text: str) -> None:
    assert format_amount(BaseUnits(amount), asset) == text


@given(pots, assets)
def test_shown_amount_parses_back(amount: int, asset: Asset) -> None:
    assert parse_amount(format_amount(BaseUnits(amount), asset), asset) == amount


@pytest.mark.parametrize("symbol", ["", "A B", "A\n", "\x00", "A" * 33])
def test_refuses_a_symbol_that_breaks_a_line_of_text(symbol: str) -> None:
    with pytest.raises(BadAsset, match="a symbol is"):
        Asset(ZERO_ADDRESS, symbol, 18)


@pytest.mark.parametrize("decimals", [-1, 256, True])
def test_refuses_decimals_that_no_token_has(decimals: int) -> None:
    with pytest.raises(BadAsset, match="decimals"):
        Asset(ZERO_ADDRESS, "ETH", decimals)


def test_refuses_an_asset_whose_address_is_in_another_form() -> None:
    with pytest.raises(BadAddress, match="lower case"):
        Asset(Address("0x" + "AB" * 20), "ETH", 18)


@pytest.mark.parametrize(
    ("pot", "weights", "parts"),
    [
        (10, {"a": 1, "b": 1, "c": 1}, {"a": 4, "b": 3, "c": 3}),
        (11, {"a": 1, "b": 1, "c": 1}, {"a": 4, "b": 4, "c": 3}),
        (3, {"a": 18, "b": 12}, {"a": 2, "b": 1}),
        (7, {"a": 42, "b": 28}, {"a": 4, "b": 3}),
        (1, {"a": 1, "b": 2}, {"a": 0, "b": 1}),
        (2, {"b": 5, "a": 5, "c": 0}, {"a": 1, "b": 1, "c": 0}),
        (0, {"a": 0}, {"a": 0}),
        (0, {}, {}),
        (2**96 - 1, {"a": 2**130, "b": 2**130}, {"a": 2**95, "b": 2**95 - 1}),
    ],
)
def test_largest_remainders_take_what_is_left(
    pot: int, weights: dict[str, int], parts: dict[str, int]
) -> None:
    assert split(pot, weights) == parts


def test_result_and_ties_follow_the_order_asked_for() -> None:
    parts = split(1, {"a": 1, "b": 1}, order=lambda key: -ord(key))
    assert list(parts.items()) == [("b", 1), ("a", 0)]


@given(pots, weight_maps)
def test_exact_split(pot: int, weights: dict[int, int]) -> None:
    """Promise 8: the parts sum to the pot, and none is a whole unit away from its exact share."""
    parts = split(pot, weights)
    total = sum(weights.values())
    assert sum(parts.values()) == pot
    assert list(parts) == sorted(weights)
    for key, part in parts.items():
        assert abs(part * total - pot * weights[key]) < total


@given(pots, weight_maps)
def test_nobody_with_a_larger_remainder_goes_without(pot: int, weights: dict[int, int]) -> None:
    parts = split(pot, weights)
    total = sum(weights.values())
    ranks = {key: (-(pot * weights[key] % total), key) for key in weights}
    raised = {key for key in weights if parts[key] > pot * weights[key] // total}
    assert all(ranks[winner] < ranks[other] for winner in raised for other in weights.keys() - raised)


@given(pots, weight_maps, st.integers(51, 99))
def test_key_of_zero_weight_changes_nobody(pot: int, weights: dict[int, int], stranger: int) -> None:
    assert split(pot, {**weights, stranger: 0}) == {**split(pot, weights), stranger: 0}
    assert split(pot, {**weights, -stranger: 0}) == {**split(pot, weights), -stranger: 0}


@given(pots, weight_maps, st.integers(1, 2**40), st.randoms(use_true_random=False))
def test_scaled_and_shuffled_weights_give_the_same(
    pot: int, weights: dict[int, int], factor: int, random: Random
) -> None:
    items = [(key, weight * factor) for key, weight in weights.items()]
    random.shuffle(items)
    assert split(pot, dict(items)) == split(pot, weights)


@given(pots, pots, weight_maps)
def test_larger_pot_takes_from_nobody_but_a_remainder(pot: int, more: int, weights: dict[int, int]) -> None:
    small, large = split(min(pot, more), weights), split(max(pot, more), weights)
    assert all(large[key] >= small[key] - 1 for key in weights)


@pytest.mark.parametrize(
    ("pot", "weights", "reason"),
    [
        (1, {"a": 0}, "nobody can take it"),
        (1, {}, "nobody can take it"),
        (-1, {"a": 1}, "below zero"),
        (1, {"a": 2, "b": -1}, "below zero"),
    ],
)
def test_refuses_what_cannot_be_divided(pot: int, weights: dict[str, int], reason: str) -> None:
    with pytest.raises(BadSplit, match=reason) as caught:
        split(pot, weights)
    assert caught.value.pot == pot


@pytest.mark.parametrize("parts", [[1, 1], [1, 3], [4, -1], []])
def test_lost_or_made_money_is_a_defect(parts: list[int]) -> None:
    with pytest.raises(NotConserved, match="a test: parts sum to") as caught:
        require_sum("a test", parts, 3)
    assert (caught.value.parts, caught.value.whole) == (sum(parts), 3)
    require_sum("a test", [1, 2, 0], 3)


def test_limit_is_that_of_the_contract() -> None:
    assert AMOUNT_LIMIT == 2**96
