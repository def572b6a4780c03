"""What the API answers, as values: amounts in base units, times in unix seconds, 0 for never."""

from dataclasses import dataclass

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Asset, BaseUnits, MicroUnits
from sessionpay.core.movements import Kind


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the books are read: up to block `head`, of which those up to `final` stay as they are."""

    head: int
    final: int
    verified: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A request to withdraw: usable from `opens_at` until `lapses_at`."""

    requested_at: int
    opens_at: int
    lapses_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """One session; `charged` is all that it ever paid to the network."""

    session_id: SessionId
    owner: Address
    balance: BaseUnits
    charged: BaseUnits
    registered_at: int
    last_payment_at: int
    withdrawal: Withdrawal | None


@dataclass(frozen=True, slots=True)
class Budget:
    """What may still be spent: the final balance, less what lowers it; 0 during a withdrawal request."""

    balance: BaseUnits
    unsettled: BaseUnits
    arrears: BaseUnits
    reserved: BaseUnits
    available: BaseUnits


@dataclass(frozen=True, slots=True)
class Burn:
    """What a session was charged, `amount` in the last `seconds`."""

    amount: BaseUnits
    seconds: int


@dataclass(frozen=True, slots=True)
class SessionAccount:
    """One session; what is left lasts `seconds_left` if it goes on as it did, None for no end."""

    session: Session
    budget: Budget
    burn: Burn
    seconds_left: int | None
    asset: Asset


@dataclass(frozen=True, slots=True)
class SessionCharge:
    """What one epoch asked of a session and got, None until that is final."""

    epoch: int
    state: str
    opened_at: int
    closed_at: int | None
    asked: BaseUnits
    collected: BaseUnits | None


@dataclass(frozen=True, slots=True)
class Node:
    """One node: `earned` = `paid` + `pending`; `held` waits in the treasury until the node is active."""

    node: Address
    payee: Address
    pending: BaseUnits
    earned: BaseUnits
    paid: BaseUnits
    held: BaseUnits
    last_used_at: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class SoFar:
    """A node in the open epoch; `estimate` assumes that it ended now and its sessions pay in full.

    Of `waiting` rows the first `assigned` are counted, and none of the `sealed` ones, which are of all nodes.
    Rates are in ppm, None where nothing was done.
    """

    epoch: int
    opened_at: int
    waiting: int
    sealed: int
    assigned: int
    sessions: int
    committed: int
    success: int | None
    on_time: int | None
    work_micro: MicroUnits
    estimate: BaseUnits


@dataclass(frozen=True, slots=True)
class Treasury:
    """What of the treasury waits for whom; the four parts add up to `total`."""

    held: BaseUnits
    retained: BaseUnits
    in_flight: BaseUnits
    unattributed: int
    total: BaseUnits


@dataclass(frozen=True, slots=True)
class Flows:
    """What was ever paid in and taken back, charged, allocated to nodes and paid out to them."""

    deposited: BaseUnits
    withdrawn: BaseUnits
    charged: BaseUnits
    allocated: BaseUnits
    paid_out: BaseUnits


@dataclass(frozen=True, slots=True)
class Network:
    """All the money, each unit in one place; `difference` is 0, or the books contradict themselves."""

    asset: Asset
    in_sessions: int
    treasury: Treasury
    pending: int
    liabilities: BaseUnits
    surplus: int | None
    difference: int
    flows: Flows
    sequence: int
    paused_until: int
    books: Standing


@dataclass(frozen=True, slots=True)
class Day:
    """What moved on the UTC day that began at `starts_at`."""

    starts_at: int
    deposit: BaseUnits
    withdrawal: BaseUnits
    charge: BaseUnits
    allocation: BaseUnits
    payout: BaseUnits


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement: `signed` is how it changes its session or node, which has `balance_after` then."""

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

    @property
    def place(self) -> str:
        """Where a stream of movements goes on behind this one."""
        return f"{self.block_number}.{self.log_index}.{self.row}"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of a statement: `signed` is how it changes the account, which has `balance_after` then."""

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


@dataclass(frozen=True, slots=True)
class Statement:
    """Blocks `from_block` to `to_block` of a session, of what is pending of a node, or of the treasury.

    `opening_balance` and each line's `signed` add up to `closing_balance`; raises ValueError if they do not.
    """

    session_id: SessionId | None
    node: Address | None
    from_block: int
    to_block: int
    opening_balance: BaseUnits
    closing_balance: BaseUnits
    asset: Asset
    lines: tuple[StatementLine, ...]

    def __post_init__(self) -> None:
        """Refuse a statement that does not add up."""
        found = self.opening_balance + sum(line.signed for line in self.lines)
        if found != self.closing_balance:
            raise ValueError(f"the lines of a statement come to {found} instead of {self.closing_balance}")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its fields by name, as texts; of a batch the number of its `rows` instead of them."""

    block_number: int
    log_index: int
    block_hash: str
    transaction_hash: str
    timestamp: int
    name: str
    arguments: tuple[tuple[str, str], ...]
    rows: int | None
    is_final: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """The part of an epoch that a transaction was signed for."""

    epoch: int
    purpose: str
    position: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the contract said in one transaction, and what the settlement signed it for."""

    transaction_hash: str
    events: tuple[Event, ...]
    sending: Sending | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a search found: `kind` is session, owner, node or transaction."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of which two sides do not say the same; None is what a side does not have."""

    name: str
    sides: tuple[str, ...]
    values: tuple[str | None, ...]
    difference: int
    text: str


@dataclass(frozen=True, slots=True)
class SideTotals:
    """What one side of an audit says of all the money."""

    side: str
    sessions: int
    nodes: int
    treasury: int
    liabilities: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sides that were held against each other: how many things of them, and how far they are apart."""

    sides: tuple[str, ...]
    count: int
    difference: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The last audit, made at `at`: how far any two sides are apart, 0 for not at all."""

    block: int
    at: int | None
    difference: int
    first_difference: Finding | None
    surplus: int
    balance: int
    totals: tuple[SideTotals, ...]
    compared: tuple[Compared, ...]
    asset: Asset
