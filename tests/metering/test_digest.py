"""One SHA-256 over all rows of an epoch.

usage_digest
  given rows: it should be the SHA-256 of their canonical lines in order of task and node
  given odd characters, moments and ids: it should write the very lines that core.usage writes
  given the rows in another order, cut or number of threads: it should be the same
  given one key twice: it should raise RepeatedUsage
  given more rows than one batch: it should be the same
"""

from collections.abc import Sequence
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionpay.core.errors import RepeatedUsage
from sessionpay.core.ids import SESSION_ID_LIMIT, Address, SessionId
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord, to_line
from sessionpay.metering import digest
from sessionpay.metering.digest import usage_digest
from sessionpay.metering.errors import BadOrder
from tests.core.rows import NODE_A, NODE_B, row
from tests.metering.test_aggregate import MEMORY, many_rows, sealed
from tests.metering.test_segments import MOMENTS

# What quoting, sorting or padding could get wrong, beside any other character that a name may have.
TELLING = "\"\\/<>&%{}'$ \u00a0\u00ad\u0300é\u2027\u202a\ufeff\ufffe\uffff𝄞\U0010ffff"
texts = st.text(
    st.one_of(
        st.sampled_from(TELLING),
        st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]),
    ),
    min_size=1,
    max_size=8,
)
session_ids = st.one_of(
    st.integers(0, SESSION_ID_LIMIT - 1),
    st.sampled_from((0, 1, 10**13 - 1, 10**13, 10**26, 2**80, 2**127, 2**128 - 1, SESSION_ID_LIMIT - 1)),
)
moments = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(MOMENTS),
)
records = st.builds(
    UsageRecord,
    task_id=texts,
    session_id=session_ids.map(SessionId),
    node=st.integers(1, 2**160 - 1).map(lambda number: Address(f"0x{number:040x}")),
    model=texts,
    sla=texts,
    prompt_tokens=st.integers(0, COUNT_LIMIT - 1),
    completion_tokens=st.integers(0, COUNT_LIMIT - 1),
    submitted_at=moments,
    latency_ms=st.integers(0, COUNT_LIMIT - 1),
    outcome=st.sampled_from(Outcome),
    quality_ppm=st.integers(0, 10**6),
)


def expected(rows: Sequence[UsageRecord]) -> str:
    ordered = sorted(rows, key=lambda record: (record.task_id.encode(), record.node))
    return sha256("".join(map(to_line, ordered)).encode()).hexdigest()


def found(paths: Sequence[Path], *, threads: int = 1, memory_limit: int = MEMORY) -> str:
    return usage_digest(paths, memory_limit=memory_limit, threads=threads)


# Few examples of many rows, because opening the database takes longer than the rows do.
@settings(max_examples=15)
@given(rows=st.lists(records, max_size=40, unique_by=lambda record: record.key), cuts=st.integers(1, 3))
def test_is_that_of_the_canonical_lines(rows: list[UsageRecord], cuts: int) -> None:
    with TemporaryDirectory() as name:
        assert found(sealed(rows, Path(name), cuts=cuts)) == expected(rows)


def test_no_rows_have_the_digest_of_nothing(tmp_path: Path) -> None:
    assert found([]) == found(sealed([], tmp_path)) == sha256().hexdigest()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("cuts", [1, 5])
def test_any_order_and_cut_gives_the_same(tmp_path: Path, threads: int, cuts: int) -> None:
    rows = [*many_rows(3_000), *(row(task_id="task-7", node=node) for node in (NODE_B, NODE_A))]
    Random(cuts).shuffle(rows)
    assert found(sealed(rows, tmp_path, cuts=cuts), threads=threads) == expected(rows)


def test_a_changed_row_changes_it(tmp_path: Path) -> None:
    assert found(sealed([row(task_id="t", latency_ms=1)], tmp_path)) != expected(
        [row(task_id="t", latency_ms=2)]
    )


def test_spans_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "FETCHED_ROWS", 1_000)
    rows = many_rows(5_000)
    assert found(sealed(rows, tmp_path, cuts=2), threads=2) == expected(rows)


@pytest.mark.parametrize("cuts", [1, 2])
@pytest.mark.parametrize("fetched", [1, 100])
def test_a_repeated_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: int, fetched: int
) -> None:
    monkeypatch.setattr(digest, "FETCHED_ROWS", fetched)
    rows = [row(task_id="twice", node=NODE_B), row(task_id="twice", node=NODE_B, latency_ms=5), row()]
    with pytest.raises(RepeatedUsage, match=NODE_B):
        found(sealed(rows, tmp_path, cuts=cuts))


def test_rows_out_of_order_are_never_hashed() -> None:
    keys = {"task_id": pa.array(["b", "a"]), "node": pa.array([b"\1" * 20] * 2)}
    with pytest.raises(BadOrder, match="'a'"):
        digest._require_rising(pa.record_batch(keys))
