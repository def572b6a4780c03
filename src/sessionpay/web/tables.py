"""Tables: the same columns on the page and in the CSV, so that the two cannot tell different things."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sessionpay.core.money import Asset
from sessionpay.serving.exports import spreadsheet_text
from sessionpay.web.figures import Link, machine_moment

# What a phone shows without much scrolling; the rest is behind a link, and the CSV has all of it.
PAGE_ROWS = 25

# Each piece of a CSV costs the server a change of threads, and a browser waits for the first one.
CHARACTERS_AT_ONCE = 32_768

Value = str | int | bool | Link | None
Row = Sequence[Value]


class Kind(StrEnum):
    """What a column holds: prose is a longer text, money base units, a moment unix seconds, a rate ppm.

    A reason is a sentence of an epoch's files, with base units and ppm.
    """

    TEXT = "text"
    PROSE = "prose"
    REASON = "reason"
    COUNT = "count"
    MONEY = "money"
    MOMENT = "moment"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `key` names it for programs, `title` for people."""

    key: str
    title: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind; `csv` is where all of them are, `older` where the rows after these are, if any."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    asset: Asset
    csv: str
    older: str | None = None
    empty: str = "Nothing yet."


def csv_lines(table: Table) -> Iterator[str]:
    """Yield a table as CSV, many lines at a time: exact base units, times in RFC 3339, rates in ppm."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_heading(column) for column in table.columns])
    for row in table.rows:
        writer.writerow([_cell(column, value) for column, value in zip(table.columns, row, strict=True)])
        if written.tell() >= CHARACTERS_AT_ONCE:
            yield written.getvalue()
            written.seek(0)
            written.truncate()
    yield written.getvalue()


def _heading(column: Column) -> str:
    unit = {Kind.MONEY: "_base_units", Kind.RATE: "_ppm"}.get(column.kind, "")
    return f"{column.key}{unit}"


def _cell(column: Column, value: Value) -> str:
    if value is None:
        return ""
    if column.kind is Kind.MOMENT and isinstance(value, int):
        return machine_moment(value)
    text = str(value)
    is_foreign = column.kind in {Kind.TEXT, Kind.PROSE, Kind.REASON} and not isinstance(value, int)
    return spreadsheet_text(text) if is_foreign else text
