"""Usage files in CSV and JSON Lines, and cutting records into epochs.

read_csv, read_jsonl
  given good rows: it should give records in the file's order, defaults where a field is left out
  given a bad row: it should keep it with its line and reason, and take the rows around it
  given a row again: it should count it as repeated; with other content it should reject it
  given a half-written last line: it should reject that line only
  given a file that cannot be opened, is empty, or has a wrong header: it should raise UnreadableUsage
  given a price sheet: it should reject rows that have no price
cut_epochs
  given records: it should cut runs of equal length, the first ones one longer, in order of time and key
"""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadCut, UnreadableUsage
from sessionpay.core.pricing import PriceSheet
from sessionpay.core.usage import Outcome, UsageRecord
from sessionpay.metering.lines import ROW_BYTES_MAX, Imported
from sessionpay.metering.records import OPTIONAL, REQUIRED, cut_epochs, read_csv, read_jsonl
from tests.core.rows import NODE_A, NODE_B, TOKEN_SHEET, row
from tests.strategies import row_lists

HEADER = (
    "task_id,session_id,node,model,sla,prompt_tokens,completion_tokens,"
    "submitted_at,latency_ms,outcome,quality_ppm"
)
GOOD = f"t1,7,{NODE_A},large,priority,10,5,2026-01-02T12:00:00.25Z,900,committed,950000"
OTHER = f"t2,8,{NODE_B},small,,0,0,2026-01-02 12:00:00+00:00,0,timeout,"
EXPECTED = row(
    task_id="t1",
    prompt_tokens=10,
    completion_tokens=5,
    sla="priority",
    latency_ms=900,
    quality_ppm=950_000,
    submitted_at=datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=UTC),
)
JSON_ROW: dict[str, Any] = {
    "task_id": "t1",
    "session_id": 7,
    "node": NODE_A,
    "model": "large",
    "sla": "priority",
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "submitted_at": "2026-01-02T12:00:00.25Z",
    "latency_ms": 900,
    "outcome": "committed",
    "quality_ppm": 950_000,
}


def from_csv(folder: Path, *lines: str, end: str = "\n", sheet: PriceSheet | None = None) -> Imported:
    path = folder / "usage.csv"
    path.write_text(end.join(lines), encoding="utf-8", newline="")
    return read_csv(path, sheet=sheet)


def from_jsonl(folder: Path, *lines: str, sheet: PriceSheet | None = None) -> Imported:
    path = folder / "usage.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    return read_jsonl(path, sheet=sheet)


def json_row(**changes: object) -> str:
    return json.dumps({**JSON_ROW, **changes})


def faults(imported: Imported) -> list[tuple[int, str]]:
    return [(rejected.line, rejected.reason) for rejected in imported.rejected]


def test_reads_csv(tmp_path: Path) -> None:
    imported = from_csv(tmp_path, HEADER, GOOD, OTHER, "")
    assert imported == Imported((EXPECTED, imported.records[1]), (), 0)
    second = imported.records[1]
    assert (second.sla, second.quality_ppm, second.outcome) == ("standard", 1_000_000, Outcome.TIMEOUT)


def test_reads_jsonl(tmp_path: Path) -> None:
    assert from_jsonl(tmp_path, json_row(), "").records == (EXPECTED,)
    minimal = {name: JSON_ROW[name] for name in REQUIRED}
    (record,) = from_jsonl(tmp_path, json.dumps(minimal)).records
    assert (record.sla, record.quality_ppm) == ("standard", 1_000_000)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_byte_order_marks_and_blank_lines_do_not_matter(
    tmp_path: Path, end: str, mark: str
) -> None:
    expected = from_csv(tmp_path, HEADER, GOOD, OTHER).records
    assert from_csv(tmp_path, mark + HEADER, "", GOOD, "  ", OTHER, "", end=end).records == expected
    assert from_jsonl(tmp_path, mark + json_row() + end).records == (EXPECTED,)


def test_columns_stand_in_any_order_and_may_be_quoted(tmp_path: Path) -> None:
    columns = [name for name in reversed(HEADER.split(",")) if name not in OPTIONAL]
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    line = ",".join(f'"{values[name]}"' for name in columns)
    imported = from_csv(tmp_path, ",".join(columns), line)
    assert imported.records == (replace(EXPECTED, sla="standard", quality_ppm=1_000_000),)  # type: ignore[arg-type]


