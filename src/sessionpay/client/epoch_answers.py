"""What the API answers of epochs, as values: amounts in base units, `micro` and work in micro-units."""

from dataclasses import dataclass

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Asset, BaseUnits, MicroUnits, Ppm


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch: `prices` and `policy` are the SHA-256 of its rules; `rows` counts what is sealed."""

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


@dataclass(frozen=True, slots=True)
class EpochTotals:
    """The sums of a settled epoch, work in micro-units; `held` and `retained` are what waits after it."""

    work_micro: MicroUnits
    asked: BaseUnits
    collected: BaseUnits
    arrears: BaseUnits
    fee: BaseUnits
    withheld: BaseUnits
    to_nodes: BaseUnits
    allocated: BaseUnits
    held: BaseUnits
    retained: BaseUnits


@dataclass(frozen=True, slots=True)
class EpochFile:
    """One file of a settled epoch; what the chain said has no hash of its own."""

    name: str
    sha256: str | None
    bytes: int


@dataclass(frozen=True, slots=True)
class EpochContents:
    """One epoch; once it is settled and its folder is there, its totals and files as well."""

    epoch: Epoch
    totals: EpochTotals | None
    files: tuple[EpochFile, ...]
    asset: Asset


@dataclass(frozen=True, slots=True)
class Rating:
    """How well a node served a session in an epoch, in ppm; `reason` is why it earns nothing."""

    assigned: int
    committed: int
    success: Ppm
    on_time: Ppm
    quality: Ppm
    performance: Ppm
    reason: str | None


@dataclass(frozen=True, slots=True)
class Paid:
    """What a session paid now for the work of one epoch, rated as it was then."""

    epoch: int
    performance: Ppm
    paid: MicroUnits


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a credit note took off the work of one epoch."""

    epoch: int
    cancelled: MicroUnits


@dataclass(frozen=True, slots=True)
class Open:
    """What of the work of one epoch a session did not pay yet."""

    epoch: int
    node: Address
    session_id: SessionId
    performance: Ppm
    open: MicroUnits


@dataclass(frozen=True, slots=True)
class Service:
    """What one node got for one session: its share `weight` / `weight_total` of `pot`, as whole base units.

    `floor` is the share rounded down, and `remainder` the unit that rounding left over for it, or not.
    """

    node: Address
    session_id: SessionId
    work: MicroUnits
    rating: Rating | None
    cancelled: tuple[Cancelled, ...]
    paid: tuple[Paid, ...]
    open: tuple[Open, ...]
    fee: BaseUnits
    pot: BaseUnits
    weight: int
    weight_total: int
    floor: BaseUnits
    remainder: BaseUnits
    amount: BaseUnits
    unpaid: MicroUnits
    unpaid_reason: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an account got `amount` in an epoch; `held_reason` is why that waits in the treasury."""

    account: Address
    amount: BaseUnits
    served: BaseUnits
    fee: BaseUnits
    withheld: BaseUnits
    held_before: BaseUnits
    held_reason: str | None
    is_applied: bool
    services: tuple[Service, ...]
