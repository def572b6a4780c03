"""A daemon in a process of its own, on a chain full of mischief, that kills itself where it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from web3 import Web3

from sessionpay.store import epochs, settling
from sessionpay.store.outbox import Purpose
from tests.services.outbox.child import Mischief, Unreliable

from .stage import Settlement, settlement

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sessionpay.services.epoch_steps import EpochStep
    from sessionpay.services.outbox import Step
    from tests.services.outbox.scene import Scene

PURPOSES = {
    settling.CHARGING: Purpose.CHARGE,
    settling.CHARGED: Purpose.MARK,
    settling.ALLOCATING: Purpose.ALLOCATE,
}


@dataclass(frozen=True)
class Order:
    """What a child is to do: settle all that is ready, and die at the `count`th passing of one of `steps`.

    On a `calm` chain nothing goes wrong.
    """

    scene: Scene
    folder: Path
    steps: Collection[Step | EpochStep] = ()
    count: int = 1
    calm: bool = False

    @property
    def killed_at(self) -> Path:
        return self.folder / "killed"


def _purpose(work: Settlement) -> Purpose:
    """Tell what the transactions are for that are sent now."""
    with work.database.reading() as connection:
        states = [each.state for each in epochs.listed(connection)]
    return next((PURPOSES[state] for state in states if state in PURPOSES), Purpose.PAYOUT)


def settle(order: Order) -> None:
    """Settle, or what an earlier process left of it."""
    web3 = Web3(Unreliable(order.scene.url, exception_retry_configuration=None))
    work = settlement(order.scene, order.folder, web3=None if order.calm else web3)
    mischief = Mischief(cast("Any", order))

    def passed(step: Step | EpochStep) -> None:
        mischief.purpose = _purpose(work)
        mischief.passed(cast("Any", step))

    if not order.calm:
        work.passed = passed
    work.daemon().turn()
    work.database.close()
