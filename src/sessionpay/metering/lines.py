"""The rows of a text file, taken one by one, so that a bad row never stops the file."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sessionpay.core.errors import BadUsage, InputError, UnreadableUsage
from sessionpay.core.ids import SESSION_ID_DIGITS_MAX, Address
from sessionpay.core.usage import UsageRecord, to_line

# The longest valid row, every character of its names escaped, has about 5,000 bytes; its line end counts.
ROW_BYTES_MAX = 8_192

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# A line's number in its file, from 1, and its bytes.
Line = tuple[int, bytes]
Parse = Callable[[int, str], UsageRecord]

_INTEGER = re.compile(rf"-?[0-9]{{1,{SESSION_ID_DIGITS_MAX}}}")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken: its line from 1, why, and the row as it stood in the file."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A good row and its line, from 1."""

    line: int
    record: UsageRecord


# What a file yields, row by row.
Row = Taken | Rejected


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file gave: records in the file's order, rows not taken, and how many rows came again."""

    records: tuple[UsageRecord, ...]
    rejected: tuple[Rejected, ...]
    repeated: int


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a file that are not blank; of one that is too long, enough to see that.

    A last line without its end is a line like others, as published files have it. Raises
    `UnreadableUsage` for a file that cannot be opened or has nothing in it.
    """
    number = 0
    try:
        with path.open("rb") as file:
            while raw := file.readline(ROW_BYTES_MAX + 1):
                number += 1
                rest = raw
                while rest and len(raw) > ROW_BYTES_MAX and not rest.endswith(b"\n"):
                    rest = file.readline(ROW_BYTES_MAX)
                if raw.strip():
                    yield number, raw
    except OSError as fault:
        raise UnreadableUsage(str(path), rule=f"cannot read it: {fault.strerror or fault}") from None
    if number == 0:
        raise UnreadableUsage(str(path), rule="it is empty")


def read_header(path: Path, lines: Iterator[Line]) -> list[str]:
    """Take the first of `lines` and return the column names in it; raises `UnreadableUsage`."""
    first = next(lines, None)
    if first is None:
        raise UnreadableUsage(str(path), rule="it has no header line")
    try:
        return csv_fields(_text(first[1].removeprefix(BYTE_ORDER_MARK)))
    except BadUsage as fault:
        raise UnreadableUsage(str(path), rule=f"its header line cannot be used: {fault.rule}") from None


def parsed(lines: Iterable[Line], parse: Parse) -> Iterator[Row]:
    """Yield what `parse` makes of each line, given its number and text, or why it refuses."""
    for number, raw in lines:
        try:
            yield Taken(number, parse(number, _text(raw)))
        except InputError as fault:
            text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
            yield Rejected(number, str(fault), text)


def gather(rows: Iterable[Row]) -> Imported:
    """Return all rows of a file.

    A row that came before with the same key and content counts as repeated; one with the same key
    and other content is rejected.
    """
    intake = _Intake()
    for row in rows:
        intake.accept(row)
    return intake.imported()


def csv_fields(text: str) -> list[str]:
    """Return the fields of one CSV row that is one line; raises `BadUsage`."""
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as fault:
        raise BadUsage("row", text, rule=f"not a CSV row: {fault}") from None


def require_fields(fields: list[str], *, columns: int, text: str) -> None:
    """Raise `BadUsage` unless a row has as many fields as its file has columns."""
    if len(fields) != columns:
        raise BadUsage("row", text, rule=f"it has {len(fields)} fields, the header has {columns}")


def parse_integer(name: str, text: str) -> int:
    """Return the whole number in a field, which its rule may still refuse; raises `BadUsage`."""
    if not _INTEGER.fullmatch(text):
        raise BadUsage(name, text, rule="write a whole number")
    return int(text)


@dataclass(slots=True)
class _Intake:
    """Rows as they are taken, so that a key is accepted once and nothing is forgotten."""

    accepted: dict[tuple[str, Address], Taken] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    repeated: int = 0

    def accept(self, row: Row) -> None:
        if isinstance(row, Rejected):
            self.rejected.append(row)
            return
        first = self.accepted.setdefault(row.record.key, row)
        if first.record == row.record:
            self.repeated += first is not row
            return
        rule = f"line {first.line} has another row for this task and node, and it differs"
        fault = BadUsage("task_id", row.record.task_id, rule=rule)
        self.rejected.append(Rejected(row.line, str(fault), to_line(row.record).rstrip()))

    def imported(self) -> Imported:
        records = tuple(row.record for row in self.accepted.values())
        return Imported(records, tuple(self.rejected), self.repeated)


def _text(raw: bytes) -> str:
    if len(raw) > ROW_BYTES_MAX:
        raise BadUsage("row", raw, rule=f"it is longer than {ROW_BYTES_MAX} bytes")
    try:
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadUsage("row", raw, rule="it is not UTF-8") from None
