"""Why one account got what it got in an epoch, found in that epoch's folder without reading all of it."""

import json
from pathlib import Path
from typing import IO, Any

from sessionpay.core.ids import Address
from sessionpay.services.epoch_files import EXPLAIN, BadEpochFile

# A line about a node that served a hundred sessions is some 60 kB long.
_STEP_BYTES = 16_384


def explanation(folder: Path, account: Address) -> dict[str, Any] | None:
    """Return the line of `explain.jsonl` about an account, None where the epoch has nothing about it.

    The lines are in the order of their accounts, so that half of what is left falls away with each look.
    Raises `BadEpochFile`.
    """
    with folder.joinpath(EXPLAIN).open("rb") as file:
        low, high = 0, file.seek(0, 2)
        while low < high:
            start, line = _line_at(file, (low + high) // 2, low=low)
            found = _read(line)
            if found["account"] == account:
                return found
            if found["account"] < account:
                low = start + len(line)
            else:
                high = start
    return None


def _line_at(file: IO[bytes], position: int, *, low: int) -> tuple[int, bytes]:
    """Return the line that has the byte at `position`, and where it begins; a line begins at `low`."""
    start = position
    while start > low:
        step = min(_STEP_BYTES, start - low)
        file.seek(start - step)
        end = file.read(step).rfind(b"\n")
        if end >= 0:
            start += end + 1 - step
            break
        start -= step
    file.seek(start)
    return start, file.readline()


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if isinstance(found, dict) and isinstance(found["account"], str):
            return found
    except (ValueError, LookupError):
        pass
    raise BadEpochFile(EXPLAIN, rule="a line is not an object about an account")
