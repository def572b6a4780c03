"""Sealed usage: Parquet files named by the SHA-256 of their bytes, written once and never changed."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sessionpay.core.errors import BadUsage, shown
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Ppm
from sessionpay.core.usage import Outcome, UsageRecord
from sessionpay.metering.errors import BadSegment

SUFFIX = ".parquet"
# A file that was never finished keeps this ending, so that nothing takes it for a segment.
UNFINISHED_SUFFIX = ".writing"

# Sessions and nodes as big-endian bytes: sorting them is sorting the numbers, and the addresses' text.
ID_BYTES = 20
# A sealed file is read by everyone who may read the folder, and written by nobody.
SEALED_MODE = 0o444
# Readers hand out work by row group: this is large enough to compress, small enough to share among threads.
GROUP_ROWS_MAX = 122_880

_NAME = pa.dictionary(pa.int32(), pa.string())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("task_id", pa.string()),
            ("session_id", pa.binary(ID_BYTES)),
            ("node", pa.binary(ID_BYTES)),
            ("model", _NAME),
            ("sla", _NAME),
            ("prompt_tokens", pa.int64()),
            ("completion_tokens", pa.int64()),
            ("submitted_at", pa.timestamp("us", tz="UTC")),
            ("latency_ms", pa.int64()),
            ("outcome", _NAME),
            ("quality_ppm", pa.int64()),
        )
    ]
)
# Every task has a name of its own, so a dictionary of them would only be a second copy.
DICTIONARY_COLUMNS = [name for name in SCHEMA.names if name != "task_id"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file: the SHA-256 of its bytes in hexadecimal, how many rows it has, and its size in bytes."""

    sha256: str
    rows: int
    size: int

    @property
    def name(self) -> str:
        """The file's name in its folder."""
        return f"{self.sha256}{SUFFIX}"


def write_segment(records: Iterable[UsageRecord], folder: Path) -> Segment:
    """Seal `records` as one file in `folder`, which exists; the file is durable when this returns.

    The same records in the same order give the same bytes, and so the same name. A write that breaks off
    leaves no segment. Raises `OSError` where the disk does not take it.
    """
    # In the same folder, because a rename is one step only on one disk.
    with tempfile.NamedTemporaryFile(dir=folder, suffix=UNFINISHED_SUFFIX, delete=False) as file:
        unfinished = Path(file.name)
        try:
            rows = _write(records, file)
            segment = Segment(_make_durable(file), rows=rows, size=unfinished.stat().st_size)
            unfinished.replace(folder / segment.name)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    _sync_folder(folder)
    return segment


def read_segment(path: Path) -> Iterator[UsageRecord]:
    """Give the records of a segment in the order in which they were sealed, a batch in memory at a time.

    Raises `BadSegment` before the first record where the bytes are not those that the name promises, and
    where a row breaks a rule of `UsageRecord`.
    """
    require_sealed(path)
    try:
        with pq.ParquetFile(path) as file:
            require_schema(path, file.schema_arrow)
            for batch in file.iter_batches(batch_size=GROUP_ROWS_MAX):
                yield from _records(batch)
    except (BadUsage, ValueError, OverflowError, OSError, pa.ArrowException) as fault:
        raise BadSegment(path, rule=f"it cannot be read, {fault}") from None


def require_sealed(path: Path) -> None:
    """Raise `BadSegment` unless the file's SHA-256 is its name."""
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise BadSegment(path, rule=fault.strerror or "it cannot be read") from None
    if path.name != f"{found}{SUFFIX}":
        raise BadSegment(path, rule=f"its bytes have the SHA-256 {found}, which is not its name")


def require_schema(path: Path, schema: pa.Schema) -> None:
    """Raise `BadSegment` unless the columns, in their order, are those of `SCHEMA`."""
    if schema.equals(SCHEMA):
        return
    found = ", ".join(f"{field.name} {field.type}" for field in schema)
    raise BadSegment(path, rule=f"its columns are not those of a segment but {shown(found)}")


def table(records: Iterable[UsageRecord]) -> pa.Table:
    """Return records as one Arrow table of `SCHEMA`."""
    rows = list(records)
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows]
        for name in SCHEMA.names
        if name not in {"session_id", "node"}
    }
    columns["session_id"] = [row.session_id.to_bytes(ID_BYTES) for row in rows]
    columns["node"] = [bytes.fromhex(row.node[2:]) for row in rows]
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _write(records: Iterable[UsageRecord], file: IO[bytes]) -> int:
    remaining = iter(records)
    rows = 0
    with pq.ParquetWriter(file, SCHEMA, compression="zstd", use_dictionary=DICTIONARY_COLUMNS) as writer:
        while batch := list(islice(remaining, GROUP_ROWS_MAX)):
            writer.write_table(table(batch), row_group_size=GROUP_ROWS_MAX)
            rows += len(batch)
    return rows


def _make_durable(file: IO[bytes]) -> str:
    """Bring the file to the disk, for reading only, and return the SHA-256 of its bytes."""
    file.flush()
    os.fchmod(file.fileno(), SEALED_MODE)
    os.fsync(file.fileno())
    with Path(file.name).open("rb") as written:
        return file_digest(written, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    # Until the folder itself is on the disk, a power cut can take the new name away.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _records(batch: pa.RecordBatch) -> Iterator[UsageRecord]:
    columns = [_values(batch.column(name)) for name in SCHEMA.names]
    for values in zip(*columns, strict=True):
        row = dict(zip(SCHEMA.names, values, strict=True))
        row["session_id"] = SessionId(int.from_bytes(row["session_id"]))
        row["node"] = Address(f"0x{row['node'].hex()}")
        row["submitted_at"] = _EPOCH + row["submitted_at"] * _MICROSECOND
        row["outcome"] = Outcome(row["outcome"])
        row["quality_ppm"] = Ppm(row["quality_ppm"])
        yield UsageRecord(**row)


def _values(column: pa.Array) -> list[Any]:
    # Through the number of microseconds, because that needs no table of time zones.
    times = pa.types.is_timestamp(column.type)
    return list((column.cast(pa.int64()) if times else column).to_pylist())
