"""Adding up the usage of a large epoch: sealed segments in DuckDB, beside the plain loop of the core.

Rows are generated into a temporary folder. The run is a process of its own, and so is its peak memory.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figures import Figure
from sessionpay.core.money import BaseUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from sessionpay.core.tally import tally
from sessionpay.metering.aggregate import tallies
from sessionpay.metering.parquet import read_parquet
from sessionpay.metering.segments import DICTIONARY_COLUMNS, ROWS_AT_ONCE, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 100_000_000
ROWS_SMALL = 200_000
SEGMENT_ROWS = 10_000_000
SAMPLE_ROWS = 100_000
NODES = 100_000
SESSIONS = 500
# Two sessions a node; a prime step deals rows out so that neighbours never belong together.
SERVICES = 2 * NODES
STEP = 104_729
THREADS = 2
MEMORY_LIMIT = 2 * 10**9
# Parquet takes about 20 bytes of such a row, sorted hashes at most 16 more.
DISK_BYTES_PER_ROW = 64
TIMEOUT_SECONDS = 900
MEMORY_MIB_MAX = 4 * 1024

SHEET = PriceSheet(
    {
        f"model-{number}": ModelPrice(BaseUnits(150 * 10**12 + number), BaseUnits(6 * 10**14))
        for number in range(3)
    },
    {"standard": Ppm(1_000_000), "priority": Ppm(1_500_001)},
)
POLICY = Policy(fee_ppm=Ppm(50_000), deadline_default_ms=30_000)

GENERATED = f"""
SELECT
    'task-' || i AS task_id, session_id, node, 'model-' || (i % 3) AS model,
    CASE WHEN i % 4 = 0 THEN 'priority' ELSE 'standard' END AS sla,
    i * 31 % 8000 AS prompt_tokens, i * 17 % 600 AS completion_tokens,
    1767225600000000 + i AS submitted_at, i * 13 % 40000 AS latency_ms,
    CASE WHEN i % 50 = 0 THEN 'failed' ELSE 'committed' END AS outcome, 1000000 - i % 1000 AS quality_ppm
FROM range(?, ?) AS numbers(i) JOIN services ON number = i * {STEP} % {SERVICES}
"""  # noqa: S608 - constants
SERVICES_TABLE = f"""
CREATE TABLE services AS
SELECT i AS number, unhex(lpad(hex((i * 7919 + i // {NODES}) % {SESSIONS}), 40, '0')) AS session_id,
    unhex(lpad(hex(1 + i % {NODES}), 40, '0')) AS node
FROM range({SERVICES}) AS numbers(i)
"""  # noqa: S608 - constants


def aggregating(rows: int = ROWS) -> Iterator[Figure]:
    """Add up generated rows by session and node, beside the plain loop on a sample."""
    with tempfile.TemporaryDirectory(prefix="sessionpay-bench-") as name:
        folder = Path(name)
        needed = rows * DISK_BYTES_PER_ROW
        if shutil.disk_usage(folder).free < needed:
            sys.exit(f"{rows:,} rows need {needed:,} free bytes in {folder.parent}")
        loop = sampled(folder, min(rows, SAMPLE_ROWS))
        generate(folder, rows)
        # A process of its own, because its peak memory is to be told.
        command = [sys.executable, "-m", "benchmarks.aggregation", str(folder)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS)
    took = json.loads(told.stdout)
    rate = rows / took["seconds"]
    services = f"usage rows added up, {rows:,} of {NODES:,} nodes"
    yield Figure(services, int(rate), "a second", rate / loop, "a plain Python loop")
    yield Figure(
        "their peak memory", took["peak_mib"], "MiB", MEMORY_MIB_MAX / took["peak_mib"], "below 4 GiB"
    )


def run(folder: Path) -> dict[str, Any]:
    """Add up every segment of a folder; how long it took, the services, and the peak memory."""
    began = time.perf_counter()
    found = tallies(sorted(folder.iterdir()), SHEET, POLICY, memory_limit=MEMORY_LIMIT, threads=THREADS)
    seconds = time.perf_counter() - began
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    if len(found) > SERVICES:
        sys.exit(f"{len(found)} services came of {SERVICES}: a figure of wrong sums is worth nothing")
    return {"seconds": seconds, "peak_mib": int(peak) // 1024}


def sampled(folder: Path, rows: int) -> float:
    """Return how many of `rows` the plain loop adds up a second, and require that both ways say the same."""
    written = folder / "sample"
    write(written, 0, rows)
    with written.open("rb") as file:
        path = written.rename(folder / f"{file_digest(file, 'sha256').hexdigest()}.parquet")
    records = read_parquet(path).records
    began = time.perf_counter()
    expected = tally(records, SHEET, POLICY)
    seconds = time.perf_counter() - began
    if tallies([path], SHEET, POLICY, memory_limit=MEMORY_LIMIT, threads=THREADS) != expected:
        sys.exit("the two ways to add up differ: a figure of wrong sums is worth nothing")
    path.unlink()
    return rows / seconds


def generate(folder: Path, rows: int) -> None:
    """Write `rows` rows as segments, as many at once as there are threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        parts = [
            pool.submit(write, folder / f"{start:012}.parquet", start, min(rows, start + SEGMENT_ROWS))
            for start in range(0, rows, SEGMENT_ROWS)
        ]
        for part in parts:
            part.result()


def write(path: Path, start: int, end: int) -> None:
    """Write the rows `start` to `end` - 1 in the form of a segment."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(SERVICES_TABLE)
        batches = connection.sql(GENERATED, params=[start, end]).to_arrow_reader(ROWS_AT_ONCE)
        with pq.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=DICTIONARY_COLUMNS) as writer:
            for batch in batches:
                columns = [batch.column(field.name).cast(field.type) for field in SCHEMA]
                writer.write_batch(pa.record_batch(columns, schema=SCHEMA))


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
