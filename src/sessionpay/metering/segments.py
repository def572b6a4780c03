"""Sealed usage in Parquet: files named by their SHA-256 and never changed.

A session and a node are their bytes, most significant first, so that they sort as numbers do.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from io import BytesIO
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from pyarrow import compute, json, parquet

from sessionpay.core.errors import shown
from sessionpay.metering.errors import BadSegment

ACCOUNT_BYTES = 20
_ACCOUNT = pa.binary(ACCOUNT_BYTES)
_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("session_id", _ACCOUNT, nullable=False),
        pa.field("node", _ACCOUNT, nullable=False),
        pa.field("model", _NAME, nullable=False),
        pa.field("sla", _NAME, nullable=False),
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("completion_tokens", pa.int64(), nullable=False),
        pa.field("submitted_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("latency_ms", pa.int64(), nullable=False),
        pa.field("outcome", _NAME, nullable=False),
        pa.field("quality_ppm", pa.int64(), nullable=False),
    ]
)
# In a line of JSON, sessions, nodes and names are texts.
_TEXTS = {_ACCOUNT, _NAME}
_LINES = pa.schema([(each.name, pa.string() if each.type in _TEXTS else each.type) for each in SCHEMA])

# Every task has a name of its own, so a dictionary of them would only be a second copy.
DICTIONARY_COLUMNS = [name for name in SCHEMA.names if name != "task_id"]
# About 30 MB of lines at a time, and row groups that a reader can share out among a few threads.
ROWS_AT_ONCE = 100_000
# What a file is called until it is whole; one that a crash left is nobody's.
PARTIAL = ".partial"
SUFFIX = ".parquet"
# A sealed file is read by everyone who may read the folder, and written by nobody.
SEALED_MODE = 0o444


@dataclass(frozen=True, slots=True)
class Written:
    """A segment that is on the disk, under its name."""

    sha256: str
    rows: int
    bytes: int


def path_of(folder: Path, sha256: str) -> Path:
    """Return where a segment is."""
    return folder.joinpath(f"{sha256}{SUFFIX}")


def write_segment(folder: Path, lines: Iterable[str]) -> Written:
    """Write records, each as the line that `core.usage.to_line` makes of it, into a file of their own.

    When this returns the file survives a loss of power. Raises `OSError`, and leaves nothing then.
    """
    draft = folder.joinpath(f"{uuid4().hex}{PARTIAL}")
    try:
        rows = _write(draft, iter(lines))
        with draft.open("rb") as file:
            os.fchmod(file.fileno(), SEALED_MODE)
            os.fsync(file.fileno())
            sha256 = file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        draft.rename(path_of(folder, sha256))
    finally:
        draft.unlink(missing_ok=True)
    keep_names(folder)
    return Written(sha256, rows, size)


def keep_names(folder: Path) -> None:
    """Have the names in a folder written to the disk, without which a file may be there and not be found."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def _write(path: Path, lines: Iterator[str]) -> int:
    rows = 0
    with parquet.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=DICTIONARY_COLUMNS) as writer:
        while some := list(islice(lines, ROWS_AT_ONCE)):
            writer.write_table(_table("".join(some).encode()))
            rows += len(some)
    return rows


def _table(text: bytes) -> pa.Table:
    # One block, because a line that two blocks share would be read by neither.
    found = json.read_json(
        BytesIO(text),
        read_options=json.ReadOptions(block_size=len(text) + 1),
        parse_options=json.ParseOptions(explicit_schema=_LINES, unexpected_field_behavior="error"),
    )
    columns = [_column(found[each.name].combine_chunks(), each) for each in SCHEMA]
    return pa.table(columns, schema=SCHEMA)


def _column(values: pa.Array, wanted: pa.Field) -> pa.Array:
    if wanted.type == _NAME:
        return values.dictionary_encode()
    if wanted.type != _ACCOUNT:
        return values
    # The same few sessions and nodes stand in many rows.
    encoded = values.dictionary_encode()
    convert = session_bytes if wanted.name == "session_id" else node_bytes
    distinct = pa.array([convert(text) for text in encoded.dictionary.to_pylist()], _ACCOUNT)
    return compute.take(distinct, encoded.indices)


def session_bytes(text: str) -> bytes:
    """Return the bytes of a session's number, given in decimal digits."""
    return int(text).to_bytes(ACCOUNT_BYTES)


def node_bytes(text: str) -> bytes:
    """Return the bytes of a node's address."""
    return bytes.fromhex(text[2:])
