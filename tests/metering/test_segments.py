"""Sealed usage in Parquet.

write_segment
  given records: it should name the file by its SHA-256, read-only, and leave nothing else in the folder
  given the same records again: it should give the same name
  given records that break off: it should leave the folder as it was
require_sealed
  given a file that is missing, damaged or renamed: it should raise BadSegment
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given

from sessionpay.core.usage import UsageRecord, to_line
from sessionpay.metering import segments
from sessionpay.metering.errors import BadSegment
from sessionpay.metering.segments import require_sealed, write_segment
from tests.core.rows import row
from tests.metering.sealing import seal, unsealed
from tests.strategies import row_lists

MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)


@given(rows=row_lists())
def test_gives_back_what_was_sealed(rows: Sequence[UsageRecord]) -> None:
    with TemporaryDirectory() as name:
        path = seal(rows, Path(name))
        require_sealed(path)
        assert unsealed(path) == list(rows)


def test_keeps_every_moment_and_character(tmp_path: Path) -> None:
    rows = [
        row(submitted_at=moment, task_id=f'{number}é"\\ 𝄞', model="\U0010ffff", sla="ß")
        for number, moment in enumerate(MOMENTS)
    ]
    assert unsealed(seal(rows, tmp_path)) == rows


def test_names_the_file_by_its_bytes(tmp_path: Path) -> None:
    lines = [to_line(row(task_id=f"t{number}")) for number in range(3)]
    written = write_segment(tmp_path, lines)
    (path,) = tmp_path.iterdir()
    assert path.name == f"{written.sha256}.parquet" == f"{sha256(path.read_bytes()).hexdigest()}.parquet"
    assert (written.rows, written.bytes) == (3, path.stat().st_size)
    assert path.stat().st_mode & 0o777 == segments.SEALED_MODE
    assert write_segment(tmp_path, iter(lines)) == written
    assert write_segment(tmp_path, lines[::-1]) != written


def test_spans_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ROWS_AT_ONCE", 4)
    rows = [row(task_id=f"t{number}", model=("large", "small")[number % 2]) for number in range(10)]
    path = seal(rows, tmp_path)
    assert pq.ParquetFile(path).num_row_groups == 3
    assert unsealed(path) == rows


def test_leaves_nothing_of_a_write_that_breaks_off(tmp_path: Path) -> None:
    def breaking() -> Iterator[str]:
        yield to_line(row())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_segment(tmp_path, breaking())
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadSegment, match="No such file"):
        require_sealed(tmp_path / "gone.parquet")


@pytest.mark.parametrize("position", [0, 40, -1])
def test_refuses_a_changed_byte(tmp_path: Path, position: int) -> None:
    path = seal([row()], tmp_path)
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(BadSegment, match="not its name"):
        require_sealed(path)
