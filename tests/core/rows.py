"""Rows and books that tests write by hand: one base unit per prompt token, everything else at its default."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import PPM, BaseUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from sessionpay.core.usage import Outcome, UsageRecord

NODE_A = Address("0x" + "a0" * 20)
NODE_B = Address("0x" + "b0" * 20)
NODE_C = Address("0x" + "c0" * 20)
SESSION = SessionId(7)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

# One base unit per token makes amounts in tests readable: 6 tokens cost 6.
TOKEN_SHEET = PriceSheet(
    {name: ModelPrice(BaseUnits(PPM), BaseUnits(PPM)) for name in ("large", "small")},
    {"standard": Ppm(PPM), "priority": Ppm(3 * PPM // 2)},
)
NO_FEE = Policy(fee_ppm=Ppm(0), deadline_default_ms=30_000)

_numbers = count()


def row(**values: object) -> UsageRecord:
    """Return a committed row of one token; a task id that is not given is a new one."""
    defaults: dict[str, Any] = {
        "task_id": f"made-{next(_numbers)}",
        "session_id": SESSION,
        "node": NODE_A,
        "model": "large",
        "prompt_tokens": 1,
        "completion_tokens": 0,
        "submitted_at": MOMENT,
        "latency_ms": 0,
        "outcome": Outcome.COMMITTED,
    }
    merged: dict[str, Any] = {**defaults, **values}
    return UsageRecord(**merged)
