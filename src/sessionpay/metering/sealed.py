"""Sealed segments as one table in DuckDB, whose work goes to the disk where memory does not reach."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sessionpay.metering.errors import BadSegment, NotAddedUp
from sessionpay.metering.segments import require_schema

# Rows that are handed over at once: enough to be quick, few enough to need little memory.
FETCHED_ROWS = 65_536

# Nothing is fetched from anywhere while money is added up.
SETTINGS: dict[str, bool | str] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

# A path is a pattern to DuckDB; in brackets, these characters stand for themselves.
_PATTERN = re.compile(r"[*?\[]")


@contextmanager
def usage_table(
    paths: Sequence[Path], *, memory_limit: int, threads: int
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open segments, at least one, as the table `usage`; what memory does not hold goes to the disk.

    `memory_limit` is in bytes and covers what the database works with; the process needs some more.
    The segments' columns are checked, not their SHA-256. Raises `BadSegment`, and `NotAddedUp` for whatever
    stops the database later.
    """
    for path in paths:
        _require_segment(path)
    with tempfile.TemporaryDirectory(prefix="sessionpay-") as spill:
        settings: dict[str, Any] = {
            "memory_limit": f"{memory_limit}B",
            "threads": threads,
            "temp_directory": spill,
            **SETTINGS,
        }
        try:
            with duckdb.connect(config=settings) as connection:
                # A bar would be written into what a command prints.
                connection.execute("SET enable_progress_bar = false")
                files = ", ".join(_literal(path) for path in paths)
                # A folder named like `day=1` must not become a column.
                source = f"read_parquet([{files}], hive_partitioning=false)"
                connection.execute(f"CREATE VIEW usage AS SELECT * FROM {source}")  # noqa: S608 - quoted
                yield connection
        except duckdb.Error as fault:
            raise NotAddedUp(str(fault)) from None


def _require_segment(path: Path) -> None:
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as fault:
        raise BadSegment(path, rule=f"it cannot be read, {fault}") from None
    require_schema(path, schema)


def _literal(path: Path) -> str:
    plain = _PATTERN.sub(r"[\g<0>]", str(path.absolute()))
    return "'" + plain.replace("'", "''") + "'"
