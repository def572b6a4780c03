"""One usage row.

UsageRecord
  given values in their ranges, the limits included: it should keep them
  given one value that breaks its rule: it should name the field, the value and the rule in one line
parse_timestamp
  given RFC 3339 in UTC: it should give that time, cut to microseconds
  given no zone: it should refuse, or take UTC where the caller says so
  given another zone, or a day that does not exist: it should refuse
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from sessionpay.core.errors import BadUsage
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.usage import Outcome, UsageRecord, parse_timestamp

NODE = Address("0x" + "a1" * 20)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
VALID: dict[str, Any] = {
    "task_id": "task-1",
    "session_id": SessionId(7),
    "node": NODE,
    "model": "large",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "submitted_at": NOON,
    "latency_ms": 900,
    "outcome": Outcome.COMMITTED,
}


def test_defaults_are_the_standard_sla_and_full_quality() -> None:
    record = UsageRecord(**VALID)
    assert (record.sla, record.quality_ppm) == ("standard", 1_000_000)
    assert (record.key, record.tokens) == (("task-1", NODE), 15)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", "t"),
        ("task_id", "t" * 64),
        ("task_id", "\u4efb\u52a1"),
        ("session_id", 0),
        ("session_id", 2**160 - 1),
        ("model", "m" * 128),
        ("prompt_tokens", 0),
        ("prompt_tokens", 2**31 - 1),
        ("completion_tokens", 2**31 - 1),
        ("latency_ms", 2**31 - 1),
        ("quality_ppm", 0),
        ("quality_ppm", 1_000_000),
        ("submitted_at", NOON.astimezone(timezone(timedelta(0), "GMT"))),
    ],
)
def test_keeps_values_up_to_the_limits(field: str, value: object) -> None:
    assert getattr(UsageRecord(**{**VALID, field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("task_id", "", "1 to 64 characters"),
        ("task_id", "t" * 65, "1 to 64 characters"),
        ("task_id", 7, "1 to 64 characters"),
        ("task_id", "a\nb", "control character"),
        ("task_id", "\u2028", "control character"),
        ("task_id", "\ud800", "control character"),
        ("model", "", "1 to 128 characters"),
        ("model", "m" * 129, "1 to 128 characters"),
        ("sla", "", "1 to 128 characters"),
        ("sla", "a\x00", "control character"),
        ("session_id", -1, r"below 2\*\*160"),
        ("session_id", 2**160, r"below 2\*\*160"),
        ("prompt_tokens", -1, r"from 0 to below 2\*\*31"),
        ("prompt_tokens", 2**31, r"from 0 to below 2\*\*31"),
        ("prompt_tokens", True, "whole number"),
        ("prompt_tokens", "1", "whole number"),
        ("prompt_tokens", None, "whole number"),
        ("completion_tokens", -1, "whole number"),
        ("latency_ms", 2**31, "whole number"),
        ("quality_ppm", 1_000_001, "below 1000001"),
        ("quality_ppm", -1, "below 1000001"),
        ("node", "0x" + "A1" * 20, "lower case"),
        ("node", ZERO_ADDRESS, "cannot be paid"),
        ("outcome", "committed", "committed, failed or timeout"),
        ("submitted_at", datetime(2026, 1, 2), "in UTC"),  # noqa: DTZ001 - the missing zone is what is tested
        ("submitted_at", NOON.astimezone(timezone(timedelta(hours=1))), "in UTC"),
        ("submitted_at", "2026-01-02T12:00:00Z", "in UTC"),
    ],
)
def test_names_the_field_that_breaks_a_rule(field: str, value: object, rule: str) -> None:
    with pytest.raises(BadUsage, match=rule) as caught:
        UsageRecord(**{**VALID, field: value})
    assert (caught.value.field, caught.value.value) == (field, value)
    assert str(caught.value).startswith(f"{field} ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02t12:00:00z", NOON),
        ("2026-01-02 12:00:00+00:00", NOON),
        ("2026-01-02T12:00:00-00:00", NOON),
        ("2026-01-02T12:00:00.5Z", NOON + timedelta(microseconds=500_000)),
        ("2026-01-02T12:00:00.123456999Z", NOON + timedelta(microseconds=123_456)),
    ],
)
def test_reads_rfc_3339(text: str, time: datetime) -> None:
    parsed = parse_timestamp(text)
    assert (parsed, parsed.utcoffset()) == (time, timedelta(0))


def test_a_time_without_zone_is_utc_only_where_asked() -> None:
    assert parse_timestamp("2026-01-02 12:00:00.0000009", zone_required=False) == NOON
    with pytest.raises(BadUsage, match="in UTC, ending in Z"):
        parse_timestamp("2026-01-02 12:00:00")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2026-01-02T12:00:00+01:00", "in UTC"),
        ("2026-02-30T12:00:00Z", "no such day"),
        ("2026-01-02T25:00:00Z", "no such day"),
        ("2026-01-02T12:00:60Z", "no such day"),
        ("0000-01-02T12:00:00Z", "no such day"),
        ("2026-01-02", "write it as"),
        ("2026-1-2T12:00:00Z", "write it as"),
        ("20260102T120000Z", "write it as"),
        ("2026-W01-2T12:00:00Z", "write it as"),
        ("2026-01-02T12:00:00.Z", "write it as"),
        ("2026-01-02T12:00:00Z\n", "write it as"),
        ("1767355200", "write it as"),
        ("", "write it as"),
        (1767355200, "write it as"),
        (None, "write it as"),
    ],
)
@pytest.mark.parametrize("zone_required", [True, False])
def test_refuses_other_times(text: str, rule: str, *, zone_required: bool) -> None:
    with pytest.raises(BadUsage, match=rule):
        parse_timestamp(text, zone_required=zone_required)
