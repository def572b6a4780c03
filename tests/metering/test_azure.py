"""The published Azure LLM trace.

read_azure
  given the trace: it should give each row a session, a node and the rest by the documented rule
  given the same file and seed: it should give the same records, on every machine
  given any sizes: every session and every node should have committed work, unevenly
  given a bad row: it should reject it, and the other rows should stay what they were
  given too few rows, a wrong header, or a spread over nobody: it should refuse
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadSpread, UnreadableUsage
from sessionpay.core.ids import Address
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord
from sessionpay.metering.azure import Spread, read_azure

TRACE = Path(__file__).parents[3] / "shared" / "data" / "AzureLLMInferenceTrace_code.csv"
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
NODES = tuple(Address(f"0x{number:040x}") for number in range(1, 13))
SPREAD = Spread(seed=7, sessions=5, nodes=NODES[:3], models=("large", "small"), slas=("standard", "priority"))


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "trace.csv"
    path.write_text("\r\n".join([header, *rows]), encoding="utf-8", newline="")
    return path


def plain_rows(count: int) -> list[str]:
    return [f"2023-11-16 18:17:{number % 60:02}.9799600,{100 + number},{number}" for number in range(count)]


def test_every_field_follows_the_documented_rule(tmp_path: Path) -> None:
    records = read_azure(written(tmp_path, *plain_rows(400)), spread=SPREAD).records
    assert len(records) == 400
    for index, record in enumerate(records):
        line = index + 2
        digest = sha256(f"7:{line}".encode()).digest()
        numbers = [int.from_bytes(digest[4 * part : 4 * part + 4], "big") for part in range(8)]
        session = max(k for k in range(5) if k * (k + 1) // 2 <= numbers[0] % 15)
        node = max(k for k in range(3) if k * (k + 1) // 2 <= numbers[1] % 6)
        value = numbers[4] % 1000
        outcome = "committed" if value < 950 else "failed" if value < 980 else "timeout"
        if index < 5:
            session, node, outcome = index, index % 3, "committed"
        latency = 100 + (100 + index) // 10 + 20 * index + numbers[5] % 1000
        assert record == UsageRecord(
            task_id=f"azure-{line}",
            session_id=session,  # type: ignore[arg-type]
            node=NODES[node],
            model=("large", "small")[numbers[2] % 2],
            sla=("standard", "priority")[numbers[3] % 2],
            prompt_tokens=100 + index,
            completion_tokens=index,
            submitted_at=datetime(2023, 11, 16, 18, 17, index % 60, 979_960, tzinfo=UTC),
            latency_ms=latency * (10 if numbers[6] % 20 == 0 else 1),
            outcome=Outcome(outcome),
            quality_ppm=800_000 + numbers[7] % 200_001,  # type: ignore[arg-type]
        )
    assert {record.outcome for record in records} == set(Outcome)


@given(sessions=st.integers(1, 40), nodes=st.integers(1, 12), seed=st.integers(-5, 2**70))
def test_everybody_gets_committed_work(
    tmp_path_factory: pytest.TempPathFactory, sessions: int, nodes: int, seed: int
) -> None:
    path = written(tmp_path_factory.mktemp("trace"), *plain_rows(40))
    spread = Spread(seed=seed, sessions=sessions, nodes=NODES[:nodes], models=("large",))
    records = read_azure(path, spread=spread).records
    committed = [record for record in records if record.outcome is Outcome.COMMITTED]
    assert {record.session_id for record in committed} == set(range(sessions))
    assert {record.node for record in committed} == set(NODES[:nodes])
    assert {(record.model, record.sla) for record in records} == {("large", "standard")}


def test_another_seed_spreads_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path, *plain_rows(40))
    assert read_azure(path, spread=SPREAD) == read_azure(path, spread=SPREAD)
    assert read_azure(path, spread=SPREAD) != read_azure(path, spread=replace(SPREAD, seed=8))


def test_bad_row_is_rejected_and_changes_no_other(tmp_path: Path) -> None:
    rows = plain_rows(20)
    whole = read_azure(written(tmp_path, *rows), spread=SPREAD).records
    rows[12:15] = ["2023-11-16 18:17:03.9799600,-1,5", "yesterday,1,5", "2023-11-16 18:17:03"]
    imported = read_azure(written(tmp_path, *rows), spread=SPREAD)
    assert imported.records == whole[:12] + whole[15:]
    assert [(rejected.line, rejected.reason.split(": ")[-1]) for rejected in imported.rejected] == [
        (14, "write a whole number from 0 to below 2**31"),
        (15, "write it as 2023-11-16T18:17:03Z"),
        (16, "it has 1 fields, the header has 3"),
    ]


def test_bad_rows_at_the_start_leave_nobody_without_work(tmp_path: Path) -> None:
    rows = ["2023-11-16 18:17:03.9799600,-1,5"] * 3 + plain_rows(5)
    records = read_azure(written(tmp_path, *rows), spread=SPREAD).records
    assert [record.session_id for record in records] == [0, 1, 2, 3, 4]


def test_enormous_counts_of_tokens_keep_the_row_valid(tmp_path: Path) -> None:
    spread = replace(SPREAD, sessions=1, nodes=NODES[:1])
    row = f"2023-11-16 18:17:03.9799600,{COUNT_LIMIT - 1},{COUNT_LIMIT - 1}"
    (record,) = read_azure(written(tmp_path, row), spread=spread).records
    assert record.latency_ms == COUNT_LIMIT - 1


def test_too_few_rows_for_everybody_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, *plain_rows(4))
    with pytest.raises(
        BadSpread, match="sessions 5: the file has 4 good rows; give at most as many sessions"
    ):
        read_azure(path, spread=SPREAD)
    with pytest.raises(BadSpread, match="nodes 12: the file has 4 good rows; give at most as many nodes"):
        read_azure(path, spread=replace(SPREAD, nodes=NODES))


def test_other_files_are_told_by_their_header(tmp_path: Path) -> None:
    path = written(tmp_path, *plain_rows(5), header="TIMESTAMP,ContextTokens")
    with pytest.raises(
        UnreadableUsage, match="the first line is not TIMESTAMP,ContextTokens,GeneratedTokens"
    ):
        read_azure(path, spread=SPREAD)
    with pytest.raises(UnreadableUsage, match="No such file"):
        read_azure(tmp_path / "absent.csv", spread=SPREAD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sessions", 0),
        ("sessions", -1),
        ("nodes", ()),
        ("nodes", (NODES[0], NODES[0])),
        ("models", ()),
        ("models", ("large", "large")),
        ("slas", ()),
    ],
)
def test_spread_over_nobody_or_somebody_twice_is_refused(name: str, value: object) -> None:
    with pytest.raises(BadSpread, match=f"{name} .*: give at least 1"):
        replace(SPREAD, **{name: value})  # type: ignore[arg-type]


def test_published_trace_is_read_whole() -> None:
    if not TRACE.exists():
        pytest.skip("the published Azure trace is not here: ../shared/data is absent")
    spread = replace(SPREAD, sessions=40, nodes=NODES)
    imported = read_azure(TRACE, spread=spread)
    assert (len(imported.records), imported.rejected, imported.repeated) == (8_819, (), 0)
    assert sum(record.prompt_tokens for record in imported.records) == 18_059_974
    assert sum(record.completion_tokens for record in imported.records) == 245_896
    by_session = Counter(record.session_id for record in imported.records)
    by_node = Counter(record.node for record in imported.records)
    assert (len(by_session), len(by_node)) == (40, 12)
    assert by_session[max(by_session)] > 10 * min(by_session.values())
    assert by_node[NODES[-1]] > 5 * by_node[NODES[0]]
