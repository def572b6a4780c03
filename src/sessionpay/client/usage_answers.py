"""What the API answers of usage, and of signing in to see it: times in unix seconds, but for a row's own."""

from dataclasses import dataclass
from datetime import datetime

from sessionpay.client.answers import Standing
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Asset, BaseUnits, MicroUnits, Ppm
from sessionpay.core.usage import Outcome


@dataclass(frozen=True, slots=True)
class ModelDay:
    """What a session used of one model on the UTC day that begins at `day`; tokens are of committed tasks."""

    day: int
    model: str
    assigned: int
    committed: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class UsagePage:
    """A page of usage by model and day; `next` is the cursor of the one behind it, None at the end.

    `hidden` says why other epochs are not shown: `sign-in`, `owner` or `operator`. Usage from before `since`
    was another owner's and is left out, 0 where nothing is.
    """

    items: tuple[ModelDay, ...]
    next: str | None
    hidden: tuple[str, ...]
    since: int
    asset: Asset
    books: Standing


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One sealed row: prices are base units per million tokens, `cost_micro` what it cost in micro-units."""

    epoch: int
    session_id: SessionId
    task_id: str
    node: Address
    model: str
    sla: str
    outcome: Outcome
    submitted_at: datetime
    prompt_tokens: int
    completion_tokens: int
    latency_ms: int
    quality_ppm: Ppm
    prompt_price: BaseUnits
    completion_price: BaseUnits
    sla_ppm: Ppm
    cost_micro: MicroUnits


@dataclass(frozen=True, slots=True)
class SignInMessage:
    """A message to be signed as it is with `personal_sign`, until `expires_at`, and once."""

    message: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, and the token that says so until `expires_at`; a client bears it as its `key`."""

    address: Address
    token: str
    expires_at: int
