"""One usage row.

UsageRecord
  given values in their ranges, the limits included: it should keep them
  given one value that breaks its rule: it should name the field, the value and the rule in one line
parse_timestamp
  given RFC 3339 in UTC: it should give that time, cut to microseconds
  given no zone: it should refuse, or take UTC where the caller says so
  given another zone, or a day that does not exist: it should refuse
to_line
  given a record: it should write it in one way, on one line, that sorts and digests alike everywhere
from_line
  given what to_line wrote: it should give the record back
  given anything else, another way of writing the same row included: it should refuse
"""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadUsage
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.usage import Outcome, UsageRecord, from_line, parse_timestamp, to_line
from tests.strategies import NODES, records

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


LINE = (
    '{"completion_tokens":5,"latency_ms":900,"model":"large","node":"0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",'
    '"outcome":"committed","prompt_tokens":10,"quality_ppm":1000000,"session_id":"7","sla":"standard",'
    '"submitted_at":"2026-01-02T12:00:00.000000Z","task_id":"task-1"}\n'
)

writable = st.characters(
    exclude_categories=("Cs", "Cc"),
    exclude_characters="\u2028\u2029",
    include_characters='"\\/<>\u00a0\U0001f600',
)


@st.composite
def any_records(draw: st.DrawFn) -> UsageRecord:
    """Draw a row with every kind of text, session and time that a row may have."""
    zones = st.sampled_from((UTC, timezone(timedelta(0), "GMT")))
    return replace(
        draw(records(among_nodes=NODES)),
        task_id=draw(st.text(writable, min_size=1, max_size=64)),
        model=draw(st.text(writable, min_size=1, max_size=128)),
        sla=draw(st.text(writable, min_size=1, max_size=128)),
        session_id=SessionId(draw(st.integers(0, 2**160 - 1))),
        submitted_at=draw(st.datetimes(timezones=zones)),
    )


def test_line_of_a_record_is_the_one_way_to_write_it() -> None:
    record = UsageRecord(**VALID)
    assert to_line(record) == LINE
    assert to_line(replace(record, submitted_at=NOON.astimezone(timezone(timedelta(0), "GMT")))) == LINE
    chinese = to_line(replace(record, task_id='\u4efb\u52a1 "1" \\'))
    assert '"task_id":"\u4efb\u52a1 \\"1\\" \\\\"}' in chinese
    early = datetime(33, 4, 3, 9, 0, 0, 7, tzinfo=UTC)
    assert '"0033-04-03T09:00:00.000007Z"' in to_line(replace(record, submitted_at=early))


@given(any_records())
def test_line_and_record_are_each_others_inverse(record: UsageRecord) -> None:
    line = to_line(record)
    assert from_line(line) == record
    assert to_line(from_line(line)) == line
    assert line.splitlines(keepends=True) == [line]
    values = json.loads(line)
    assert json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n" == line
    assert set(values) == {field.name for field in fields(record)}
    assert line.encode().decode() == line


@given(any_records(), any_records())
def test_other_records_have_other_lines(one: UsageRecord, other: UsageRecord) -> None:
    assert (to_line(one) == to_line(other)) == (one == other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", ""),
        ("\n", "\n\n"),
        ("\n", "\r\n"),
        (":5,", ": 5,"),
        (":5,", ":5.0,"),
        (":5,", ":true,"),
        (":5,", ":05,"),
        ('"7"', "7"),
        ('"7"', '"07"'),
        ('"7"', '"-7"'),
        (".000000Z", "Z"),
        (".000000Z", ".000000+00:00"),
        (".000000Z", ".0000000Z"),
        ("0xa1a1", "0xA1a1"),
        ("task-1", "task\\u002d1"),
        ("committed", "done"),
        ('{"completion', '{"bonus":1,"completion'),
        ('"completion_tokens":5,', ""),
        ('"sla":"standard",', ""),
        ('"completion_tokens":5,"latency_ms":900,', '"latency_ms":900,"completion_tokens":5,'),
        ('"latency_ms":900,', '"latency_ms":900,"latency_ms":900,'),
        ('"latency_ms":900,', f'"latency_ms":{"9" * 5_000},'),
        ('"model":"large"', f'"model":{"[" * 50_000}'),
    ],
)
def test_refuses_any_other_way_to_write_a_row(old: str, new: str) -> None:
    assert LINE.count(old) == 1
    with pytest.raises(BadUsage) as caught:
        from_line(LINE.replace(old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "7\n", "null\n", "[]\n", '"row"\n', "{}\n", "{\n"])
def test_refuses_what_is_no_row(text: str) -> None:
    with pytest.raises(BadUsage, match="not a line of usage"):
        from_line(text)
