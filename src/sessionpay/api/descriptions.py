"""What the OpenAPI description says of bodies that are read by hand, with examples."""

from typing import Any

from pydantic.json_schema import models_json_schema

from sessionpay.api.rule_answers import QuoteAsked
from sessionpay.core.money import PPM
from sessionpay.core.usage import (
    COUNT_LIMIT,
    DEFAULT_QUALITY,
    DEFAULT_SLA,
    NAME_LENGTH_MAX,
    TASK_ID_LENGTH_MAX,
)

_COUNT = {"type": "integer", "minimum": 0, "maximum": COUNT_LIMIT - 1}
_NAME = {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH_MAX}
_SESSION = {
    "type": "string",
    "pattern": "^[0-9]{1,49}$",
    "description": "Below 2**160. A text, because many readers of JSON do not keep such numbers exactly.",
}

ROW_EXAMPLE: dict[str, Any] = {
    "task_id": "task-000001",
    "session_id": "7",
    "node": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "model": "large",
    "sla": "standard",
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "submitted_at": "2026-01-02T03:04:05.678901Z",
    "latency_ms": 850,
    "outcome": "committed",
    "quality_ppm": 1_000_000,
}

ROW: dict[str, Any] = {
    "type": "object",
    "title": "UsageRow",
    "description": "What one node did for one task. Task and node are the key: the same row counts once.",
    "additionalProperties": False,
    "required": [
        "task_id", "session_id", "node", "model", "prompt_tokens",
        "completion_tokens", "submitted_at", "latency_ms", "outcome",
    ],
    "properties": {
        "task_id": {"type": "string", "minLength": 1, "maxLength": TASK_ID_LENGTH_MAX},
        "session_id": {"oneOf": [_SESSION, {"type": "integer", "minimum": 0, "maximum": 2**160 - 1}]},
        "node": {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"},
        "model": _NAME,
        "sla": {**_NAME, "default": DEFAULT_SLA},
        "prompt_tokens": _COUNT,
        "completion_tokens": _COUNT,
        "submitted_at": {"type": "string", "description": "RFC 3339, in UTC.", "format": "date-time"},
        "latency_ms": _COUNT,
        "outcome": {"type": "string", "enum": ["committed", "failed", "timeout"]},
        "quality_ppm": {"type": "integer", "minimum": 0, "maximum": PPM, "default": int(DEFAULT_QUALITY)},
    },
    "example": ROW_EXAMPLE,
}  # fmt: skip

# Rows are described as any value, because a row of another form is answered and not refused.
BATCH: dict[str, Any] = {
    "type": "object",
    "title": "UsageBatch",
    "additionalProperties": False,
    "required": ["rows"],
    "properties": {
        "rows": {
            "type": "array",
            "maxItems": 10_000,
            "items": {"anyOf": [{"$ref": "#/components/schemas/UsageRow"}, {}]},
            "description": "Usage rows. One that is not a `UsageRow` is answered as rejected.",
        },
        "signature": {
            "type": "string",
            "pattern": "^0x[0-9a-fA-F]{130}$",
            "description": (
                "EIP-712, 65 bytes: domain {name 'sessionpay usage', version '1', chainId, "
                "verifyingContract}, message UsageBatch(string reporter, uint256 rows, bytes32 digest), "
                "where digest is the keccak-256 of the canonical lines of all rows."
            ),
        },
    },
}

USAGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/UsageBatch"},
            "examples": {"one row": {"value": {"rows": [ROW_EXAMPLE]}}},
        }
    },
}

_NUMBER = {"type": "integer", "minimum": 0}
ANSWERS: dict[str, Any] = {
    "type": "object",
    "title": "UsageAnswers",
    "additionalProperties": False,
    "required": ["accepted", "repeated", "rejected", "rows", "rejects"],
    "properties": {
        "accepted": _NUMBER,
        "repeated": _NUMBER,
        "rejected": _NUMBER,
        "rows": {
            "type": "array",
            "items": {"type": "string", "enum": ["accepted", "repeated", "rejected"]},
            "description": "What became of each row, in the order of the batch.",
        },
        "rejects": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "reason"],
                "properties": {
                    "row": {**_NUMBER, "description": "Its place, from 0."},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}

USAGE_RESPONSE: dict[str, Any] = {
    "description": "Every row is answered, and what is acknowledged is on the disk.",
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/UsageAnswers"},
            "example": {"accepted": 1, "repeated": 0, "rejected": 0, "rows": ["accepted"], "rejects": []},
        }
    },
}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "An error as RFC 9457 has it; `error` names its kind for programs, `detail` tells people.",
    "required": ["type", "title", "status", "detail", "error"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "error": {"type": "string"},
        "sign_in": {"type": "string", "description": "Where to get a message, if signing in would help."},
    },
    "example": {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "session 7 has 3 base units available, 10 were to be reserved: deposit more, or wait for "
        "reservations to end",
        "error": "BudgetExceeded",
    },
}

_, _ASKED = models_json_schema(
    [(QuoteAsked, "validation")], ref_template="#/components/schemas/{model}", title="asked"
)
SCHEMAS = {
    "UsageRow": ROW,
    "UsageBatch": BATCH,
    "UsageAnswers": ANSWERS,
    "Problem": PROBLEM,
    **_ASKED["$defs"],
}
SECURITY = {
    "reporter": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of `sessionpay usage reporter add`.",
    },
    "owner": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `/v1/sign-in`; browsers send it as the cookie `sessionpay_sign_in`.",
    },
}
