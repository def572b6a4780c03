"""An outbox that is killed at every step.

Given an outbox in a process of its own, on a chain full of mischief
  when it is killed with SIGKILL at each of `STEPS` and started again
    every step should be reached
    the chain should be as if it had never been killed
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.services.outbox import STEPS, Step
from sessionpay.store import books
from sessionpay.store.database import Database
from sessionpay.store.outbox import Purpose, State, batches

from .child import Order, settle
from .scene import EPOCH, Scene

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.evm.anvil import Anvil

SECONDS_MAX = 120
# So many kills in one epoch, and it is done; more would mean that it does not get on.
KILLS_MAX = 100


class Folders:
    """Folders with an empty outbox, one after the other."""

    def __init__(self, root: Path) -> None:
        self._root, self._count = root, 0
        (root / "0").mkdir()
        database = Database.open(f"sqlite:///{root / '0' / 'books.db'}")
        books.prepare(database)
        database.close()

    def next(self) -> Path:
        self._count += 1
        folder = self._root / str(self._count)
        shutil.copytree(self._root / "0", folder)
        return folder


def run(order: Order) -> int:
    """Run a child and return how it ended; it comes out of a process that has everything loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([settle.__module__])
    child = context.Process(target=settle, args=(order,))
    child.start()
    child.join(SECONDS_MAX)
    assert child.exitcode is not None, "the outbox does not come to an end"
    return child.exitcode


def numbers(order: Order) -> dict[str, Any]:
    """Return what the chain says, and what the outbox believes; only gas and blocks may differ."""
    database = Database.open(order.database_url)
    with database.reading() as connection:
        kept = [
            (batch.state, batch.sequence, batch.applied)
            for purpose in Purpose
            for batch in batches(connection, EPOCH, purpose)
        ]
        landed = [
            sum(one.state is State.FINAL for one in batch.attempts)
            for purpose in Purpose
            for batch in batches(connection, EPOCH, purpose)
        ]
    database.close()
    return {**order.scene.numbers(), "kept": kept, "landed": landed}


class Campaign:
    """Epochs on one scene, each begun anew, and what comes of the first, which nobody kills."""

    def __init__(self, node: Anvil, scene: Scene, folders: Folders) -> None:
        self._node, self._scene, self._folders = node, scene, folders
        self.kills = 0
        order = Order(scene, folders.next())
        self._start = node.snapshot()
        assert run(order) == 0
        self._undisturbed = numbers(order)
        self.rewind()

    def rewind(self) -> None:
        self._node.ask("anvil_dropAllTransactions")
        self._node.ask("evm_setAutomine", False)
        self._node.restore(self._start)

    def kill_at_each(self, left: set[Step]) -> None:
        """Settle one epoch, being killed at the first of `left` each time; take out what was reached."""
        folder = self._folders.next()
        for _ in range(KILLS_MAX):
            if not self._killed(Order(self._scene, folder, tuple(left))):
                break
            left.remove(Step[(folder / "killed").read_text()])
        self._compare(folder)

    def kill_at_random(self, random: Random, kills: int) -> None:
        """Settle one epoch, being killed at up to `kills` random moments."""
        folder = self._folders.next()
        for _ in range(kills):
            steps = random.sample(STEPS, random.randint(1, len(STEPS)))
            if not self._killed(Order(self._scene, folder, steps, random.randint(1, 6))):
                break
        self._compare(folder)

    def _killed(self, order: Order) -> bool:
        ended = run(order)
        assert ended in {0, -signal.SIGKILL}
        # The chain does not wait for a process that is dead.
        self._node.mine(1)
        self.kills += ended != 0
        return ended != 0

    def _compare(self, folder: Path) -> None:
        order = Order(self._scene, folder)
        assert run(order) == 0
        assert numbers(order) == self._undisturbed
        self.rewind()


@pytest.fixture
def campaign(node: Anvil, scene: Scene, tmp_path: Path) -> Campaign:
    """Settle the epoch once without a kill."""
    return Campaign(node, scene, Folders(tmp_path))


def test_nothing_is_done_twice_or_lost(campaign: Campaign) -> None:
    left = set(STEPS)
    while left:
        before = len(left)
        campaign.kill_at_each(left)
        assert len(left) < before, f"no epoch comes to {left}: let the mischief cause it"
    assert campaign.kills == len(STEPS)
