"""An indexer that is killed at any moment.

Given an indexer that runs in a process of its own
  when it is killed with SIGKILL at random moments and started again
    no event should be lost, and none doubled
Given an indexer at work
  when a second one starts on the same database, as a process of its own, too
    it should refuse, and nothing should be doubled
Given two indexers that start at the same moment
  one of them at least should finish, and nothing should be doubled
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from sessionpay.indexer.follow import run
from sessionpay.store import evidence
from sessionpay.store.errors import DatabaseBusy

from .history import Chain
from .properties import assert_canonical, entered

if TYPE_CHECKING:
    from sessionpay.store.database import Database

ROOT = Path(__file__).parents[2]
BLOCKS = 400
FEW_BLOCKS = 100
KILLS = 3
SECONDS_MAX = 90


def started(url: str, seed: int, blocks: int = BLOCKS) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.indexer.run_indexer", url, str(seed), str(blocks)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_once(url: str, seed: int, random: Random) -> bool:
    """Kill an indexer some moments after one of its steps; False if it was done before that."""
    process = started(url, seed)
    assert process.stdout is not None
    for _ in range(random.randint(1, 6)):
        process.stdout.readline()
    time.sleep(random.random() / 20)
    process.kill()
    process.communicate(timeout=SECONDS_MAX)
    return process.returncode != 0


def campaign(database: Database, url: str, *, kills: int, seed: int) -> int:
    """Kill an indexer `kills` times, on one history after another; return how many kills hit."""
    random, hits = Random(seed), 0
    while hits < kills:
        contract = entered(database)
        seed += 1
        while hits < kills and kill_once(url, seed, random):
            hits += 1
            with database.reading() as connection:
                checkpoint = evidence.checkpoint(connection, contract)
                assert evidence.count(connection, contract) == checkpoint.event_count
        finished = started(url, seed)
        _out, errors = finished.communicate(timeout=SECONDS_MAX)
        assert finished.returncode == 0, errors
        chain = Chain(seed)
        chain.grow(BLOCKS)
        assert_canonical(database, contract, chain)
    return hits


def test_no_event_is_lost_and_none_doubled(database: Database, url: str) -> None:
    assert campaign(database, url, kills=KILLS, seed=1) == KILLS


def test_a_second_process_refuses(database: Database, url: str) -> None:
    contract = entered(database)
    chain = Chain(1)
    chain.grow(FEW_BLOCKS)
    first = started(url, 1, FEW_BLOCKS)
    assert first.stdout is not None
    first.stdout.readline()
    first.send_signal(signal.SIGSTOP)  # It holds the database for as long as the second one tries.
    try:
        second = started(url, 1, FEW_BLOCKS)
        _out, errors = second.communicate(timeout=SECONDS_MAX)
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode != 0
    assert "another indexer is running" in errors
    _out, errors = first.communicate(timeout=SECONDS_MAX)
    assert first.returncode == 0, errors
    assert_canonical(database, contract, chain)


def test_two_that_start_at_once_double_nothing(database: Database, url: str) -> None:
    contract = entered(database)
    chain = Chain(2)
    chain.grow(FEW_BLOCKS)
    both = [started(url, 2, FEW_BLOCKS), started(url, 2, FEW_BLOCKS)]
    errors = [process.communicate(timeout=SECONDS_MAX)[1] for process in both]
    assert 0 in [process.returncode for process in both], errors
    for process, told in zip(both, errors, strict=True):
        assert process.returncode == 0 or "another indexer is running" in told
    assert_canonical(database, contract, chain)


def test_a_second_indexer_refuses(database: Database) -> None:
    entered(database)
    with (
        database.sole_writer(),
        pytest.raises(DatabaseBusy, match="another indexer is running"),
    ):
        run(database, [], stop=lambda: False, once=True)
    assert run(database, [], stop=lambda: False, once=True) == []


def test_a_killed_indexer_leaves_no_lock(database: Database, url: str) -> None:
    entered(database)
    process = started(url, 1)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=SECONDS_MAX)
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            with database.sole_writer():
                return
        except DatabaseBusy:
            time.sleep(0.1)  # A server needs a moment to see that its client is gone.
    pytest.fail("the lock outlived its process")
