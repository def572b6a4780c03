"""What a command prints: the same values as a table for people, or as one JSON object for programs.

Results go to standard output; plans, questions, progress and errors go to standard error, so that a
result can be piped on.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from sessionpay.core.money import Asset, BaseUnits, format_amount

# Where no person looks, lines are not folded: wide enough for every column of a statement.
PIPE_COLUMNS = 250
# More than any table needs.
WIDTH_MAX = 10_000

# A table knows all its rows before it is drawn, so a long one is drawn in pages of so many.
PAGE_ROWS = 500
# JSON up to this size does not need a file on the way.
SPOOLED_CHARACTERS_MAX = 1_000_000

SECONDS_PER = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in base units, and the asset it is of."""

    amount: BaseUnits
    asset: Asset

    def __str__(self) -> str:
        """Return the exact amount in the unit people use."""
        return format_amount(self.amount, self.asset)


@dataclass(frozen=True, slots=True)
class Instant:
    """A time in unix seconds; zero means that it never was."""

    unix: int

    def __str__(self) -> str:
        """Return the time in UTC."""
        if not self.unix:
            return "never"
        try:
            return datetime.fromtimestamp(self.unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        except (OverflowError, ValueError, OSError):
            return f"unix time {self.unix}"


@dataclass(frozen=True, slots=True)
class Span:
    """How long something lasts, in seconds."""

    seconds: int

    def __str__(self) -> str:
        """Return the span in the largest unit that it is whole in, as the options take it: `6h`, `90s`."""
        if self.seconds == 0:
            return "none"
        unit = next(unit for unit in "dhms" if self.seconds % SECONDS_PER[unit] == 0)
        return f"{self.seconds // SECONDS_PER[unit]}{unit}"


Value = str | int | bool | Money | Instant | Span | None
Row = Mapping[str, Value]
Fields = Mapping[str, "Value | Sequence[Row]"]


Count = Callable[[str, int, int], None]


class Screen:
    """Where one run of the program writes."""

    def __init__(self, *, json_output: bool) -> None:
        """Write to what standard output and standard error are now; `json_output` asks for one object."""
        self.json_output = json_output
        self._results = _console(stderr=False)
        self._notes = _console(stderr=True)

    def result(self, title: str, fields: Fields) -> None:
        """Print what the command found or did; with JSON, `title` is left out."""
        if self.json_output:
            sys.stdout.write(json.dumps(as_json(fields), indent=2) + "\n")
        else:
            _print(self._results, title, fields)

    def rows(self, title: str, fields: Fields, name: str, rows: Iterable[Row]) -> None:
        """Print a result with `rows` that may be too many for memory, which are taken as they are printed.

        For people they are tables of a few hundred rows each, or, where a table would be too wide, fields
        one below the other; for programs they are a list under `name`.
        """
        if not self.json_output:
            _print(self._results, title, fields)
            _print_pages(self._results, name, rows)
            return
        # Written aside first, because after an error on the way one object must follow, not the rest of one.
        with SpooledTemporaryFile(SPOOLED_CHARACTERS_MAX, "w+", encoding="utf-8") as spool:
            _write_json(spool, fields, name, rows)
            spool.seek(0)
            shutil.copyfileobj(spool, sys.stdout)

    def parts(self, title: str, fields: Fields, name: str, parts: Sequence[Row]) -> None:
        """Print a result with parts that have too many fields for a table; with JSON a list under `name`."""
        if self.json_output:
            self.result(title, {**fields, name: parts})
            return
        _print(self._results, title, fields)
        for part in parts:
            self._results.print()
            _print_single(self._results, part)

    def line(self, text: str) -> None:
        """Print one line of the result."""
        self._results.print(Text(one_line(text), style="bold"), soft_wrap=True)

    def plan(self, title: str, fields: Fields) -> None:
        """Print what is about to be done."""
        _print(self._notes, title, fields)

    def note(self, line: str) -> None:
        """Print one line that is not part of the result."""
        self._notes.print(Text(one_line(line)), soft_wrap=True)

    @contextmanager
    def waiting(self, line: str) -> Iterator[None]:
        """Show that something is being waited for; where nobody looks, nothing is written."""
        if not self._notes.is_terminal:
            yield
            return
        with self._notes.status(Text(line)):
            yield

    @contextmanager
    def counting(self, unit: str) -> Iterator[Count]:
        """Lend a function that shows how much is done of how much; where nobody looks, it does nothing.

        It takes what is counted, which gets a line of its own, how many are done, and of how many.
        """
        if not self._notes.is_terminal:
            yield lambda _line, _done, _total: None
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._notes, transient=True) as bar:
            tasks: dict[str, TaskID] = {}

            def count(line: str, done: int, total: int) -> None:
                if line not in tasks:
                    tasks[line] = bar.add_task(one_line(line))
                bar.update(tasks[line], completed=done, total=max(done, total))

            yield count


def as_json(fields: Fields) -> dict[str, object]:
    """Return `fields` for JSON: money and times keep their exact number and get a text beside it."""
    found: dict[str, object] = {}
    for name, value in fields.items():
        match value:
            case Money(amount=amount):
                found |= {name: str(amount), f"{name}_text": str(value)}
            case Instant(unix=unix):
                found |= {name: unix, f"{name}_text": str(value)}
            case Span(seconds=seconds):
                found |= {name: seconds, f"{name}_text": str(value)}
            case None | str() | int():
                found[name] = value
            case rows:
                found[name] = [as_json(row) for row in rows]
    return found


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_COLUMNS
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def _print(console: Console, title: str, fields: Fields) -> None:
    console.print(Text(title, style="bold"))
    _print_single(console, fields)
    for name, value in fields.items():
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            console.print(Text(f" {_label(name)}:"))
            console.print(_rows(value))


def _print_single(console: Console, fields: Fields) -> None:
    single = {_label(name): _shown(value) for name, value in fields.items() if _is_single(value)}
    width = max(map(len, single), default=0)
    for label, shown in single.items():
        # The terminal breaks a long line by itself, and then a hash can still be copied in one piece.
        console.print(Text(f" {label:{width}}  {shown}"), soft_wrap=True)


def _print_pages(console: Console, name: str, rows: Iterable[Row]) -> None:
    remaining = iter(rows)
    while page := list(islice(remaining, PAGE_ROWS)):
        console.print(Text(f" {_label(name)}:"))
        table = _rows(page)
        if console.measure(table, options=console.options.update(width=WIDTH_MAX)).maximum <= console.width:
            console.print(table)
            continue
        # Amounts and hashes that are folded into a narrow column cannot be read.
        for row in page:
            _print_single(console, row)
            console.print()


def _write_json(stream: IO[str], fields: Fields, name: str, rows: Iterable[Row]) -> None:
    """Write what `json.dumps` would write of it all, row by row."""
    opening = json.dumps(as_json(fields), indent=2).removesuffix("\n}")
    stream.write(f'{opening},\n  "{name}": [')
    before = "\n"
    for row in rows:
        told = json.dumps(as_json(row), indent=2).replace("\n", "\n    ")
        stream.write(f"{before}    {told}")
        before = ",\n"
    stream.write("]\n}\n" if before == "\n" else "\n  ]\n}\n")


def _rows(rows: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=True)
    for name in rows[0]:
        right = isinstance(rows[0][name], Money)
        table.add_column(_label(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row.values()))
    return table


def _is_single(value: object) -> bool:
    return value is None or isinstance(value, str | int | Money | Instant | Span)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(str(value))


def _label(name: str) -> str:
    return name.replace("_", " ")


def one_line(text: str) -> str:
    """Return `text` on one line, without the control characters that a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