def test_addresses_are_read_in_any_case_and_kept_in_lower_case(tmp_path: Path) -> None:
    shouted = GOOD.replace(NODE_A, "0x" + NODE_A[2:].upper())
    assert from_csv(tmp_path, HEADER, shouted).records == (EXPECTED,)


@pytest.mark.parametrize("session_id", [0, 2**160 - 1])
def test_large_session_ids_are_exact_as_numbers_and_as_digits(tmp_path: Path, session_id: int) -> None:
    lines = [json_row(session_id=session_id), json_row(session_id=str(session_id), task_id="t2")]
    assert [record.session_id for record in from_jsonl(tmp_path, *lines).records] == [session_id] * 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",10,5,", ",-10,5,", "prompt_tokens -10: write a whole number from 0"),
        (",10,5,", ",10,2147483648,", "completion_tokens 2147483648: write a whole number from 0"),
        (",10,5,", ",10.0,5,", "prompt_tokens '10.0': write a whole number"),
        (",10,5,", ",1e3,5,", "prompt_tokens '1e3': write a whole number"),
        (",10,5,", ",,5,", "prompt_tokens '': write a whole number"),
        (",10,5,", ",10,\u0665,", "completion_tokens '\u0665': write a whole number"),
        (",10,5,", ",10,5,5,", "has 12 fields, the header has 11"),
        (",10,5,", ",10,", "has 10 fields, the header has 11"),
        ("t1,7,", "t1,-7,", "session id '-7': write a whole number"),
        ("t1,7,", f"t1,{2**160},", "write a whole number from 0 to 2**160 - 1"),
        ("t1,7,", ",7,", "task_id '': write 1 to 64 characters"),
        ("t1,7,", f"{'t' * 65},7,", "write 1 to 64 characters"),
        (NODE_A, NODE_A[:-1], "node '0xa0"),
        (NODE_A, "0x" + "00" * 20, "the zero address cannot be paid"),
        (NODE_A, "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "its checksum is wrong"),
        ("25Z", "25+02:00", "write it in UTC"),
        ("01-02T", "13-02T", "there is no such day"),
        (",900,", ",-1,", "latency_ms -1: write a whole number"),
        ("committed", "Committed", "outcome 'Committed': write committed, failed or timeout"),
        ("950000", "1000001", "quality_ppm 1000001: write a whole number"),
        ("t1", '"t1', "not a CSV row"),
        ("t1", "t\x001", "control character"),
    ],
)
def test_bad_csv_row_is_kept_with_its_line_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    bad = GOOD.replace(old, new)
    imported = from_csv(tmp_path, HEADER, OTHER, "", bad, GOOD.replace("t1", "t3"))
    assert [record.task_id for record in imported.records] == ["t2", "t3"]
    ((line, told),) = faults(imported)
    assert (line, imported.rejected[0].text) == (4, bad)
    assert reason in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json_row()[:-20], "not a whole JSON object"),
        (json_row() + "}", "not a whole JSON object: Extra data at character"),
        ("{", "not a whole JSON object"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("[" * 8_000, "row '[[[["),
        (json_row(prompt_tokens=-1), "prompt_tokens -1: write a whole number from 0"),
        (json_row(prompt_tokens=1.0), "numbers are whole"),
        (json_row(prompt_tokens=float("nan")), "numbers are whole"),
        (json_row(prompt_tokens=True), "prompt_tokens True: write a whole number"),
        (json_row(prompt_tokens="10"), "prompt_tokens '10': write a whole number"),
        (json_row(prompt_tokens=None), "prompt_tokens None: write a whole number"),
        (json_row(sla=None), "sla None: write 1 to"),
        (json_row(session_id=-1), "session_id -1: write a whole number"),
        (json_row(session_id="x"), "session id 'x'"),
        (json_row(session_id=[7]), "session_id [7]: write a whole number"),
        (json_row(node=7), "node 7: write 0x"),
        (json_row(task_id={}), "task_id {}: write 1 to 64"),
        (json_row(task_id="\ud800"), "control character"),
        (json_row(outcome=["committed"]), "outcome ['committed']: write committed"),
        (json_row(submitted_at=0), "submitted_at 0: write it as"),
        (json_row(tokens=3), "unknown key 'tokens'"),
        (json_row().replace('"sla"', '"model"'), "a key stands in it twice"),
        (json_row().replace('"latency_ms": 900, ', ""), "the key latency_ms is missing"),
        (json_row(session_id=7).replace(": 7,", ": " + "9" * 5_000 + ","), "a number is too long"),
    ],
)
def test_bad_json_row_is_kept_with_its_line_and_reason(tmp_path: Path, line: str, reason: str) -> None:
    imported = from_jsonl(tmp_path, json_row(task_id="t0"), line, json_row(task_id="t3"))
    assert [record.task_id for record in imported.records] == ["t0", "t3"]
    ((number, told),) = faults(imported)
    assert (number, imported.rejected[0].text) == (2, line)
    assert reason in told
    assert len(told) < 300


