"""The form of price sheets, policies and quotes: as in `answers`, with token prices per million tokens."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sessionpay.api.answers import AddressText, Amount, AssetAnswer, Count, Digest, Micro, like
from sessionpay.core.usage import COUNT_LIMIT, DEFAULT_SLA, NAME_LENGTH_MAX

TASKS_MAX = 1_000
_ASSET: dict[str, Any] = {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18}
_DIGEST = "5c" * 32
_PRICE: dict[str, Any] = {"model": "large", "prompt": "150000000000", "completion": "600000000000"}
_TASK: dict[str, Any] = {"model": "large", "prompt_tokens": 1200, "completion_tokens": 300, "sla": "standard"}

Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
Tokens = Annotated[int, Field(ge=0, lt=COUNT_LIMIT)]


class ModelPriceAnswer(BaseModel):
    """What a model costs, in base units per million prompt tokens and per million completion tokens."""

    model_config = like(_PRICE)
    model: str
    prompt: Amount
    completion: Amount


class LevelAnswer(BaseModel):
    """A service level, and what it multiplies prices by, in parts per million."""

    model_config = like({"sla": "standard", "multiplier_ppm": 1_000_000})
    sla: str
    multiplier_ppm: Count


class PricesAnswer(BaseModel):
    """The price sheet of one epoch; `text` is what was written, and `sha256` of exactly that."""

    model_config = like({
        "epoch": 3, "sha256": _DIGEST, "models": [_PRICE], "asset": _ASSET,
        "sla": [{"sla": "standard", "multiplier_ppm": 1_000_000}],
        "text": "[models.large]\nprompt = 150_000_000_000\n...",
    })  # fmt: skip
    epoch: Count
    sha256: Digest
    models: list[ModelPriceAnswer]
    sla: list[LevelAnswer]
    text: str
    asset: AssetAnswer


class DeadlineAnswer(BaseModel):
    """How long an answer of a model and service level may take, other than the default."""

    model: str
    sla: str
    milliseconds: Count


class PayoutAnswer(BaseModel):
    """Nodes are paid out every so many epochs, where at least `amount_min` waits."""

    amount_min: Amount
    every: Count


class PolicyAnswer(BaseModel):
    """The policy of one epoch; `text` is what was written, and `sha256` of exactly that."""

    model_config = like({
        "epoch": 3, "sha256": _DIGEST, "fee_ppm": 50_000, "fee_account": None, "withheld_account": None,
        "min_assigned": 20, "threshold_ppm": 600_000, "deadline_default_ms": 30_000,
        "deadlines": [{"model": "large", "sla": "priority", "milliseconds": 5_000}], "epoch_seconds": 3_600,
        "payout": {"amount_min": "1000000", "every": 24}, "require_signatures": False,
        "usage_visibility": "operator", "text": "fee_ppm = 50_000\n...", "asset": _ASSET,
    })  # fmt: skip
    epoch: Count
    sha256: Digest
    fee_ppm: Count
    fee_account: AddressText | None
    withheld_account: AddressText | None
    min_assigned: Count
    threshold_ppm: Count
    deadline_default_ms: Count
    deadlines: list[DeadlineAnswer]
    epoch_seconds: Count | None
    payout: PayoutAnswer | None
    require_signatures: bool
    usage_visibility: Annotated[str, Field(pattern="^(public|owner|operator)$")]
    text: str
    asset: AssetAnswer


class TaskAsked(BaseModel):
    """One task to be priced."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"example": _TASK})
    model: Name
    prompt_tokens: Tokens
    completion_tokens: Tokens
    sla: Name = DEFAULT_SLA


class QuoteAsked(BaseModel):
    """Tasks to be priced together, under the price sheet of an epoch, the one that takes usage by default."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"example": {"tasks": [_TASK], "epoch": None}}
    )
    tasks: Annotated[list[TaskAsked], Field(min_length=1, max_length=TASKS_MAX)]
    epoch: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class TaskQuoteAnswer(BaseModel):
    """What one task costs, exactly, and by which entries of the price sheet."""

    model: str
    sla: str
    prompt_tokens: Count
    completion_tokens: Count
    micro_units: Micro
    price: ModelPriceAnswer
    multiplier_ppm: Count


_QUOTED: dict[str, Any] = {**_TASK, "micro_units": "360000000000000", "price": _PRICE}


class QuoteAnswer(BaseModel):
    """What tasks cost: `micro_units` exactly, and `amount` as a session is charged that owes nothing else.

    The part below one base unit is not lost: it waits until more work makes a whole one of it.
    """

    model_config = like({
        "epoch": 3, "prices": _DIGEST, "tasks": [{**_QUOTED, "multiplier_ppm": 1_000_000}],
        "micro_units": "360000000000000", "amount": "360000000", "asset": _ASSET,
    })  # fmt: skip
    epoch: Count
    prices: Digest
    tasks: list[TaskQuoteAnswer]
    micro_units: Micro
    amount: Amount
    asset: AssetAnswer
