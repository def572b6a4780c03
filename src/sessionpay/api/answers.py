"""The form of what is read: amounts, session ids and hashes as texts, times in unix seconds.

Each field is that of the same name in `serving.views`, which says what it means.
"""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_Item = TypeVar("_Item")
_NODE = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
_OWNER = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"
_HASH = "0x" + "5c" * 32
EXAMPLE_TIME = 1_800_000_000
ASSET_EXAMPLE: dict[str, Any] = {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18}

Amount = Annotated[
    str,
    BeforeValidator(str),
    Field(pattern="^[0-9]{1,78}$", description="Base units, as a text of digits.", examples=["1000000"]),
]
Signed = Annotated[
    str,
    BeforeValidator(str),
    Field(pattern="^-?[0-9]{1,78}$", description="Base units, as a text of digits, perhaps below zero."),
]
Micro = Annotated[
    str, BeforeValidator(str), Field(pattern="^[0-9]{1,90}$", description="Millionths of a base unit.")
]
SessionNumber = Annotated[
    str, BeforeValidator(str), Field(pattern="^[0-9]{1,49}$", description="Number of a session.")
]
AddressText = Annotated[str, Field(pattern="^0x[0-9a-f]{40}$", description="Address, in lower case.")]
HashText = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256.")]
Time = Annotated[int, Field(ge=0, description="Unix seconds; 0 for never.")]
Count = Annotated[int, Field(ge=0)]
MovementKind = Annotated[str, Field(pattern="^(deposit|withdrawal|charge|allocation|payout)$")]


def like(example: dict[str, Any]) -> ConfigDict:
    """Return how a form is read from a value, and what the description shows as an example of it."""
    return ConfigDict(from_attributes=True, json_schema_extra={"example": example})


class AssetAnswer(BaseModel):
    """What amounts are amounts of; `decimals` digits of one stand behind the point when people read it."""

    model_config = like(ASSET_EXAMPLE)
    address: AddressText
    symbol: str
    decimals: Annotated[int, Field(ge=0, le=255)]


class StandingAnswer(BaseModel):
    """How far the books are read: up to block `head`, of which those up to `final` stay as they are."""

    model_config = like({"head": 1200, "final": 1136, "verified": 1200})
    head: int
    final: int
    verified: int


class PageAnswer(BaseModel, Generic[_Item]):
    """A piece of a list; `next` is the cursor of the piece behind it, null at the end."""

    items: list[_Item]
    next: Annotated[
        str | None, Field(description="Cursor of the next page.", examples=["WyJzZXNzaW9ucyIsN10"])
    ]
    asset: AssetAnswer
    books: StandingAnswer


class WithdrawalAnswer(BaseModel):
    """A request to withdraw: usable from `opens_at` until `lapses_at`."""

    model_config = ConfigDict(from_attributes=True)
    requested_at: Time
    opens_at: Time
    lapses_at: Time


SESSION_EXAMPLE: dict[str, Any] = {
    "session_id": "7",
    "owner": _OWNER,
    "balance": "1000000",
    "charged": "250000",
    "registered_at": EXAMPLE_TIME,
    "last_payment_at": EXAMPLE_TIME,
    "withdrawal": None,
}


class SessionAnswer(BaseModel):
    """One session; `charged` is all that it ever paid to the network."""

    model_config = like(SESSION_EXAMPLE)
    session_id: SessionNumber
    owner: AddressText
    balance: Amount
    charged: Amount
    registered_at: Time
    last_payment_at: Time
    withdrawal: WithdrawalAnswer | None


class LeftAnswer(BaseModel):
    """What may still be spent: the final balance, less what lowers it; 0 during a withdrawal request."""

    model_config = ConfigDict(from_attributes=True)
    balance: Amount
    unsettled: Amount
    arrears: Amount
    reserved: Amount
    available: Amount


class BurnAnswer(BaseModel):
    """What a session was charged, `amount` in the last `seconds`."""

    model_config = ConfigDict(from_attributes=True)
    amount: Amount
    seconds: Count


class SessionAccountAnswer(BaseModel):
    """One session, what is left of it, and for how many seconds if it goes on as it did (null for no end)."""

    model_config = like({
        "session": SESSION_EXAMPLE,
        "budget": {
            "balance": "1000000", "unsettled": "250000", "arrears": "0", "reserved": "50000",
            "available": "700000",
        },
        "burn": {"amount": "70000", "seconds": 604_800},
        "seconds_left": 6_048_000,
        "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18},
    })  # fmt: skip
    session: SessionAnswer
    budget: LeftAnswer
    burn: BurnAnswer
    seconds_left: int | None
    asset: AssetAnswer


class SessionChargeAnswer(BaseModel):
    """What one epoch asked of a session and got, null until that is final."""

    model_config = like({
        "epoch": 3, "state": "settled", "opened_at": EXAMPLE_TIME, "closed_at": EXAMPLE_TIME + 3600,
        "asked": "9000", "collected": "9000",
    })  # fmt: skip
    epoch: Count
    state: str
    opened_at: Time
    closed_at: Time | None
    asked: Amount
    collected: Amount | None


NODE_EXAMPLE: dict[str, Any] = {
    "node": _NODE,
    "payee": _NODE,
    "pending": "4000",
    "earned": "90000",
    "paid": "86000",
    "held": "0",
    "last_used_at": EXAMPLE_TIME,
    "is_active": True,
}


