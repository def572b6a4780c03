"""Sealing: rows leave the database for segments, and each is in exactly one of both.

Given closed epochs
  it should move all their rows into segments of at most so many, and only then call them sealed
Given an open epoch
  it should move what fills whole segments
Given a crash at any step
  no row should be lost or doubled, and a file that nobody knows should be removed
Given rows that come in while epochs are closed and sealed
  each should land in exactly one epoch
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sessionpay.core.ids import SESSION_ID_LIMIT, Address, SessionId
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord, from_line
from sessionpay.metering.parquet import read_parquet
from sessionpay.metering.segments import path_of
from sessionpay.services.intake import Intake, Verdict
from sessionpay.services.sealing import NotSealed, Sealer
from sessionpay.store import epochs, segments
from sessionpay.store import intake as stored
from sessionpay.store.errors import EpochClosed, RowsChanged
from sessionpay.store.segments import Segment
from sessionpay.store.settlement_tables import usage_rows
from tests.core.rows import row
from tests.services.conftest import NOW, RULES
from tests.services.run_sealer import STEPS

if TYPE_CHECKING:
    from sessionpay.services.home import Home
    from sessionpay.store.database import Database

ROOT = Path(__file__).parents[2]
ROWS_MAX = 10
SECONDS_MAX = 120
WRITERS = 4


def take(intake: Intake, rows: int) -> list[UsageRecord]:
    made = [row() for _ in range(rows)]
    assert {each.verdict for each in intake.accept(made, source="test", at=NOW)} == {Verdict.ACCEPTED}
    return made


def close(sealer: Sealer, number: int) -> None:
    sealer.close(number, RULES, at=NOW)


def states(database: Database) -> dict[int, str]:
    with database.reading() as connection:
        return {each.number: each.state for each in epochs.listed(connection)}


def sealed(database: Database, home: Home) -> dict[int, list[UsageRecord]]:
    """Read all segments that the database knows, checking their names and counts."""
    with database.reading() as connection:
        known = segments.listed(connection)
    found: dict[int, list[UsageRecord]] = {}
    for segment in known:
        path = path_of(home.segments, segment.sha256)
        assert sha256(path.read_bytes()).hexdigest() == segment.sha256
        imported = read_parquet(path)
        assert (len(imported.records), path.stat().st_size) == (segment.rows, segment.bytes)
        assert (imported.rejected, imported.repeated) == ((), 0)
        found.setdefault(segment.epoch, []).extend(imported.records)
    return found


def waiting(database: Database) -> dict[int, list[UsageRecord]]:
    found: dict[int, list[UsageRecord]] = {}
    with database.reading() as connection:
        for epoch, line in connection.execute(select(usage_rows.c.epoch, usage_rows.c.row)):
            found.setdefault(epoch, []).append(from_line(line))
    return found


@pytest.fixture
def sealer(intake: Intake, home: Home) -> Sealer:
    return Sealer(intake.database, home, ROWS_MAX)


def test_a_closed_epoch_is_sealed(intake: Intake, sealer: Sealer) -> None:
    made = take(intake, 2 * ROWS_MAX + 3)
    close(sealer, 1)
    assert states(intake.database) == {1: "sealed", 2: "open"}
    found = sealed(intake.database, sealer.home)
    assert Counter(found[1]) == Counter(made)
    with intake.database.reading() as connection:
        assert sorted(each.rows for each in segments.listed(connection, 1)) == [3, ROWS_MAX, ROWS_MAX]
    assert waiting(intake.database) == {}
    assert sealer.seal() == []


def test_an_epoch_without_rows_is_sealed_without_segments(intake: Intake, sealer: Sealer) -> None:
    close(sealer, 1)
    assert states(intake.database) == {1: "sealed", 2: "open"}
    assert sealed(intake.database, sealer.home) == {}


def test_an_open_epoch_gives_up_whole_segments(intake: Intake, sealer: Sealer) -> None:
    made = take(intake, 2 * ROWS_MAX + 3)
    assert [each.rows for each in sealer.seal()] == [ROWS_MAX] * 2
    assert states(intake.database) == {1: "open"}
    assert len(waiting(intake.database)[1]) == 3
    close(sealer, 1)
    assert Counter(sealed(intake.database, sealer.home)[1]) == Counter(made)


def test_only_the_open_epoch_can_be_closed(intake: Intake, sealer: Sealer) -> None:
    close(sealer, 1)
    with pytest.raises(EpochClosed, match="epoch 2 is the one"):
        close(sealer, 1)
    assert states(intake.database) == {1: "sealed", 2: "open"}


def test_extreme_rows_are_the_same_in_a_segment(intake: Intake, sealer: Sealer) -> None:
    extreme = [
        row(
            task_id='é"\\/\u2603\U0001f600', session_id=SessionId(SESSION_ID_LIMIT - 1),
            node=Address("0x" + "f" * 40), prompt_tokens=COUNT_LIMIT - 1, quality_ppm=0,
            latency_ms=COUNT_LIMIT - 1, outcome=Outcome.TIMEOUT,
        ),
        row(session_id=SessionId(0), node=Address("0x" + "0" * 39 + "1"), sla="priority"),
    ]  # fmt: skip
    intake.accept(extreme, source="test", at=NOW)
    close(sealer, 1)
    assert sealed(intake.database, sealer.home)[1] == extreme


def test_a_file_that_nobody_knows_is_removed(intake: Intake, sealer: Sealer) -> None:
    made = take(intake, 3)
    folder = sealer.home.segments
    for name in ("a.partial", f"{'ab' * 32}.parquet"):
        (folder / name).write_bytes(b"half a file")
    (folder / "notes.txt").write_text("somebody's own")
    close(sealer, 1)
    assert sealed(intake.database, sealer.home) == {1: made}
    assert {path.suffix for path in folder.iterdir()} == {".parquet", ".txt", ""}
    assert len(list(folder.glob("*.parquet"))) == 1


def test_rows_that_are_not_those_of_the_segment_stay(intake: Intake) -> None:
    made = take(intake, 3)
    fewer = Segment("ab" * 32, 1, 2, 100)

    def seal() -> None:
        with intake.database.writing() as connection:
            up_to = segments.last_id(connection, 1, rows_max=10)
            segments.seal(connection, fewer, up_to=up_to or 0)

    with pytest.raises(RowsChanged, match="2 rows was written, but 3"):
        seal()
    assert waiting(intake.database) == {1: made}
    with intake.database.reading() as connection:
        assert segments.listed(connection) == []


def test_a_folder_that_is_gone_is_told(intake: Intake, sealer: Sealer) -> None:
    made = take(intake, 3)
    sealer.home.segments.rmdir()
    with pytest.raises(NotSealed, match="nothing is lost"):
        close(sealer, 1)
    assert (states(intake.database), waiting(intake.database)) == ({1: "open", 2: "open"}, {1: made})
    sealer.home.make()
    sealer.seal()
    assert sealed(intake.database, sealer.home) == {1: made}


def test_a_crash_at_any_step_loses_and_doubles_nothing(intake: Intake, sealer: Sealer) -> None:
    """Another process kills itself before that step; what it left is then sealed here."""
    url = intake.database.engine.url.render_as_string(hide_password=False)
    arguments = [url, str(sealer.home.path), str(ROWS_MAX)]
    command = [sys.executable, "-m", "tests.services.run_sealer", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number, step in enumerate(STEPS, 1):
            made = take(intake, ROWS_MAX + 2)
            with intake.database.writing() as connection:
                epochs.close(connection, number, prices=RULES.prices, policy=RULES.policy, at=NOW)
            process.stdin.write(f"{step}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "-9\n", step
            assert_whole(sealer, number, made)
        process.stdin.close()
        assert process.wait(SECONDS_MAX) == 0


def assert_whole(sealer: Sealer, number: int, made: list[UsageRecord]) -> None:
    """Look at what a crash left of an epoch, seal the rest, and look again."""
    database, folder = sealer.database, sealer.home.segments
    left = [*sealed(database, sealer.home).get(number, []), *waiting(database).get(number, [])]
    assert Counter(left) == Counter(made)
    assert states(database)[number] == "open"
    sealer.seal()
    assert Counter(sealed(database, sealer.home)[number]) == Counter(made)
    assert states(database)[number] == "sealed"
    assert len(list(folder.glob("*.parquet"))) == 2 * number
    assert not list(folder.glob("*.partial"))


def test_a_row_that_comes_in_while_epochs_close_lands_in_one(intake: Intake, sealer: Sealer) -> None:
    closings, batches = 5, 12

    def write(writer: int) -> list[UsageRecord]:
        made: list[UsageRecord] = []
        for _ in range(batches):
            made += take(intake, 1 + writer)
        return made

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, writer) for writer in range(WRITERS)]
        for number in range(1, closings + 1):
            close(sealer, number)
        made = [record for each in writing for record in each.result()]
    close(sealer, closings + 1)
    found = sealed(intake.database, sealer.home)
    assert waiting(intake.database) == {}
    assert Counter(record for rows in found.values() for record in rows) == Counter(made)
    with intake.database.reading() as connection:
        for number in range(1, closings + 2):
            counted = sum(work.rows for work in stored.work(connection, number).values())
            assert counted == len(found.get(number, []))