@pytest.mark.parametrize("length", range(1, len(GOOD) - len("50000")))
def test_half_written_last_csv_line_never_passes_while_a_field_is_missing(
    tmp_path: Path, length: int
) -> None:
    imported = from_csv(tmp_path, HEADER, OTHER, GOOD[:length])
    assert len(imported.records) + len(imported.rejected) == 2
    if GOOD[:length].count(",") < HEADER.count(","):
        assert [rejected.line for rejected in imported.rejected] == [3]


@pytest.mark.parametrize("length", range(1, len(json_row()), 7))
def test_half_written_last_json_line_is_rejected(tmp_path: Path, length: int) -> None:
    imported = from_jsonl(tmp_path, json_row(task_id="t0"), json_row()[:length])
    assert ([record.task_id for record in imported.records], len(imported.rejected)) == (["t0"], 1)


def test_same_row_is_taken_once_and_another_under_its_key_is_not(tmp_path: Path) -> None:
    differs = GOOD.replace(",10,5,", ",10,6,")
    same_time = GOOD.replace(".25Z", ".250000Z")
    imported = from_csv(
        tmp_path, HEADER, GOOD, GOOD, differs, same_time, GOOD.replace(NODE_A, NODE_B), differs
    )
    assert [record.node for record in imported.records] == [NODE_A, NODE_B]
    assert imported.repeated == 2
    reason = "task_id 't1': line 2 has another row for this task and node, and it differs"
    assert faults(imported) == [(4, reason), (7, reason)]


def test_a_row_that_was_rejected_does_not_take_the_key(tmp_path: Path) -> None:
    imported = from_csv(tmp_path, HEADER, GOOD.replace(",10,", ",-1,"), GOOD)
    assert (imported.records, imported.repeated) == ((EXPECTED,), 0)
    assert [rejected.line for rejected in imported.rejected] == [2]


def test_rows_without_a_price_are_rejected_where_a_sheet_is_given(tmp_path: Path) -> None:
    lines = [HEADER, GOOD.replace("large", "huge"), OTHER]
    assert not from_csv(tmp_path, *lines).rejected
    reason = "model 'huge' has no price: add models.'huge' to the price sheet"
    assert faults(from_csv(tmp_path, *lines, sheet=TOKEN_SHEET)) == [(2, reason)]
    assert faults(from_jsonl(tmp_path, json_row(model="huge"), sheet=TOKEN_SHEET)) == [(1, reason)]


def test_a_row_that_is_not_utf_8_or_endless_stops_no_other(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    endless = b"x" * (3 * ROW_BYTES_MAX)
    edge = b"y" * (ROW_BYTES_MAX - 1)
    good, other = GOOD.encode(), OTHER.encode()
    path.write_bytes(b"\n".join([HEADER.encode(), b"\xff\xfe,\r", endless, good, edge + b"y", edge, other]))
    imported = read_csv(path)
    assert [record.task_id for record in imported.records] == ["t1", "t2"]
    assert [rejected.line for rejected in imported.rejected] == [2, 3, 5, 6]
    reasons = [rejected.reason.split(": ")[-1] for rejected in imported.rejected]
    too_long = f"it is longer than {ROW_BYTES_MAX} bytes"
    assert reasons == ["it is not UTF-8", too_long, too_long, "it has 1 fields, the header has 11"]
    assert imported.rejected[0].text == "\\xff\\xfe,"


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        (GOOD, "header has unknown columns"),
        (HEADER.replace("sla", "class"), "header has unknown columns: class"),
        (HEADER.replace(",node", ""), "header lacks the columns: node"),
        (HEADER.replace("node", "model"), "header names twice: model"),
        (HEADER.replace(",", ";"), "header has unknown columns"),
        ('"task_id', "header line cannot be used: not a CSV row"),
        ("\n \n", "it has no header line"),
    ],
)
def test_wrong_header_is_named(tmp_path: Path, header: str, rule: str) -> None:
    with pytest.raises(UnreadableUsage, match=rule) as caught:
        from_csv(tmp_path, header)
    assert str(caught.value).startswith(f"usage file {tmp_path / 'usage.csv'}: ")
    assert "\n" not in str(caught.value)


