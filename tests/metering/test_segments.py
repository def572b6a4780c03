"""Sealed usage in Parquet.

write_segment
  given records: it should name the file by its SHA-256, read-only, and leave nothing else in the folder
  given the same records again: it should give the same name
  given records that break off: it should leave the folder as it was
read_segment
  given a sealed file: it should give back every record, in order, to the microsecond
  given a file that is missing, damaged, renamed or of other columns: it should raise BadSegment
  given a row that breaks a rule: it should raise BadSegment with the rule
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from sessionpay.core.usage import UsageRecord
from sessionpay.metering import segments
from sessionpay.metering.errors import BadSegment
from sessionpay.metering.segments import SCHEMA, read_segment, table, write_segment
from tests.core.rows import row
from tests.strategies import row_lists

MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)


def sealed(given_table: pa.Table, folder: Path) -> Path:
    """Write a table under its right name, whatever it holds."""
    written = folder / "table"
    pq.write_table(given_table, written)
    return written.rename(folder / f"{sha256(written.read_bytes()).hexdigest()}.parquet")


@given(rows=row_lists())
def test_gives_back_what_was_sealed(rows: Sequence[UsageRecord]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        segment = write_segment(rows, folder)
        assert tuple(read_segment(folder / segment.name)) == tuple(rows)
        assert segment.rows == len(rows)


def test_keeps_every_moment_and_character(tmp_path: Path) -> None:
    rows = [row(submitted_at=moment, task_id='é"\\ 𝄞', model="\U0010ffff", sla="ß") for moment in MOMENTS]
    assert list(read_segment(tmp_path / write_segment(rows, tmp_path).name)) == rows


def test_names_the_file_by_its_bytes(tmp_path: Path) -> None:
    rows = [row(task_id=f"t{number}") for number in range(3)]
    segment = write_segment(rows, tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.name == segment.name == f"{sha256(path.read_bytes()).hexdigest()}.parquet"
    assert (segment.rows, segment.size) == (3, path.stat().st_size)
    assert path.stat().st_mode & 0o777 == segments.SEALED_MODE
    assert write_segment(iter(rows), tmp_path) == segment
    assert write_segment(rows[::-1], tmp_path) != segment


def test_spans_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "GROUP_ROWS_MAX", 4)
    rows = [row(task_id=f"t{number}", model=("large", "small")[number % 2]) for number in range(10)]
    path = tmp_path / write_segment(rows, tmp_path).name
    assert pq.ParquetFile(path).num_row_groups == 3
    assert list(read_segment(path)) == rows


def test_leaves_nothing_of_a_write_that_breaks_off(tmp_path: Path) -> None:
    def breaking() -> Iterator[UsageRecord]:
        yield row()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_segment(breaking(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSegment, match="No such file"):
        list(read_segment(tmp_path / "gone.parquet"))


@pytest.mark.parametrize("position", [0, 40, -1])
def test_refuses_a_changed_byte(tmp_path: Path, position: int) -> None:
    path = tmp_path / write_segment([row()], tmp_path).name
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(BadSegment, match="not its name"):
        list(read_segment(path))


def test_refuses_what_is_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / f"{sha256(b'text').hexdigest()}.parquet"
    path.write_bytes(b"text")
    with pytest.raises(BadSegment, match="cannot be read"):
        list(read_segment(path))


def test_refuses_other_columns(tmp_path: Path) -> None:
    path = sealed(table([row()]).drop_columns(["sla"]), tmp_path)
    with pytest.raises(BadSegment, match="columns"):
        list(read_segment(path))


def test_refuses_a_row_that_breaks_a_rule(tmp_path: Path) -> None:
    column = SCHEMA.get_field_index("latency_ms")
    bad = table([row()]).set_column(column, SCHEMA.field(column), [[-1]])
    with pytest.raises(BadSegment, match="latency_ms -1"):
        list(read_segment(sealed(bad, tmp_path)))
