"""How a settlement is doing: one look at its database and its chain, for metrics, health and people."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection

from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.core.ids import Address
from sessionpay.store import condition, epochs, evidence, settling
from sessionpay.store.condition import Owing, Sent
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Checkpoint

# As often as most chains have a block; a scrape never waits for the node.
LOOK_SECONDS = 10
# Books that are so far behind know nothing of a deposit or a withdrawal made minutes ago.
LAG_BLOCKS_MAX = 100
# Six looks in vain are no hiccup.
SILENT_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Sight:
    """What the node said at unix time `at`: the number of the head, and the key's balance in wei."""

    at: int
    head: int
    balance: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """How a settlement is doing, as far as a page tells it: small, however many epochs there were.

    `taking` is the epoch that takes rows. `halted` is why nothing is paid, None while all is well; `sight` is
    None while nobody watches the chain or it never answered, `checkpoint` before there is a contract. `at` is
    in unix seconds.
    """

    at: int
    taking: Epoch | None
    owing: Owing
    halted: str | None
    checkpoint: Checkpoint | None
    sight: Sight | None

    @property
    def oldest_row_seconds(self) -> int:
        """How old the oldest unsettled row is at most; 0 where all is settled."""
        return self._since(self.owing.oldest_opened_at)

    @property
    def lag(self) -> int | None:
        """How many blocks the books are behind the chain; None where one of both is unknown."""
        if self.sight is None or self.checkpoint is None:
            return None
        return max(0, self.sight.head - self.checkpoint.head_number)

    def _since(self, moment: int | None) -> int:
        return 0 if moment is None else max(0, self.at - moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Glance):
    """One look at everything: every epoch and the whole outbox, too."""

    epochs: tuple[Epoch, ...]
    sent: Sent

    @property
    def states(self) -> Counter[str]:
        """How many epochs are in each state."""
        return Counter(epoch.state for epoch in self.epochs)

    @property
    def oldest_closed_seconds(self) -> int:
        """How long ago the oldest epoch that is not settled was closed; 0 where none waits."""
        waiting = [
            epoch.closed_at
            for epoch in self.epochs
            if epoch.closed_at is not None and epoch.settled_at is None
        ]
        return self._since(min(waiting, default=None))

    @property
    def oldest_transaction_seconds(self) -> int:
        """How long ago the oldest transaction on its way was signed; 0 where none is."""
        return self._since(self.sent.oldest_open_at)


def look(database: Database, *, at: int, sight: Sight | None = None) -> Condition:
    """Return how the settlement is doing at unix time `at`, for those who watch it now and then."""
    with database.reading() as connection:
        return Condition(
            **_seen(connection, at=at, sight=sight),
            epochs=tuple(epochs.listed(connection)),
            sent=condition.sent(connection),
        )


def glance(database: Database, *, at: int, sight: Sight | None = None) -> Glance:
    """Return how the settlement is doing at unix time `at`, for everybody who opens a page."""
    with database.reading() as connection:
        return Glance(**_seen(connection, at=at, sight=sight))


def _seen(connection: Connection, *, at: int, sight: Sight | None) -> dict[str, Any]:
    bound = epochs.contract_id(connection)
    contract = next((each for each in evidence.contracts(connection) if each.id == bound), None)
    return {
        "at": at,
        "taking": epochs.current(connection),
        "owing": condition.owing(connection),
        "halted": settling.halted(connection),
        "checkpoint": None if contract is None else evidence.checkpoint(connection, contract),
        "sight": sight,
    }


def reasons_not_ready(found: Glance, *, is_watched: bool) -> list[str]:
    """Return why nobody should rely on the settlement now, each for people; nothing while all is well.

    `is_watched` is whether somebody looks at the chain, so that it is a fault to know nothing of it.
    """
    reasons = []
    if found.halted is not None:
        reasons.append(f"nothing is paid: {found.halted}; run `sessionpay audit`")
    if found.taking is None:
        reasons.append("no epoch takes rows; `sessionpay run` opens one")
    if found.checkpoint is None or not found.checkpoint.head_hash:
        reasons.append("the chain was not read yet, so no balance is known")
    lag = found.lag
    if lag is not None and lag > LAG_BLOCKS_MAX:
        reasons.append(f"the books are {lag} blocks behind the chain, at most {LAG_BLOCKS_MAX} are well")
    if is_watched and (found.sight is None or found.at - found.sight.at > SILENT_SECONDS_MAX):
        reasons.append(f"the chain did not answer for {SILENT_SECONDS_MAX} seconds")
    return reasons


@dataclass(slots=True)
class Watch:
    """Looks at the chain in a thread of its own, and keeps the last answer; `clock` gives unix seconds."""

    contract: SessionPayment
    account: Address | None
    clock: Callable[[], int]
    last: Sight | None = None
    _ended: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def sight(self) -> Sight | None:
        """Return what the chain said last."""
        return self.last

    def look(self) -> None:
        """Ask the chain now; what it said before stays where it does not answer."""
        try:
            head = rpc.number(self.contract.web3, "eth_blockNumber")
            balance = None if self.account is None else rpc.balance(self.contract.web3, self.account)
        except (Unreachable, NodeRefused):
            return
        self.last = Sight(self.clock(), head, balance)

    def begin(self) -> None:
        """Look from now on, until `end`."""
        self._thread = Thread(target=self._run, name="chain watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more; a look that waits for the node is left to itself."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(LOOK_SECONDS)
