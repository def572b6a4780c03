"""Usage files as commands take them: their format found out, their rows one stream."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path

from sessionpay.core.errors import UnreadableUsage
from sessionpay.metering.azure import AZURE_HEADER, Spread, azure_rows
from sessionpay.metering.lines import Row
from sessionpay.metering.parquet import PARQUET_MAGIC, parquet_rows
from sessionpay.metering.records import csv_rows, jsonl_rows

# Enough lines to guess by how many the file has.
SAMPLE_BYTES = 65_536


class Format(StrEnum):
    """What a usage file looks like."""

    AZURE = "azure"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Opened:
    """Files that are open: their rows, each with its file's name, and about how many there are."""

    rows: Iterator[tuple[str, Row]]
    rows_estimated: int


def found_format(path: Path) -> Format:
    """Tell a file's format by its name and its first line. Raises `UnreadableUsage`."""
    if path.suffix in {".jsonl", ".ndjson"}:
        return Format.JSONL
    first = _sample(path).split(b"\n", 1)[0]
    if first.startswith(PARQUET_MAGIC):
        return Format.PARQUET
    line = first.decode(errors="replace").strip().lstrip("\ufeff")
    return Format.AZURE if line == ",".join(AZURE_HEADER) else Format.CSV


def open_files(files: Sequence[Path], file_format: Format | None, *, spread: Callable[[], Spread]) -> Opened:
    """Open all files before a row is taken from the first; `spread` is asked for an azure trace.

    Raises `UnreadableUsage` and `BadSpread`.
    """
    rows: list[Iterator[tuple[str, Row]]] = []
    estimated = 0
    for path in files:
        chosen = file_format or found_format(path)
        estimated += _estimate(path)
        rows.append(_named(path, _rows(path, chosen, spread)))
    return Opened(chain.from_iterable(rows), estimated)


def _rows(path: Path, file_format: Format, spread: Callable[[], Spread]) -> Iterator[Row]:
    match file_format:
        case Format.AZURE:
            return azure_rows(path, spread=spread())
        case Format.CSV:
            return csv_rows(path)
        case Format.JSONL:
            return jsonl_rows(path)
        case Format.PARQUET:
            return parquet_rows(path)


def _named(path: Path, rows: Iterator[Row]) -> Iterator[tuple[str, Row]]:
    name = str(path)
    return ((name, row) for row in rows)


def _estimate(path: Path) -> int:
    """Guess how many rows a file has from its beginning; only a progress bar depends on it."""
    sample = _sample(path)
    return path.stat().st_size * max(sample.count(b"\n"), 1) // max(len(sample), 1)


def _sample(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except OSError as fault:
        raise UnreadableUsage(str(path), rule=f"cannot read it: {fault.strerror or fault}") from None
