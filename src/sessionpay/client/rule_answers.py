"""What the API answers of rules and budgets, as values: amounts in base units, rates in parts per million."""

from dataclasses import dataclass

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Asset, BaseUnits, MicroUnits, Ppm
from sessionpay.core.policy import UsageVisibility


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What a model costs, in base units per million prompt tokens and per million completion tokens."""

    model: str
    prompt: BaseUnits
    completion: BaseUnits


@dataclass(frozen=True, slots=True)
class Level:
    """A service level, and what it multiplies prices by."""

    sla: str
    multiplier_ppm: Ppm


@dataclass(frozen=True, slots=True)
class Prices:
    """The price sheet of an epoch; `text` is what was written, and `sha256` of exactly that."""

    epoch: int
    sha256: str
    models: tuple[ModelPrice, ...]
    sla: tuple[Level, ...]
    text: str
    asset: Asset


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long an answer of a model and service level may take, other than the default."""

    model: str
    sla: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Payout:
    """Nodes are paid out every so many epochs, where at least `amount_min` waits."""

    amount_min: BaseUnits
    every: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of an epoch; `text` is what was written, and `sha256` of exactly that."""

    epoch: int
    sha256: str
    fee_ppm: Ppm
    fee_account: Address | None
    withheld_account: Address | None
    min_assigned: int
    threshold_ppm: Ppm
    deadline_default_ms: int
    deadlines: tuple[Deadline, ...]
    epoch_seconds: int | None
    payout: Payout | None
    require_signatures: bool
    usage_visibility: UsageVisibility
    text: str
    asset: Asset


@dataclass(frozen=True, slots=True)
class TaskQuote:
    """What one task costs in micro-units, and by which entries of the price sheet."""

    model: str
    sla: str
    prompt_tokens: int
    completion_tokens: int
    micro_units: MicroUnits
    price: ModelPrice
    multiplier_ppm: Ppm


@dataclass(frozen=True, slots=True)
class Quote:
    """What tasks cost: `micro_units` exactly, `amount` as a session is charged that owes nothing else."""

    epoch: int
    prices: str
    tasks: tuple[TaskQuote, ...]
    micro_units: MicroUnits
    amount: BaseUnits
    asset: Asset


@dataclass(frozen=True, slots=True)
class SessionBudget:
    """What a session may still spend, to whoever has a key; `withdrawal_requested_at` 0 while not asked."""

    session_id: SessionId
    balance: BaseUnits
    unsettled: BaseUnits
    arrears: BaseUnits
    reserved: BaseUnits
    available: BaseUnits
    withdrawal_requested_at: int
    asset: Asset


@dataclass(frozen=True, slots=True)
class Reservation:
    """An amount of a session that is kept for work under way; `state` is open, settled or released."""

    id: str
    session_id: SessionId
    amount: BaseUnits
    state: str
    created_at: int
    expires_at: int
    asset: Asset


@dataclass(frozen=True, slots=True)
class Reject:
    """A usage row that does not count, by its place in the batch from 0, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class UsageAnswers:
    """What became of a batch of usage: `rows` in its order, each accepted, repeated or rejected."""

    accepted: int
    repeated: int
    rejected: int
    rows: tuple[str, ...]
    rejects: tuple[Reject, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the settlement can be relied on now, and why not."""

    ready: bool
    reasons: tuple[str, ...]
