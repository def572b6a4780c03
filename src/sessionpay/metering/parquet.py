"""Usage files in Parquet: segments of this package, and files with the same names in plainer columns."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from sessionpay.core.errors import BadUsage, InputError, UnreadableUsage
from sessionpay.metering.lines import Imported, Rejected, Row, Taken, gather
from sessionpay.metering.records import OPTIONAL, REQUIRED, parse_row, require_columns
from sessionpay.metering.segments import ACCOUNT_BYTES

ROWS_AT_ONCE = 10_000
# What a Parquet file begins with.
PARQUET_MAGIC = b"PAR1"


def read_parquet(path: Path) -> Imported:
    """Read a Parquet file: names as text, numbers as integers, times as timestamps with a zone or as text.

    `session_id` may also be an integer or its 20 bytes, `node` also its 20 bytes; `sla` and `quality_ppm`
    may be left out or null. Rows are counted from 1. Raises `UnreadableUsage`.
    """
    return gather(parquet_rows(path))


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file as `read_parquet` reads it; raises `UnreadableUsage` at once."""
    try:
        file = parquet.ParquetFile(path)
    except (OSError, pa.ArrowException) as fault:
        raise _unreadable(path, fault) from None
    require_columns(path, file.schema_arrow.names)
    return _rows(path, file)


def _rows(path: Path, file: parquet.ParquetFile) -> Iterator[Row]:
    line = 0
    try:
        for batch in file.iter_batches(ROWS_AT_ONCE):
            for values in _whole_microseconds(batch).to_pylist():
                line += 1
                yield _row(line, values)
    except (OSError, pa.ArrowException) as fault:
        raise _unreadable(path, fault) from None


def _unreadable(path: Path, fault: Exception) -> UnreadableUsage:
    reason = getattr(fault, "strerror", None) or " ".join(str(fault).split())
    return UnreadableUsage(str(path), rule=f"cannot read it as Parquet: {reason}")


def _whole_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cut times that are finer than Python's, as it is done with texts."""
    place = batch.schema.get_field_index("submitted_at")
    found = batch.schema.field(place).type
    if not pa.types.is_timestamp(found):
        return batch
    column = batch.column(place).cast(pa.timestamp("us", tz=found.tz), safe=False)
    return batch.set_column(place, "submitted_at", column)


def _row(line: int, values: dict[str, object]) -> Row:
    try:
        return Taken(line, parse_row(_plain(values)))
    except InputError as fault:
        return Rejected(line, str(fault), json.dumps(values, default=_told))


def _plain(values: dict[str, object]) -> dict[str, object]:
    """Return a row as JSON would have it."""
    known = {name: value for name, value in values.items() if value is not None or name not in OPTIONAL}
    for name in REQUIRED:
        if known[name] is None:
            raise BadUsage(name, None, rule="it is null")
    session_id, node, moment = known["session_id"], known["node"], known["submitted_at"]
    if isinstance(session_id, bytes) and len(session_id) == ACCOUNT_BYTES:
        known["session_id"] = int.from_bytes(session_id)
    if isinstance(node, bytes) and len(node) == ACCOUNT_BYTES:
        known["node"] = f"0x{node.hex()}"
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise BadUsage("submitted_at", moment, rule="its column names no zone; make it one in UTC")
        known["submitted_at"] = moment.astimezone(UTC).isoformat()
    return known


def _told(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
