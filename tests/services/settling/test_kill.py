"""A settlement that is killed at every step.

Given a daemon in a process of its own, on a chain full of mischief
  when it is killed with SIGKILL at each step of an epoch and of its transactions, and started again
    every step should be reached
    the chain should end as if it had never been killed, and nothing had gone wrong
    the files of every epoch should have the same bytes
"""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.services.epoch_steps import EpochStep
from sessionpay.services.outbox import STEPS, Step
from sessionpay.services.verify import verify_folder
from sessionpay.store.outbox import Purpose, State, batches

from .child import Order, settle
from .stage import EPOCHS, Settlement, copied, files_of, fill_home, set_stage, settlement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from tests.evm.anvil import Anvil
    from tests.services.outbox.scene import Scene

EVERY_STEP: tuple[Step | EpochStep, ...] = (*EpochStep, *STEPS)
SECONDS_MAX = 120
# So many kills, and the epochs are done; more would mean that it does not get on.
KILLS_MAX = 100


def run(order: Order) -> int:
    """Run a child and return how it ended; it comes out of a process that has everything loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([settle.__module__])
    child = context.Process(target=settle, args=(order,))
    child.start()
    child.join(SECONDS_MAX)
    assert child.exitcode is not None, "the settlement does not come to an end"
    return child.exitcode


def sent(work: Settlement) -> list[Any]:
    """Return what came of each transaction, and how many of its signed forms counted."""
    with work.database.reading() as connection:
        return [
            (batch.state, batch.applied, sum(one.state is State.FINAL for one in batch.attempts))
            for epoch in range(1, EPOCHS + 1)
            for purpose in Purpose
            for batch in batches(connection, epoch, purpose)
        ]


def outcome(order: Order) -> dict[str, Any]:
    """Return what the chain says and what is written down; only times, gas and blocks may differ."""
    work = settlement(order.scene, order.folder)
    numbers = order.scene.numbers()
    if not order.calm:
        # The foreign batch, which charges an empty session.
        numbers["sequence"] -= 1
    found = {
        **numbers,
        "states": work.states(),
        "books": work.books(),
        "sent": sent(work),
        "files": files_of(work.home),
    }
    for epoch in range(1, EPOCHS + 1):
        folder = work.home.epochs / f"{epoch:06}"
        verdict = verify_folder(folder, contract=work.binding())
        assert verdict.differences == ()
    work.database.close()
    return found


class Campaign:
    """Settlements on one scene, each begun anew, and what comes of the first, which nobody disturbs."""

    def __init__(self, node: Anvil, scene: Scene, root: Path) -> None:
        self._node, self._scene, self._root, self._count = node, scene, root, 0
        self.kills = 0
        fill_home(root / "template", scene)
        order = Order(scene, self._next(), calm=True)
        self._start = node.snapshot()
        assert run(order) == 0
        self._undisturbed = outcome(order)
        self.rewind()

    def rewind(self) -> None:
        self._node.ask("anvil_dropAllTransactions")
        self._node.ask("evm_setAutomine", False)
        self._node.restore(self._start)

    def _next(self) -> Path:
        self._count += 1
        return copied(self._root / "template", self._root / str(self._count))

    def kill_at_each(self, left: set[Step | EpochStep]) -> None:
        """Settle all epochs, being killed at the first of `left` each time; take out what was reached."""
        folder = self._next()
        names = {step.name: step for step in left}
        for _ in range(KILLS_MAX):
            if not self._killed(Order(self._scene, folder, tuple(left))):
                break
            left.remove(names[(folder / "killed").read_text()])
        self._compare(folder)

    def kill_at_random(self, random: Random, kills: int) -> None:
        """Settle all epochs, being killed at up to `kills` random moments."""
        folder = self._next()
        for _ in range(kills):
            steps = random.sample(EVERY_STEP, random.randint(1, 6))
            if not self._killed(Order(self._scene, folder, steps, random.randint(1, 4))):
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
        found = outcome(order)
        for name, expected in self._undisturbed.items():
            assert found[name] == expected, name
        self.rewind()


@pytest.fixture(scope="module")
def stage(node: Anvil) -> Scene:
    return set_stage(node.url, "settlement")


@pytest.fixture
def campaign(node: Anvil, stage: Scene, tmp_path: Path) -> Iterator[Campaign]:
    """Settle once without a kill."""
    before = node.snapshot()
    yield Campaign(node, stage, tmp_path)
    node.restore(before)


def test_steps_have_names_of_their_own() -> None:
    assert (
        len({step.name for step in EVERY_STEP}) == len({str(step) for step in EVERY_STEP}) == len(EVERY_STEP)
    )


def test_nothing_is_done_twice_or_lost(campaign: Campaign) -> None:
    left = set(EVERY_STEP)
    while left:
        before = len(left)
        campaign.kill_at_each(left)
        assert len(left) < before, f"no epoch comes to {left}: let the mischief cause it"
    assert campaign.kills == len(EVERY_STEP)
