"""The outbox: rounds of looking and sending, until every transaction of a purpose is at its end."""

from collections.abc import Callable

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.services.outbox.desk import Desk
from sessionpay.services.outbox.following import Following
from sessionpay.services.outbox.sending import Sending
from sessionpay.services.outbox.terms import SYSTEM_CLOCK, Clock, Step, Timing
from sessionpay.services.outbox.view import View
from sessionpay.store.database import Database
from sessionpay.store.outbox import DONE, Batch, Purpose

# 500 gwei: more than gas cost on any busy day of recent years, and a bound for what a mistake can cost.
FEE_MAX_WEI = 500 * 10**9
TIMING = Timing()


def _nobody(_: object) -> None:
    """Listen to nothing."""


class Outbox:
    """Brings planned transactions to their end, exactly once, whatever dies or is lost on the way.

    `contract` needs the sender of the settlement key, and nobody else may send with that key meanwhile.
    `confirmations` is how many blocks above it make a block final; None takes the node's own `finalized`.
    `fee_max` is the most that is offered, in wei for one gas. `report` is given one line for whatever
    a person may want to know; it never holds a key. `checkpoint` is called with the name of each step.

    A key is changed by making a new outbox for the new key on the same database: what the old key sent
    still counts, and the contract's sequence lets only one of both land.
    """

    def __init__(
        self,
        database: Database,
        contract: SessionPayment,
        *,
        confirmations: int | None,
        fee_max: int = FEE_MAX_WEI,
        clock: Clock = SYSTEM_CLOCK,
        timing: Timing = TIMING,
        report: Callable[[str], None] = _nobody,
        checkpoint: Callable[[Step], None] = _nobody,
    ) -> None:
        """Bind them together; nothing is asked or sent yet."""
        self._confirmations = confirmations
        self._desk = Desk(
            database,
            contract,
            fee_max=fee_max,
            clock=clock,
            timing=timing,
            report=report,
            checkpoint=checkpoint,
        )
        self._following = Following(self._desk)
        self._sending = Sending(self._desk)

    def drive(
        self, epoch: int, purpose: Purpose, *, stop: Callable[[], bool] = lambda: False
    ) -> tuple[Batch, ...]:
        """Take rounds until every batch that was planned is final or failed, and return them in order.

        Only a payout ever fails, with its `reason`; of the others, `applied` says what the contract made of
        each row. While the node is silent or fees are too high it waits, for as long as it takes. With
        `stop` it returns early, between two rounds. Raises `SettlementStopped`: remove the cause, call again.
        """
        while not self.step(epoch, purpose) and not stop():
            self._desk.clock.sleep(self._desk.timing.poll_seconds)
        return self._desk.batches(epoch, purpose)

    def step(self, epoch: int, purpose: Purpose) -> bool:
        """Take one round; True when every batch is at its end. Raises as `drive`, and never waits."""
        try:
            self._round(epoch, purpose)
        except (Unreachable, NodeRefused) as silence:
            self._desk.tell("node", f"{silence}; nothing is lost, it is asked again")
        else:
            self._desk.forget("node")
        return not self._open(epoch, purpose)

    def _round(self, epoch: int, purpose: Purpose) -> None:
        open_batches = self._open(epoch, purpose)
        if not open_batches:
            return
        view = View(self._desk.contract, confirmations=self._confirmations)
        for batch in open_batches:
            self._following.follow(batch, view)
        for batch in self._open(epoch, purpose):
            self._sending.push(batch, view)

    def _open(self, epoch: int, purpose: Purpose) -> list[Batch]:
        return [batch for batch in self._desk.batches(epoch, purpose) if batch.state not in DONE]
