"""Usage rows as files: JSON Lines for programs, CSV for spreadsheets, written as they are read."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sessionpay.core.money import BaseUnits, MicroUnits, Ppm
from sessionpay.core.usage import UsageRecord

# What a spreadsheet takes for a formula where a text begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Some dozens of kilobytes: a reader that is slow keeps no more of them waiting.
ROWS_AT_ONCE = 250

COLUMNS = (
    "epoch", "session_id", "task_id", "node", "model", "sla", "outcome", "submitted_at", "prompt_tokens",
    "completion_tokens", "latency_ms", "quality_ppm", "prompt_price", "completion_price", "sla_ppm",
    "cost_micro",
)  # fmt: skip
_TEXTS = frozenset({"task_id", "model", "sla"})


class RowFormat(StrEnum):
    """How rows are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"


MEDIA_TYPES = {RowFormat.JSON_LINES: "application/x-ndjson", RowFormat.CSV: "text/csv"}


@dataclass(frozen=True, slots=True)
class PricedRow:
    """A row of usage with the prices of its epoch's sheet, and what it cost in micro-units.

    `prompt_price` and `completion_price` are base units per million tokens, `sla` the multiplier.
    """

    epoch: int
    record: UsageRecord
    prompt_price: BaseUnits
    completion_price: BaseUnits
    sla: Ppm
    cost: MicroUnits


def spreadsheet_text(text: str) -> str:
    """Return a text that somebody else chose, so that a spreadsheet takes it for nothing else."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def written(rows: Iterable[PricedRow], form: RowFormat) -> Iterator[bytes]:
    """Yield rows as they are sent, some at a time; amounts and session ids are texts of digits in JSON."""
    if form is RowFormat.CSV:
        yield _csv(COLUMNS)
    write: Callable[[PricedRow], bytes] = _json_line if form is RowFormat.JSON_LINES else _csv_line
    for some in _batches(rows):
        yield b"".join(map(write, some))


def _batches(rows: Iterable[PricedRow]) -> Iterator[list[PricedRow]]:
    some: list[PricedRow] = []
    for row in rows:
        some.append(row)
        if len(some) == ROWS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _values(row: PricedRow) -> dict[str, Any]:
    record = row.record
    return {
        "epoch": row.epoch,
        "session_id": str(record.session_id),
        "task_id": record.task_id,
        "node": record.node,
        "model": record.model,
        "sla": record.sla,
        "outcome": record.outcome.value,
        "submitted_at": record.submitted_at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z",
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "latency_ms": record.latency_ms,
        "quality_ppm": record.quality_ppm,
        "prompt_price": str(row.prompt_price),
        "completion_price": str(row.completion_price),
        "sla_ppm": row.sla,
        "cost_micro": str(row.cost),
    }


def _json_line(row: PricedRow) -> bytes:
    return json.dumps(_values(row), separators=(",", ":")).encode() + b"\n"


def _csv_line(row: PricedRow) -> bytes:
    values = _values(row)
    return _csv([spreadsheet_text(values[name]) if name in _TEXTS else values[name] for name in COLUMNS])


def _csv(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()
