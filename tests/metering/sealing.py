"""Segments for tests: records sealed, and read back."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sessionpay.core.usage import UsageRecord, to_line
from sessionpay.metering.parquet import read_parquet
from sessionpay.metering.segments import path_of, write_segment


def seal(records: Iterable[UsageRecord], folder: Path) -> Path:
    """Seal records as one file, and return it."""
    return path_of(folder, write_segment(folder, map(to_line, records)).sha256)


def unsealed(path: Path) -> list[UsageRecord]:
    """Return the records of a segment."""
    return list(read_parquet(path).records)


def table(records: Iterable[UsageRecord], folder: Path) -> pa.Table:
    """Return records as the table that a segment holds."""
    path = seal(records, folder)
    found = pq.read_table(path)
    path.unlink()
    return found
