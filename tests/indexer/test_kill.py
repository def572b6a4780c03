"""An indexer that is killed at any moment.

Given an indexer that runs in a process of its own
  when it is killed with SIGKILL at random moments and started again
    no event should be lost, and none doubled
Given an indexer at work
  when a second one starts on the same database
    it should refuse, and nothing should be doubled
"""

from __future__ import annotations

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
KILLS = 3
SECONDS_MAX = 90


def started(url: str, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.indexer.run_indexer", url, str(seed), str(BLOCKS)],
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
