"""How values are written on a page: short first, exact one click away."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from sessionpay.core.ids import Address, SessionId, checksum_address
from sessionpay.core.money import PPM, Asset, BaseUnits, format_amount

# Enough to tell two amounts apart at a glance; the rest is one click away.
DIGITS_SHOWN = 6
# Of a hash or an address, what people compare; the whole of it is in the link and in the CSV.
HASH_DIGITS_SHOWN = 6

_ZEROS = re.compile(r"-?0\.0+(?=[1-9])")
# Every other number in a reason counts rows, or names a session.
_RATE_IN_REASON = re.compile(r"([0-9]+) ppm\b")
_AMOUNT_IN_REASON = re.compile(r"\b(had|of|owes|most) ([0-9]+)\b(?! ppm)")
# A time as ISO 8601 writes it, up to its seconds.
_SECONDS_LENGTH = 19
# To write an address takes a hash; the same ones stand on many pages.
ADDRESSES_KEPT_MAX = 16_384

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another page; `exact` is the value itself where `text` shortens it."""

    href: str
    text: str
    exact: str

    def __str__(self) -> str:
        """Return the whole value, as a CSV has it."""
        return self.exact


def short_amount(amount: int, asset: Asset) -> str:
    """Return an amount in the unit people use, cut after its first six digits that count.

    Nothing is rounded up: an ellipsis says that there is more, and an amount above 0 never reads as 0.
    """
    return shortened(format_amount(BaseUnits(amount), asset))


def shortened(written: str) -> str:
    """Return the same of an amount that is written with its unit already."""
    number, _, symbol = written.partition(" ")
    whole, _, fraction = number.partition(".")
    grouped = f"{int(whole):,}" if whole.lstrip("-") != "0" else whole
    leading = len(fraction) - len(fraction.lstrip("0")) if whole.lstrip("-") == "0" else 0
    counted = 0 if whole.lstrip("-") == "0" else len(whole.lstrip("-"))
    kept = max(0, leading + DIGITS_SHOWN - counted)
    shown = fraction[:kept].rstrip("0")
    more = "…" if fraction[kept:] else ""
    return f"{grouped}{'.' if shown else ''}{shown}{more} {symbol}"


def leading_zeros(text: str) -> str:
    """Return what stands before the first digit that counts, so that it can be written less loudly."""
    found = _ZEROS.match(text)
    return found[0] if found else ""


def moment(unix: int) -> str:
    """Return a time in unix seconds as people read it in UTC."""
    try:
        return f"{datetime.fromtimestamp(unix, UTC).isoformat(' ')[:_SECONDS_LENGTH]} UTC"
    except (OverflowError, ValueError, OSError):
        return f"unix time {unix}"


def machine_moment(unix: int) -> str:
    """Return a time in unix seconds as programs read it, RFC 3339."""
    try:
        return f"{datetime.fromtimestamp(unix, UTC).isoformat()[:_SECONDS_LENGTH]}Z"
    except (OverflowError, ValueError, OSError):
        return str(unix)


def day(unix: int) -> str:
    """Return the UTC day of a time in unix seconds."""
    return moment(unix)[:10]


def short_day(unix: int) -> str:
    """Return month and day of a time in unix seconds, as a picture has room for."""
    return day(unix)[-len("01-31") :]


def span(seconds: int) -> str:
    """Return how long something lasts, in its largest unit and the one below that."""
    for place, (size, _) in enumerate(_UNITS):
        if seconds >= size:
            parts = []
            for below, name in _UNITS[place : place + 2]:
                count, seconds = divmod(seconds, below)
                if count:
                    parts.append(f"{count:,} {name}{'' if count == 1 else 's'}")
            return " ".join(parts)
    return "0 seconds"


def percent(ppm: int) -> str:
    """Return parts per million as percent, exactly."""
    whole, rest = divmod(ppm * 100, PPM)
    fraction = f"{rest:06}".rstrip("0")
    return f"{whole}{'.' if fraction else ''}{fraction} %"


def reason(text: str, asset: Asset) -> str:
    """Return a reason as an epoch's files have it, its base units and ppm in what people use, exactly."""
    text = _AMOUNT_IN_REASON.sub(
        lambda found: f"{found[1]} {format_amount(BaseUnits(int(found[2])), asset)}", text
    )
    return _RATE_IN_REASON.sub(lambda found: percent(int(found[1])), text)


def short(text: str) -> str:
    """Return the beginning and the end of a hash or an address, as people compare them."""
    if len(text) <= 2 * HASH_DIGITS_SHOWN + 3:
        return text
    return f"{text[: HASH_DIGITS_SHOWN + 2]}…{text[-HASH_DIGITS_SHOWN:]}"


def session_link(session_id: SessionId) -> Link:
    """Return the way to a session."""
    return Link(f"/sessions/{session_id}", short(str(session_id)), str(session_id))


@lru_cache(maxsize=ADDRESSES_KEPT_MAX)
def node_link(address: Address) -> Link:
    """Return the way to a node."""
    written = checksum_address(address)
    return Link(f"/nodes/{address}", short(written), written)


@lru_cache(maxsize=ADDRESSES_KEPT_MAX)
def owner_link(address: Address) -> Link:
    """Return the way to all sessions of an address."""
    written = checksum_address(address)
    return Link(f"/sessions?owner={address}", short(written), written)


def transaction_link(transaction_hash: str) -> Link:
    """Return the way to what a transaction moved."""
    return Link(f"/transactions/{transaction_hash}", short(transaction_hash), transaction_hash)


def epoch_link(number: int) -> Link:
    """Return the way to an epoch."""
    return Link(f"/epochs/{number}", str(number), str(number))