def test_utf_16_is_told_from_the_header(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    path.write_text(HEADER, encoding="utf-16")
    with pytest.raises(UnreadableUsage, match="header line cannot be used: it is not UTF-8"):
        read_csv(path)


@pytest.mark.parametrize("read", [read_csv, read_jsonl])
def test_file_that_cannot_be_read_is_told(tmp_path: Path, read: Callable[[Path], Imported]) -> None:
    with pytest.raises(UnreadableUsage, match="cannot read it: No such file or directory"):
        read(tmp_path / "absent")
    with pytest.raises(UnreadableUsage, match="cannot read it: Is a directory"):
        read(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableUsage, match="it is empty"):
        read(tmp_path / "empty")


def test_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    assert from_csv(tmp_path, HEADER) == Imported((), (), 0)


@given(row_lists(rows_max=12))
def test_what_is_written_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: tuple[UsageRecord, ...]
) -> None:
    folder = tmp_path_factory.mktemp("usage")
    names = (*REQUIRED, *OPTIONAL)
    plain = [{name: str(getattr(record, name)) for name in names} for record in rows]
    written = io.StringIO()
    writer = csv.DictWriter(written, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain)
    assert from_csv(folder, written.getvalue()) == Imported(rows, (), 0)
    if rows:
        counts = {"prompt_tokens", "completion_tokens", "latency_ms", "quality_ppm"}
        lines = [
            json.dumps({name: int(value) if name in counts else value for name, value in one.items()})
            for one in plain
        ]
        assert from_jsonl(folder, *lines) == Imported(rows, (), 0)


@pytest.mark.parametrize(
    ("count", "epochs", "lengths"),
    [
        (10, 3, [4, 3, 3]),
        (11, 3, [4, 4, 3]),
        (9, 3, [3, 3, 3]),
        (2, 4, [1, 1, 0, 0]),
        (0, 2, [0, 0]),
        (5, 1, [5]),
    ],
)
def test_first_epochs_take_one_more(count: int, epochs: int, lengths: list[int]) -> None:
    rows = [row(submitted_at=EXPECTED.submitted_at + timedelta(seconds=number)) for number in range(count)]
    runs = cut_epochs(rows, epochs)
    assert [len(run) for run in runs] == lengths
    assert [one for run in runs for one in run] == rows


def test_order_is_by_time_then_task_then_node() -> None:
    later = EXPECTED.submitted_at + timedelta(microseconds=1)
    ordered = [
        replace(EXPECTED, task_id="b", node=NODE_A),
        replace(EXPECTED, task_id="b", node=NODE_B),
        replace(EXPECTED, task_id="c", node=NODE_A),
        replace(EXPECTED, task_id="a", node=NODE_A, submitted_at=later),
    ]
    assert cut_epochs(reversed(ordered), 1) == [tuple(ordered)]


@given(row_lists(rows_max=12), st.integers(1, 6), st.randoms(use_true_random=False))
def test_cut_loses_no_row_and_does_not_depend_on_order(
    rows: tuple[UsageRecord, ...], epochs: int, random: Random
) -> None:
    runs = cut_epochs(rows, epochs)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert cut_epochs(shuffled, epochs) == runs
    assert sorted(one.key for run in runs for one in run) == sorted(one.key for one in rows)
    assert max(map(len, runs)) - min(map(len, runs)) <= 1


@pytest.mark.parametrize("epochs", [0, -1])
def test_there_is_at_least_one_epoch(epochs: int) -> None:
    with pytest.raises(BadCut, match=f"cannot cut usage into {epochs} epochs"):
        cut_epochs([], epochs)
