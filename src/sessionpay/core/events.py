"""What the contract says happened, as values.

One class for each event of the contract, under the same name; arguments are in
snake_case, ids and addresses in their canonical form, amounts in base units,
times in unix seconds.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits

# The contract's own bound for the rows of one batch; a longer array reverts without a reason.
BATCH_ROWS_MAX = 512


class Charge(NamedTuple):
    """One row of a charge batch: `amount` base units of `session_id`."""

    session_id: SessionId
    amount: BaseUnits


class Allocation(NamedTuple):
    """One row of an allocation batch: `amount` base units for `node`."""

    node: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the contract logged."""


@dataclass(frozen=True, slots=True)
class SessionRegistered(Event):
    """A session exists, and `owner` may withdraw from it."""

    session_id: SessionId
    owner: Address


@dataclass(frozen=True, slots=True)
class DepositToSession(Event):
    """`amount` was added to the session's balance."""

    session_id: SessionId
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class WithdrawFromSession(Event):
    """The owner took `amount` of the unspent balance."""

    session_id: SessionId
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class SessionWithdrawalRequested(Event):
    """A withdrawal is possible from `available_at`, for seven days."""

    session_id: SessionId
    available_at: int


@dataclass(frozen=True, slots=True)
class SessionWithdrawalCancelled(Event):
    """The owner took the request back."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class SessionTransferred(Event):
    """The session belongs to `new_owner`, without a running request."""

    session_id: SessionId
    previous_owner: Address
    new_owner: Address


@dataclass(frozen=True, slots=True)
class PaymentToNetwork(Event):
    """One session paid `amount` into the treasury."""

    session_id: SessionId
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class SessionsCharged(Event):
    """Many sessions paid `total`; the rows say what each really paid, in the order of the call."""

    sequence: int
    total: BaseUnits
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class NodePaymentAllocated(Event):
    """`amount` of the treasury belongs to the node."""

    node: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class NodesAllocated(Event):
    """`total` of the treasury belongs to nodes; the rows say what each was really credited."""

    sequence: int
    total: BaseUnits
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class NodePaymentWithdrawn(Event):
    """Everything pending of the node was sent to its payee."""

    node: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class NodePayeeSet(Event):
    """The node's money goes to `payee`."""

    node: Address
    payee: Address


@dataclass(frozen=True, slots=True)
class NodeTimestampUpdated(Event):
    """The node was used at the block's time, and is active."""

    node: Address


@dataclass(frozen=True, slots=True)
class NodeTimestampsUpdated(Event):
    """These nodes were used at the block's time, and are active."""

    nodes: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class NodeTimestampDeleted(Event):
    """The node is not active any more."""

    node: Address


@dataclass(frozen=True, slots=True)
class TokenRecovered(Event):
    """`amount` of a token sent by mistake went to `to`; token zero is the native coin.

    The amount is that of a stranger's token and may be anything up to 2**256 - 1.
    """

    token: Address
    to: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Registrations, deposits, charges and allocations are stopped until `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class Unpaused(Event):
    """The pause ended early."""


@dataclass(frozen=True, slots=True)
class RoleGranted(Event):
    """`account` holds `role` (32 bytes as 0x hex) by the word of `sender`."""

    role: str
    account: Address
    sender: Address


@dataclass(frozen=True, slots=True)
class RoleRevoked(Event):
    """`account` does not hold `role` any more."""

    role: str
    account: Address
    sender: Address


EVENTS: tuple[type[Event], ...] = (
    SessionRegistered,
    DepositToSession,
    WithdrawFromSession,
    SessionWithdrawalRequested,
    SessionWithdrawalCancelled,
    SessionTransferred,
    PaymentToNetwork,
    SessionsCharged,
    NodePaymentAllocated,
    NodesAllocated,
    NodePaymentWithdrawn,
    NodePayeeSet,
    NodeTimestampUpdated,
    NodeTimestampsUpdated,
    NodeTimestampDeleted,
    TokenRecovered,
    Paused,
    Unpaused,
    RoleGranted,
    RoleRevoked,
)
