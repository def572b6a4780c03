"""What following and sending share: the books of the outbox, the contract, and who is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import NoKey
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import Address
from sessionpay.services.outbox.terms import Clock, Step, Timing
from sessionpay.store import outbox as store
from sessionpay.store.database import Database
from sessionpay.store.outbox import Attempt, Batch, Purpose


@dataclass(slots=True)
class Desk:
    """Where the outbox works; see `Outbox` for its parts.

    `reverts` counts, in this process alone, how often each batch reverted for no reason of its sequence.
    """

    database: Database
    contract: SessionPayment
    fee_max: int
    clock: Clock
    timing: Timing
    report: Callable[[str], None]
    checkpoint: Callable[[Step], None]
    reverts: dict[int, int] = field(default_factory=dict)
    _told: dict[object, str] = field(default_factory=dict)

    @property
    def sender(self) -> Sender:
        """The account that settles; raises `NoKey`."""
        if self.contract.sender is None:
            raise NoKey("settlement")
        return self.contract.sender

    @property
    def address(self) -> Address:
        """The address of the account that settles."""
        return self.sender.address

    @contextmanager
    def keeping(self, step: Step) -> Iterator[Connection]:
        """Lend a connection for one change; it is kept, and `step` passed, when the block ends."""
        with self.database.writing() as connection:
            yield connection
        self.checkpoint(step)

    def batches(self, epoch: int, purpose: Purpose) -> tuple[Batch, ...]:
        """Return the batches of one purpose as they are kept now."""
        with self.database.reading() as connection:
            return store.batches(connection, epoch, purpose)

    def unsettled(self) -> tuple[Attempt, ...]:
        """Return the attempts of all batches that may still use up a nonce or a sequence."""
        with self.database.reading() as connection:
            return store.unsettled(connection)

    def sequences(self) -> dict[int, int]:
        """Return the sequences that are known here; see `store.outbox.sequences`."""
        with self.database.reading() as connection:
            return store.sequences(connection)

    def tell(self, about: object, message: str) -> None:
        """Report something about a batch or about the node, once for as long as it stays the same."""
        if self._told.get(about) != message:
            self._told[about] = message
            self.report(message)

    def forget(self, about: object) -> None:
        """Let the same be reported again when it comes back."""
        self._told.pop(about, None)


def name_of(batch: Batch) -> str:
    """Return how messages call a batch."""
    return f"epoch {batch.epoch}, {batch.purpose} {batch.position}"
