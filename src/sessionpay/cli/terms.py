"""How people write the arguments of commands: durations, and rows such as `7=0.5 ETH`."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import SECONDS_PER
from sessionpay.core.events import BATCH_ROWS_MAX, Allocation, Charge
from sessionpay.core.ids import Address, SessionId, parse_address, parse_session_id
from sessionpay.core.money import Asset, BaseUnits, parse_amount

# Longer than any duration of the contract, and short enough to be read at once.
DURATION_LENGTH_MAX = 12
# 512 rows with the longest ids and amounts stay far below; a larger file is the wrong one.
ROWS_FILE_BYTES_MAX = 1_000_000

_DURATION = re.compile(r"([0-9]+)\s*([smhd]?)")

Key = TypeVar("Key", SessionId, Address)


def parse_duration(name: str, text: str) -> int:
    """Return the seconds in `90`, `90s`, `15m`, `6h` or `7d`. Raises `BadCommandLine`."""
    match = _DURATION.fullmatch(text.strip()) if len(text) <= DURATION_LENGTH_MAX else None
    if match is None:
        raise BadCommandLine(name, text, rule="write a time such as 90s, 15m, 6h or 7d")
    return int(match[1]) * SECONDS_PER[match[2] or "s"]


def parse_charges(texts: Iterable[str], asset: Asset) -> tuple[Charge, ...]:
    """Return the rows written as `SESSION=AMOUNT`. Raises `InputError`."""
    return tuple(Charge(*_row(text, "ID=AMOUNT", parse_session_id, asset)) for text in _counted(texts))


def parse_allocations(texts: Iterable[str], asset: Asset) -> tuple[Allocation, ...]:
    """Return the rows written as `NODE=AMOUNT`. Raises `InputError`."""
    return tuple(Allocation(*_row(text, "NODE=AMOUNT", parse_address, asset)) for text in _counted(texts))


def read_rows(path: Path) -> tuple[str, ...]:
    """Return the rows of a file, one a line; empty lines and lines that begin with # are left out."""
    try:
        with path.open("rb") as file:
            text = file.read(ROWS_FILE_BYTES_MAX + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadCommandLine("file", str(path), rule=f"it cannot be read: {_reason(fault)}") from None
    if len(text) > ROWS_FILE_BYTES_MAX:
        raise BadCommandLine("file", str(path), rule=f"it is larger than {ROWS_FILE_BYTES_MAX} bytes")
    lines = (line.strip() for line in text.splitlines())
    rows = tuple(line for line in lines if line and not line.startswith("#"))
    if not rows:
        raise BadCommandLine("file", str(path), rule="it has no rows; write one a line")
    return rows


def _row(text: str, form: str, parse: Callable[[str], Key], asset: Asset) -> tuple[Key, BaseUnits]:
    key, sign, amount = text.partition("=")
    if not sign:
        raise BadCommandLine("row", text, rule=f"write it as {form}")
    return parse(key.strip()), parse_amount(amount.strip(), asset)


def _counted(texts: Iterable[str]) -> tuple[str, ...]:
    rows = tuple(texts)
    if len(rows) > BATCH_ROWS_MAX:
        raise BadCommandLine(
            "rows", len(rows), rule=f"one batch takes at most {BATCH_ROWS_MAX}; send several"
        )
    return rows


def _reason(fault: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8 text" if isinstance(fault, UnicodeDecodeError) else str(fault.strerror)
