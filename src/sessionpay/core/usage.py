"""One usage row: what one node did for one task of one session."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from json.encoder import encode_basestring

from sessionpay.core.errors import BadSessionId, BadUsage
from sessionpay.core.ids import (
    SESSION_ID_LIMIT,
    ZERO_ADDRESS,
    Address,
    SessionId,
    is_address,
    parse_session_id,
)
from sessionpay.core.money import PPM, Ppm

TASK_ID_LENGTH_MAX = 64
# Long enough for every published model's full name with its organisation.
NAME_LENGTH_MAX = 128
# Tokens and milliseconds fit a signed 32-bit integer, which every column format has.
COUNT_LIMIT = 2**31

DEFAULT_SLA = "standard"
DEFAULT_QUALITY = Ppm(PPM)

# Control characters would break lines of logs and files; half of a surrogate pair cannot be written as UTF-8.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(Z|z|[+-][0-9]{2}:[0-9]{2})?"
)
_UTC_ZONES = frozenset({"Z", "z", "+00:00", "-00:00"})
# 2026-01-02T03:04:05.678901, before the zone.
_TIME_LENGTH = 26

_quoted = encode_basestring


class Outcome(StrEnum):
    """How a task ended at a node; only committed work is charged and paid."""

    COMMITTED = "committed"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """What one node did for one task; a task given to three nodes makes three records.

    `task_id` (1 to 64 characters) and `node` are the key. Tokens and `latency_ms` are whole numbers,
    0 <= n < 2**31; `submitted_at` is UTC; `quality_ppm` is the validator's score, 0 to 1,000,000.
    Raises `BadUsage`, naming the field.
    """

    task_id: str
    session_id: SessionId
    node: Address
    model: str
    sla: str = DEFAULT_SLA
    prompt_tokens: int
    completion_tokens: int
    submitted_at: datetime
    latency_ms: int
    outcome: Outcome
    quality_ppm: Ppm = DEFAULT_QUALITY

    def __post_init__(self) -> None:
        """Refuse a value that breaks a rule, so that every record that exists can be charged."""
        _check_text("task_id", self.task_id, longest=TASK_ID_LENGTH_MAX)
        _check_text("model", self.model, longest=NAME_LENGTH_MAX)
        _check_text("sla", self.sla, longest=NAME_LENGTH_MAX)
        _check_count("session_id", self.session_id, limit=SESSION_ID_LIMIT, shown_limit="2**160")
        _check_count("prompt_tokens", self.prompt_tokens, limit=COUNT_LIMIT, shown_limit="2**31")
        _check_count("completion_tokens", self.completion_tokens, limit=COUNT_LIMIT, shown_limit="2**31")
        _check_count("latency_ms", self.latency_ms, limit=COUNT_LIMIT, shown_limit="2**31")
        _check_count("quality_ppm", self.quality_ppm, limit=PPM + 1, shown_limit="1000001")
        if not is_address(self.node):
            raise BadUsage("node", self.node, rule="write 0x and 40 hexadecimal digits in lower case")
        if self.node == ZERO_ADDRESS:
            raise BadUsage("node", self.node, rule="the zero address cannot be paid")
        if not isinstance(self.outcome, Outcome):
            raise BadUsage("outcome", self.outcome, rule="write committed, failed or timeout")
        is_utc = isinstance(self.submitted_at, datetime) and self.submitted_at.utcoffset() == timedelta(0)
        if not is_utc:
            raise BadUsage("submitted_at", self.submitted_at, rule="give a time with its zone, in UTC")

    @property
    def key(self) -> tuple[str, Address]:
        """The task and the node: no two accepted records share it."""
        return self.task_id, self.node

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


def parse_timestamp(text: str, *, zone_required: bool = True) -> datetime:
    """Return the UTC time written as RFC 3339; digits finer than a microsecond are cut off.

    Without `zone_required` a text that names no zone is taken as UTC. Raises `BadUsage`.
    """
    match = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise BadUsage("submitted_at", text, rule="write it as 2023-11-16T18:17:03Z")
    day, time, fraction, zone = match.groups()
    if zone not in _UTC_ZONES and (zone is not None or zone_required):
        raise BadUsage("submitted_at", text, rule="write it in UTC, ending in Z")
    microseconds = (fraction or "")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{day}T{time}.{microseconds}+00:00")
    except ValueError:
        raise BadUsage("submitted_at", text, rule="there is no such day or time of day") from None


def to_line(record: UsageRecord) -> str:
    """Return the one line of JSON that stands for a row in every digest: equal rows, equal lines.

    Keys are sorted, nothing but the line's end is white space, and only what JSON must escape is escaped.
    The session is a text of digits, because other readers of JSON do not keep such numbers exactly.
    """
    # The offset is zero, so what stands before it is the time in UTC.
    submitted_at = record.submitted_at.isoformat(timespec="microseconds")[:_TIME_LENGTH]
    return (
        f'{{"completion_tokens":{record.completion_tokens},"latency_ms":{record.latency_ms}'
        f',"model":{_quoted(record.model)},"node":"{record.node}","outcome":"{record.outcome}"'
        f',"prompt_tokens":{record.prompt_tokens},"quality_ppm":{record.quality_ppm}'
        f',"session_id":"{record.session_id}","sla":{_quoted(record.sla)}'
        f',"submitted_at":"{submitted_at}Z","task_id":{_quoted(record.task_id)}}}\n'
    )


def from_line(text: str) -> UsageRecord:
    """Return the row whose canonical line is `text`, its end included; raises `BadUsage` for any other."""
    try:
        values = json.loads(text)
        values["session_id"] = parse_session_id(values["session_id"])
        values["submitted_at"] = parse_timestamp(values["submitted_at"])
        values["outcome"] = Outcome(values["outcome"])
        record = UsageRecord(**values)
    except (ValueError, TypeError, KeyError, RecursionError, BadSessionId):
        raise BadUsage("row", text, rule="it is not a line of usage as this package writes it") from None
    # A second way to write a row would give it a second digest.
    if to_line(record) != text:
        raise BadUsage("row", text, rule=f"the row is written as {to_line(record)!r}")
    return record


def unwritable(text: str) -> bool:
    """Tell whether `text` has characters that would break lines or cannot be written as UTF-8."""
    # Nearly every text is plain, and then two looks cost less than the search.
    return not (text.isascii() and text.isprintable()) and _UNWRITABLE.search(text) is not None


def _check_text(field: str, value: object, *, longest: int) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise BadUsage(field, value, rule=f"write 1 to {longest} characters")
    if unwritable(value):
        raise BadUsage(field, value, rule="it has a control character; write plain text")


def _check_count(field: str, value: object, *, limit: int, shown_limit: str) -> None:
    # A bool is an int in Python, so the exact type is asked for.
    if type(value) is not int or not 0 <= value < limit:
        raise BadUsage(field, value, rule=f"write a whole number from 0 to below {shown_limit}")
