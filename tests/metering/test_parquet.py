"""Usage files in Parquet.

Given plain columns
  it should read them, whole numbers, bytes and texts alike, with defaults where a field is null or left out
Given a bad row
  it should keep it with its number and reason, and take the rows around it
Given a file that is no Parquet or lacks a column
  it should raise UnreadableUsage
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from sessionpay.core.errors import UnreadableUsage
from sessionpay.core.ids import SESSION_ID_LIMIT
from sessionpay.core.usage import to_line
from sessionpay.metering.parquet import read_parquet
from sessionpay.metering.segments import SCHEMA, path_of, write_segment
from tests.core.rows import NODE_A, row

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=UTC)
COLUMNS: dict[str, list[Any]] = {
    "task_id": ["t1", "t2"],
    "session_id": [7, 8],
    "node": [NODE_A, NODE_A],
    "model": ["large", "large"],
    "prompt_tokens": [1, 2],
    "completion_tokens": [0, 0],
    "submitted_at": [MOMENT, MOMENT],
    "latency_ms": [0, 0],
    "outcome": ["committed", "failed"],
}


def written(folder: Path, **columns: object) -> Path:
    path = folder / "usage.parquet"
    given = {name: values for name, values in {**COLUMNS, **columns}.items() if values is not None}
    parquet.write_table(pa.table(given), path)
    return path


def test_plain_columns(tmp_path: Path) -> None:
    imported = read_parquet(written(tmp_path))
    assert imported.rejected == ()
    assert imported.records[0] == row(task_id="t1", submitted_at=MOMENT)
    assert [record.session_id for record in imported.records] == [7, 8]


@pytest.mark.parametrize(
    "columns",
    [
        {"session_id": ["7", "8"]},
        {"session_id": pa.array([(7).to_bytes(20), (8).to_bytes(20)], pa.binary(20))},
        {"node": pa.array([bytes.fromhex(NODE_A[2:])] * 2, pa.binary(20))},
        {"submitted_at": ["2026-01-02T12:00:00.25Z"] * 2},
        {"submitted_at": pa.array([MOMENT] * 2, pa.timestamp("us", "Asia/Tokyo"))},
        {"submitted_at": pa.array([1_767_355_200_250_000_999] * 2, pa.timestamp("ns", "UTC"))},
        {"sla": pa.array([None, "standard"], pa.string()), "quality_ppm": pa.array([None, 1_000_000])},
        {"model": pa.array(["large", "large"]).dictionary_encode()},
    ],
)
def test_the_same_rows_in_other_columns(tmp_path: Path, columns: dict[str, object]) -> None:
    expected = read_parquet(written(tmp_path)).records
    assert read_parquet(written(tmp_path, **columns)).records == expected


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"session_id": [-1, 8]}, "session_id -1"),
        ({"session_id": pa.array([b"\x07", (8).to_bytes(20)])}, "session_id"),
        ({"prompt_tokens": [1.0, 2.0]}, "prompt_tokens 1.0"),
        ({"prompt_tokens": [None, 2]}, "it is null"),
        ({"node": [NODE_A[:-1], NODE_A]}, "node"),
        ({"submitted_at": [datetime(2026, 1, 2)] * 2}, "names no zone"),  # noqa: DTZ001 - that is the case
        ({"outcome": ["done", "failed"]}, "outcome 'done'"),
    ],
)
def test_a_bad_row_is_kept_with_its_number(tmp_path: Path, columns: dict[str, object], reason: str) -> None:
    imported = read_parquet(written(tmp_path, **columns))
    assert imported.rejected[0].line == 1
    assert reason in imported.rejected[0].reason
    assert '"task_id": "t1"' in imported.rejected[0].text


def test_what_is_no_usage_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "usage.parquet"
    text.write_text("task_id,session_id")
    with pytest.raises(UnreadableUsage, match="as Parquet"):
        read_parquet(text)
    with pytest.raises(UnreadableUsage, match="No such file"):
        read_parquet(tmp_path / "nothing.parquet")
    with pytest.raises(UnreadableUsage, match="lacks the columns: node"):
        read_parquet(written(tmp_path, node=None))
    with pytest.raises(UnreadableUsage, match="unknown columns: price"):
        read_parquet(written(tmp_path, price=[1, 2]))


def test_a_segment_is_read_back(tmp_path: Path) -> None:
    records = [row(session_id=SESSION_ID_LIMIT - 1), row(task_id="ü", sla="priority", quality_ppm=3)]
    segment = write_segment(tmp_path, map(to_line, records))
    path = path_of(tmp_path, segment.sha256)
    assert parquet.read_schema(path).equals(SCHEMA)
    assert read_parquet(path).records == tuple(records)
