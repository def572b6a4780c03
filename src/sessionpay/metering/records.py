"""Usage files in CSV and JSON Lines, read into usage records, and records cut into epochs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sessionpay.core.errors import BadAddress, BadCut, BadUsage, UnreadableUsage
from sessionpay.core.ids import parse_address, parse_session_id
from sessionpay.core.pricing import PriceSheet, row_price
from sessionpay.core.usage import Outcome, UsageRecord, parse_timestamp
from sessionpay.metering.lines import (
    BYTE_ORDER_MARK,
    Imported,
    Line,
    Row,
    csv_fields,
    gather,
    parse_integer,
    parsed,
    read_header,
    read_lines,
    require_fields,
)

REQUIRED = (
    "task_id",
    "session_id",
    "node",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "submitted_at",
    "latency_ms",
    "outcome",
)
OPTIONAL = ("sla", "quality_ppm")
_COLUMNS = frozenset({*REQUIRED, *OPTIONAL})
# Looked up for every row, and faster than the enumeration itself.
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
COUNTS = frozenset({"prompt_tokens", "completion_tokens", "latency_ms", "quality_ppm"})


def read_csv(path: Path, *, sheet: PriceSheet | None = None) -> Imported:
    """Read a CSV file whose first line names the columns, in any order.

    `sla` and `quality_ppm` may be left out or empty. One row is one line. With `sheet`, a row without
    a price is rejected. Raises `UnreadableUsage` for a file or a header that cannot be used.
    """
    return gather(csv_rows(path, sheet=sheet))


def read_jsonl(path: Path, *, sheet: PriceSheet | None = None) -> Imported:
    """Read a JSON Lines file: one object a line, numbers whole, `session_id` a number or its digits.

    With `sheet`, a row without a price is rejected. Raises `UnreadableUsage`.
    """
    return gather(jsonl_rows(path, sheet=sheet))


def csv_rows(path: Path, *, sheet: PriceSheet | None = None) -> Iterator[Row]:
    """Yield the rows of a CSV file as `read_csv` reads it; raises `UnreadableUsage` at once."""
    lines = read_lines(path)
    columns = _columns(path, lines)
    return parsed(lines, lambda _, text: _record(_csv_values(text, columns), sheet))


def jsonl_rows(path: Path, *, sheet: PriceSheet | None = None) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file as `read_jsonl` reads it."""
    lines = ((number, _unmarked(number, raw)) for number, raw in read_lines(path))
    return parsed(lines, lambda _, text: _record(_json_values(text), sheet))


def parse_row(values: object) -> UsageRecord:
    """Return the record of one row as JSON has it, an object with whole numbers. Raises `InputError`."""
    return _record(_checked(values), None)


def cut_epochs(records: Iterable[UsageRecord], epochs: int) -> list[tuple[UsageRecord, ...]]:
    """Cut records into `epochs` runs of equal length, the first ones one longer where it does not divide.

    The order is by submitted_at, task_id and node. With fewer records than epochs the last runs are
    empty. Raises `BadCut` below 1 epoch.
    """
    if epochs < 1:
        raise BadCut(epochs)
    ordered = sorted(records, key=lambda record: (record.submitted_at, *record.key))
    size, longer = divmod(len(ordered), epochs)
    runs: list[tuple[UsageRecord, ...]] = []
    start = 0
    for number in range(epochs):
        end = start + size + (number < longer)
        runs.append(tuple(ordered[start:end]))
        start = end
    return runs


def _columns(path: Path, lines: Iterator[Line]) -> list[str]:
    columns = read_header(path, lines)
    require_columns(path, columns)
    return columns


def require_columns(path: Path, columns: Sequence[str]) -> None:
    """Raise `UnreadableUsage` unless a file has the columns of usage, each once."""
    faults = {
        "names twice": {name for name in columns if columns.count(name) > 1},
        "has unknown columns": set(columns) - {*REQUIRED, *OPTIONAL},
        "lacks the columns": set(REQUIRED) - set(columns),
    }
    for fault, names in faults.items():
        if names:
            raise UnreadableUsage(str(path), rule=f"its header {fault}: {', '.join(sorted(names))}")


def _csv_values(text: str, columns: Sequence[str]) -> dict[str, object]:
    fields = csv_fields(text)
    require_fields(fields, columns=len(columns), text=text)
    values: dict[str, object] = {}
    for name, value in zip(columns, fields, strict=True):
        # An empty optional field means its default, as if the column were not there.
        if value or name not in OPTIONAL:
            values[name] = parse_integer(name, value) if name in COUNTS else value
    return values


def _unmarked(number: int, raw: bytes) -> bytes:
    return raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw


def _json_values(text: str) -> dict[str, object]:
    try:
        values = json.loads(text, object_pairs_hook=_pairs, parse_float=_not_whole, parse_constant=_not_whole)
    except json.JSONDecodeError as fault:
        rule = f"not a whole JSON object: {fault.msg} at character {fault.colno}"
        raise BadUsage("row", text, rule=rule) from None
    except (ValueError, RecursionError):
        raise BadUsage("row", text, rule="a number is too long, or it is nested too deeply") from None
    return _checked(values)


def _checked(values: object) -> dict[str, object]:
    if not isinstance(values, dict):
        raise BadUsage("row", values, rule="not a JSON object")
    if unknown := [name for name in values if name not in _COLUMNS]:
        raise BadUsage("row", values, rule=f"unknown key {unknown[0]!r}")
    if missing := [name for name in REQUIRED if name not in values]:
        raise BadUsage("row", values, rule=f"the key {missing[0]} is missing")
    return values


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadUsage("row", [name for name, _ in pairs], rule="a key stands in it twice")
    return values


def _not_whole(text: str) -> NoReturn:
    raise BadUsage("row", text, rule="numbers are whole, without point or exponent")


def _record(values: Mapping[str, Any], sheet: PriceSheet | None) -> UsageRecord:
    """Return the record of one row; `values` has every required column, and numbers as numbers."""
    known = dict(values)
    if isinstance(known["session_id"], str):
        known["session_id"] = parse_session_id(known["session_id"])
    try:
        known["node"] = parse_address(known["node"])
    except BadAddress as fault:
        raise BadUsage("node", fault.value, rule=fault.rule) from None
    known["submitted_at"] = parse_timestamp(known["submitted_at"])
    if isinstance(known["outcome"], str):
        known["outcome"] = _OUTCOMES.get(known["outcome"], known["outcome"])
    record = UsageRecord(**known)
    if sheet is not None:
        row_price(sheet, record)
    return record
