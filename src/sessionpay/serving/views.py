"""What is shown, as values. Amounts are in base units of the contract's asset, times in unix seconds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.core.movements import Kind
from sessionpay.services.budget import Budget
from sessionpay.services.burning import Burn
from sessionpay.serving.folders import Contents
from sessionpay.store.flows import Flows
from sessionpay.store.pages import Sending

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the books are read: up to block `head`, of which those up to `final` stay as they are.

    `verified` is the last block at which the contract's own counters agreed with the books.
    """

    head: int
    final: int
    verified: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Shown]):
    """A piece of a list, and where the next piece begins; None at the end."""

    rows: tuple[Shown, ...]
    next: str | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A request to withdraw: usable from `opens_at` until `lapses_at`."""

    requested_at: int
    opens_at: int
    lapses_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One session: `charged` is all that it ever paid to the network; `last_payment_at` 0 for never."""

    session_id: SessionId
    owner: Address
    balance: BaseUnits
    charged: BaseUnits
    registered_at: int
    last_payment_at: int
    withdrawal: Withdrawal | None


@dataclass(frozen=True, slots=True)
class SessionAccount:
    """One session with what is left of it, and how fast it is spent."""

    session: SessionView
    budget: Budget
    burn: Burn

    @property
    def seconds_left(self) -> int | None:
        """How long the available budget lasts if the session goes on as it did; None for no end."""
        return self.burn.seconds_left(self.budget.available)


@dataclass(frozen=True, slots=True)
class UsageView:
    """What a session used of one model on the UTC day that begins at unix time `day`.

    `assigned` counts all tasks, `committed` those that are charged; tokens are of those alone.
    """

    day: int
    model: str
    assigned: int
    committed: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class SessionCharge:
    """What one epoch asked of a session and got, None until that is final; what is missing stays owed."""

    epoch: int
    state: str
    opened_at: int
    closed_at: int | None
    asked: BaseUnits
    collected: BaseUnits | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node: `earned` is all that it was ever allocated, `pending` what of it was not paid out yet.

    `last_used_at` is 0 for a node that is not active; `payee` is who gets the money, the node itself as a
    rule. `held` waits in the treasury until the node is active.
    """

    node: Address
    payee: Address
    pending: BaseUnits
    earned: BaseUnits
    held: BaseUnits
    last_used_at: int

    @property
    def paid(self) -> BaseUnits:
        """What was paid out to the payee."""
        return BaseUnits(self.earned - self.pending)

    @property
    def is_active(self) -> bool:
        """Whether allocations to the node count."""
        return self.last_used_at != 0


@dataclass(frozen=True, slots=True)
class TreasuryView:
    """What of the treasury waits for whom; the four parts add up to it.

    `held` waits for accounts that were not active, `retained` has no account, `in_flight` is on its way
    through the epoch being settled. `unattributed` came in or went out outside of epochs: no epoch pays it
    to anybody, and below zero it says that something is missing.
    """

    held: BaseUnits
    retained: BaseUnits
    in_flight: BaseUnits
    unattributed: int

    @property
    def total(self) -> BaseUnits:
        """The treasury."""
        return BaseUnits(self.held + self.retained + self.in_flight + self.unattributed)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """All the money at one moment, each unit in one place: in sessions, in the treasury, pending, surplus.

    `flows` is what ever moved between those places and in and out. `liabilities` is what the contract counts
    as owed. `surplus` is what the contract holds beyond that, None where nobody looked.
    """

    asset: Asset
    in_sessions: BaseUnits
    treasury: TreasuryView
    pending: BaseUnits
    liabilities: BaseUnits
    surplus: int | None
    flows: Flows
    sequence: int
    paused_until: int
    standing: Standing

    @property
    def difference(self) -> int:
        """What is owed, less what is in its places: 0, or the books contradict themselves."""
        return self.liabilities - self.in_sessions - self.treasury.total - self.pending


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementView:
    """One movement: `amount` is never negative, `signed` is how it changes its session or node.

    `balance_after` is what that account has afterwards, `network_after` the treasury. `is_final` is whether
    it can be taken back no more.
    """

    block_number: int
    log_index: int
    row: int
    timestamp: int
    transaction_hash: str
    kind: Kind
    session_id: SessionId | None
    node: Address | None
    amount: BaseUnits
    signed: int
    balance_after: BaseUnits
    network_after: BaseUnits
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One event: `arguments` are its fields as texts; of a batch the number of its `rows` instead of them."""

    block_number: int
    log_index: int
    block_hash: str
    transaction_hash: str
    timestamp: int
    name: str
    arguments: tuple[tuple[str, str], ...]
    rows: int | None
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochView:
    """One epoch: `prices` and `policy` are the SHA-256 of its rules.

    It takes usage until `closed_at`. `rows` counts what is sealed so far, in `segments` files.
    """

    number: int
    state: str
    opened_at: int
    closed_at: int | None
    settled_at: int | None
    prices: str
    policy: str
    rule_version: int
    usage_sha256: str | None
    manifest_sha256: str | None
    rows: int
    segments: int

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it changes any more."""
        return self.settled_at is not None


@dataclass(frozen=True, slots=True)
class EpochContents:
    """One epoch and what its folder holds; None before it is settled, and where the folder is not here."""

    epoch: EpochView
    contents: Contents | None


@dataclass(frozen=True, slots=True)
class TransactionView:
    """One transaction: what the contract said in it, and what the settlement signed it for, if it did."""

    transaction_hash: str
    events: tuple[EventView, ...]
    sending: Sending | None


class HitKind(StrEnum):
    """What a search found."""

    SESSION = "session"
    OWNER = "owner"
    NODE = "node"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a search found, by its id, address or hash."""

    kind: HitKind
    key: str
