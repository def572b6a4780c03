"""The same usage gives the same bytes, however it came and whatever adds it up (promise 22).

Given the usage of an epoch
  in another order, in one or in many segments, added up by one or by four threads, in a process with
  another hash seed, its books kept in SQLite or in PostgreSQL, taken in by one or by four processes
    the manifest should be the same to the byte
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, find, settings

from sessionpay.core.ids import SessionId
from sessionpay.services import epoch_usage
from sessionpay.services.epoch_files import MANIFEST, USAGE, compute, read_inputs
from sessionpay.services.home import Home, open_epoch
from sessionpay.services.sealing import Sealer
from sessionpay.store import accounts
from tests.core.rows import row
from tests.services.conftest import NOW, RULES
from tests.strategies import History, histories, play

from .folders import folders_of, inputs_of, sealed

if TYPE_CHECKING:
    from sessionpay.core.usage import UsageRecord
    from sessionpay.store.database import Database

ROOT = Path(__file__).parents[3]
SEED = "4242"
# Dealt out to the processes evenly, and enough for more than one segment.
ROWS, SEGMENT_ROWS = 28, 10
SECONDS_MAX = 60


def drawn() -> History:
    """Return a history with arrears, held amounts and many rows."""

    def is_rich(history: History) -> bool:
        last = play(history)[-1]
        return len(last.given.rows) > 5 and len(last.opening.claims) > 1 and bool(last.opening.held)

    return find(
        histories(rows_max=12),
        is_rich,
        settings=settings(
            derandomize=True,
            database=None,
            max_examples=20_000,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(scope="module")
def history() -> History:
    return drawn()


@pytest.fixture(scope="module")
def folders(history: History, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return folders_of(history, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def manifest(folders: list[Path]) -> bytes:
    """The last manifest, which has the hashes of all before it in it."""
    return (folders[-1] / MANIFEST).read_bytes()


def parted(rows: list[UsageRecord], parts: int) -> list[list[UsageRecord]]:
    return [rows[start::parts] for start in range(parts)]


@pytest.mark.parametrize(("parts", "threads"), [(1, 1), (1, 4), (3, 1), (3, 4)])
def test_order_segments_and_threads_change_no_byte(  # noqa: PLR0917 - fixtures
    history: History,
    manifest: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: int,
    threads: int,
) -> None:
    monkeypatch.setattr(epoch_usage, "THREADS", threads)
    random, previous, made = Random(parts), None, None
    for number, epoch in enumerate(play(history)):
        rows = list(epoch.given.rows)
        random.shuffle(rows)
        segments = [path for some in parted(rows, parts) for path in sealed(some, tmp_path / "segments")]
        random.shuffle(segments)
        inputs = inputs_of(number, epoch, previous=previous)
        made = compute(inputs, epoch_usage.add_up(segments, inputs.prices, inputs.policy))
        previous = made.manifest_sha256
    assert made is not None
    assert made.files[MANIFEST] == manifest


def test_books_of_either_database_change_no_byte(
    history: History, manifest: bytes, tmp_path: Path, database: Database
) -> None:
    """The opening of each epoch is what a database gives back."""
    open_epoch(database, RULES, at=NOW)
    previous, made = None, None
    for number, epoch in enumerate(play(history)):
        with database.writing() as connection:
            accounts.replace_opening(connection, epoch.opening)
        with database.reading() as connection:
            opening = accounts.opening(connection)
        segments = sealed(epoch.given.rows, tmp_path / "segments")
        inputs = inputs_of(number, epoch, previous=previous, opening=opening)
        made = compute(inputs, epoch_usage.add_up(segments, inputs.prices, inputs.policy))
        previous = made.manifest_sha256
    assert made is not None
    assert made.files[MANIFEST] == manifest


@pytest.mark.parametrize("processes", [1, 4])
def test_processes_change_no_byte(processes: int, database: Database, url: str, tmp_path: Path) -> None:
    """Usage is the same, whether one process takes it in or several do at once."""
    open_epoch(database, RULES, at=NOW)
    home = Home(tmp_path / "home")
    home.make()
    each = ROWS // processes
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.services.run_intake", url, str(part * each), str(each), str(part)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for part in range(processes)
    ]
    assert [process.wait(SECONDS_MAX) for process in running] == [0] * processes
    Sealer(database, home, rows_max=SEGMENT_ROWS).close(1, RULES, at=NOW)
    segments = sorted(home.segments.glob("*.parquet"))
    rows = [row(task_id=f"task-{number}", session_id=SessionId(number % 5)) for number in range(ROWS)]
    expected = epoch_usage.add_up(sealed(rows, tmp_path / "plain"), RULES.prices, RULES.policy)
    assert len(segments) > 1
    assert epoch_usage.add_up(segments, RULES.prices, RULES.policy) == expected


def test_hash_seed_changes_no_byte(manifest: bytes, folders: list[Path]) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "tests.services.settling.test_same_bytes", str(folders[-1])],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": SEED},
        check=True,
        capture_output=True,
    ).stdout
    assert printed == manifest


def computed_again(folder: Path) -> bytes:
    """Return the manifest that follows from what a folder says the epoch was computed from."""
    inputs = read_inputs(lambda name: (folder / name).read_bytes())
    segments = sorted((folder / USAGE).iterdir())
    return compute(inputs, epoch_usage.add_up(segments, inputs.prices, inputs.policy)).files[MANIFEST]


if __name__ == "__main__":
    sys.stdout.buffer.write(computed_again(Path(sys.argv[1])))