class NodeAnswer(BaseModel):
    """One node: `earned` = `paid` + `pending`; `held` waits in the treasury until the node is active."""

    model_config = like(NODE_EXAMPLE)
    node: AddressText
    payee: AddressText
    pending: Amount
    earned: Amount
    paid: Amount
    held: Amount
    last_used_at: Time
    is_active: bool


class NodeAccountAnswer(BaseModel):
    """One node and the asset of its amounts."""

    model_config = ConfigDict(from_attributes=True)
    node: NodeAnswer
    asset: AssetAnswer


class TreasuryAnswer(BaseModel):
    """What of the treasury waits for whom; the four parts add up to `total`."""

    model_config = ConfigDict(from_attributes=True)
    held: Amount
    retained: Amount
    in_flight: Amount
    unattributed: Signed
    total: Amount


class FlowsAnswer(BaseModel):
    """What was ever paid in and taken back, charged, allocated to nodes and paid out to them."""

    model_config = ConfigDict(from_attributes=True)
    deposited: Amount
    withdrawn: Amount
    charged: Amount
    allocated: Amount
    paid_out: Amount


class NetworkAnswer(BaseModel):
    """All the money, each unit in one place; `difference` is 0, or the books contradict themselves."""

    model_config = like({
        "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18},
        "in_sessions": "700", "pending": "200", "liabilities": "1000", "surplus": "5", "difference": "0",
        "treasury": {
            "held": "40", "retained": "10", "in_flight": "50", "unattributed": "0", "total": "100",
        },
        "flows": {
            "deposited": "1500", "withdrawn": "100", "charged": "700", "allocated": "600", "paid_out": "400",
        },
        "sequence": 12, "paused_until": 0,
        "books": {"head": 1200, "final": 1136, "verified": 1200},
    })  # fmt: skip
    asset: AssetAnswer
    in_sessions: Signed
    treasury: TreasuryAnswer
    pending: Signed
    liabilities: Amount
    surplus: Signed | None
    difference: Signed
    flows: FlowsAnswer
    sequence: Count
    paused_until: Time
    books: Annotated[StandingAnswer, Field(validation_alias="standing")]


class DayAnswer(BaseModel):
    """What moved on the UTC day that began at `starts_at`."""

    model_config = like({
        "starts_at": 1_799_971_200, "deposit": "1500", "withdrawal": "0", "charge": "700",
        "allocation": "600", "payout": "400",
    })  # fmt: skip
    starts_at: Time
    deposit: Amount
    withdrawal: Amount
    charge: Amount
    allocation: Amount
    payout: Amount


class DaysAnswer(BaseModel):
    """Every day that had an event of money."""

    items: list[DayAnswer]
    asset: AssetAnswer


class MovementAnswer(BaseModel):
    """One movement: `signed` is how it changes its session or node, which has `balance_after` then."""

    model_config = like({
        "block_number": 1100, "log_index": 4, "row": 0, "timestamp": EXAMPLE_TIME, "transaction_hash": _HASH,
        "kind": "charge", "session_id": "7", "node": None, "amount": "9000", "signed": "-9000",
        "balance_after": "991000", "network_after": "9000", "is_final": True,
    })  # fmt: skip
    block_number: Count
    log_index: Count
    row: Count
    timestamp: Time
    transaction_hash: HashText
    kind: MovementKind
    session_id: SessionNumber | None
    node: AddressText | None
    amount: Amount
    signed: Signed
    balance_after: Amount
    network_after: Amount
    is_final: bool


EVENT_EXAMPLE: dict[str, Any] = {
    "block_number": 1100, "log_index": 4, "block_hash": _HASH, "transaction_hash": _HASH,
    "timestamp": EXAMPLE_TIME, "name": "SessionsCharged", "arguments": {"sequence": "11", "total": "9000"},
    "rows": 3, "is_final": True,
}  # fmt: skip


class EventAnswer(BaseModel):
    """One event: its fields as texts; of a batch the number of its `rows`, which are movements, instead."""

    model_config = like(EVENT_EXAMPLE)
    block_number: Count
    log_index: Count
    block_hash: HashText
    transaction_hash: HashText
    timestamp: Time
    name: str
    arguments: Annotated[dict[str, str], BeforeValidator(dict)]
    rows: Count | None
    is_final: bool


class SendingAnswer(BaseModel):
    """The part of an epoch that a transaction was signed for."""

    model_config = like({"epoch": 3, "purpose": "charge", "position": 0})
    epoch: Count
    purpose: Annotated[str, Field(pattern="^(charge|mark|allocate|payout)$")]
    position: Count


class TransactionAnswer(BaseModel):
    """What the contract said in one transaction, and what the settlement signed it for."""

    model_config = like({"transaction_hash": _HASH, "events": [EVENT_EXAMPLE], "sending": None})
    transaction_hash: HashText
    events: list[EventAnswer]
    sending: SendingAnswer | None


class HitAnswer(BaseModel):
    """One thing that a search found."""

    model_config = like({"kind": "session", "key": "7"})
    kind: Annotated[str, Field(pattern="^(session|owner|node|transaction)$")]
    key: str


class HitsAnswer(BaseModel):
    """Everything that a search found."""

    items: list[HitAnswer]
