"""Amounts of one asset: their units, how people write them, and exact division."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NewType, TypeVar

from sessionpay.core.errors import BadAddress, BadAmount, BadAsset, BadSplit, NotConserved
from sessionpay.core.ids import Address, is_address

BaseUnits = NewType("BaseUnits", int)
MicroUnits = NewType("MicroUnits", int)
Ppm = NewType("Ppm", int)

# Every amount on the chain shares a word with other numbers and has 96 bits of it.
AMOUNT_LIMIT = 2**96
PPM = 10**6
MICRO = 10**6

NOTHING = BaseUnits(0)

# ERC-20 keeps the number of decimals in one byte.
DECIMALS_MAX = 255
SYMBOL_LENGTH_MAX = 32
# No amount below the limit needs more characters, even with 255 decimals and its symbol.
AMOUNT_TEXT_LENGTH_MAX = 400

_SYMBOL = re.compile(r"[^\s\x00-\x1f\x7f]+")
_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:\s*([^\s0-9.,_]\S*)|\s+(\S+))?")

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Asset:
    """What a deployment of the contract holds: the zero address is the chain's native coin.

    `decimals` is how many digits of a base unit amount stand behind the point when people read it,
    0 to 255. Raises `BadAddress` or `BadAsset`.
    """

    address: Address
    symbol: str
    decimals: int

    def __post_init__(self) -> None:
        """Refuse what amounts could not be written in and read back."""
        if not is_address(self.address):
            raise BadAddress(self.address, rule="write 0x and 40 hexadecimal digits in lower case")
        if not _SYMBOL.fullmatch(self.symbol) or len(self.symbol) > SYMBOL_LENGTH_MAX:
            raise BadAsset(self.symbol, rule=f"a symbol is 1 to {SYMBOL_LENGTH_MAX} characters, no spaces")
        if type(self.decimals) is not int or not 0 <= self.decimals <= DECIMALS_MAX:
            raise BadAsset(self.decimals, rule=f"decimals are a whole number from 0 to {DECIMALS_MAX}")


def parse_amount(text: str, asset: Asset) -> BaseUnits:
    """Return the base units that a person wrote as `0.5 ETH`, or as `1000` for base units themselves.

    The result is 0 <= amount < 2**96. Nothing is rounded. Raises `BadAmount`.
    """
    match = _AMOUNT.fullmatch(text.strip()) if len(text) <= AMOUNT_TEXT_LENGTH_MAX else None
    if match is None:
        raise BadAmount(text, rule=f"write it as '0.5 {asset.symbol}', or as whole base units such as '1000'")
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    unit = match[3] or match[4]
    if unit is None and match[2] is not None:
        raise BadAmount(text, rule=f"base units are whole; write the unit, as in '0.5 {asset.symbol}'")
    if unit is not None and unit.casefold() != asset.symbol.casefold():
        raise BadAmount(text, rule=f"this contract holds {asset.symbol}, not {unit}")
    if len(fraction) > asset.decimals:
        raise BadAmount(text, rule=f"{asset.symbol} has {asset.decimals} decimals; write no more digits")
    amount = int(whole) if unit is None else int(whole + fraction.ljust(asset.decimals, "0"))
    if amount >= AMOUNT_LIMIT:
        raise BadAmount(text, rule="an amount is below 2**96 base units")
    return BaseUnits(amount)


def format_amount(amount: BaseUnits, asset: Asset) -> str:
    """Return `amount` in the unit people use, to the last base unit: `0.5 ETH`, never rounded."""
    digits = str(abs(amount)).rjust(asset.decimals + 1, "0")
    point = len(digits) - asset.decimals
    fraction = digits[point:].rstrip("0")
    sign = "-" if amount < 0 else ""
    return f"{sign}{digits[:point]}{'.' if fraction else ''}{fraction} {asset.symbol}"


def whole_units(amount: int) -> BaseUnits:
    """Return micro-units as whole base units, rounded down: what has no whole unit waits for more."""
    return BaseUnits(amount // MICRO)


def split(
    pot: int, weights: Mapping[Key, int], *, order: Callable[[Key], Any] | None = None
) -> dict[Key, int]:
    """Divide `pot` by weight; the largest remainders take the leftover units, ties by `order`.

    Each key gets floor(pot * weight / sum of weights), and at most one unit more; a weight of zero gets
    nothing. `order` gives what to sort a key by, the key itself when left out. The result is in that
    order and sums to `pot` exactly (Hamilton's method). Raises `BadSplit` for a negative pot or
    weight, and for a pot that no weight takes.
    """
    total = sum(weights.values())
    if pot < 0 or any(weight < 0 for weight in weights.values()):
        raise BadSplit(pot, rule="neither a pot nor a weight is below zero")
    keys = sorted(weights, key=order)  # type: ignore[type-var, arg-type]
    if pot == 0:
        return dict.fromkeys(keys, 0)
    if total == 0:
        raise BadSplit(pot, rule="no weight is above zero, so nobody can take it")
    parts = {key: pot * weights[key] // total for key in keys}
    leftover = pot - sum(parts.values())
    # Sorting is stable, so equal remainders stay in the order of the keys.
    by_remainder = sorted(keys, key=lambda key: pot * weights[key] % total, reverse=True)
    for key in by_remainder[:leftover]:
        parts[key] += 1
    require_sum("a division", parts.values(), pot)
    return parts


def require_sum(what: str, parts: Iterable[int], whole: int) -> None:
    """Raise `NotConserved` unless `parts` sum to `whole` and none is below zero."""
    counted = list(parts)
    if sum(counted) != whole or any(part < 0 for part in counted):
        raise NotConserved(what, parts=sum(counted), whole=whole)
