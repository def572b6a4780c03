"""What sealed usage adds up to.

tallies
  given rows in segments: it should equal core.tally, for any order, cut, number of threads and hash seed
  given the highest prices: it should be exact past 2**63 and past 2**127
  given a row whose model or SLA has no price, also one that failed: it should raise MissingPrice
  given one key twice, in one segment or in two: it should raise RepeatedUsage with the key
  given keys whose hashes meet: it should compare the keys themselves
  given segments that are missing or hold impossible numbers: it should name the fault
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionpay.core.errors import MissingPrice, RepeatedUsage
from sessionpay.core.ids import SESSION_ID_LIMIT, Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, PPM, BaseUnits, Ppm
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.core.pricing import ModelPrice, PriceSheet, parse_price_sheet
from sessionpay.core.tally import Service, Tally, tally
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord
from sessionpay.metering import aggregate
from sessionpay.metering.aggregate import tallies
from sessionpay.metering.errors import BadSegment, NotAddedUp
from sessionpay.metering.segments import SCHEMA
from tests.core.rows import MOMENT, NO_FEE, NODE_A, NODE_B, TOKEN_SHEET, row
from tests.metering.sealing import seal, table
from tests.strategies import policies, price_sheets, row_lists

MEMORY = 500 * 10**6
DEAREST = PriceSheet(
    {"large": ModelPrice(BaseUnits(AMOUNT_LIMIT - 1), BaseUnits(AMOUNT_LIMIT - 1))},
    {"standard": Ppm(1_000 * PPM), "odd": Ppm(1_000 * PPM - 1)},
)
ODD_SHEET = PriceSheet(
    {
        "large": ModelPrice(BaseUnits(123_456_789_012_345), BaseUnits(1)),
        "small": ModelPrice(BaseUnits(0), BaseUnits(999_999)),
    },
    {"standard": Ppm(PPM), "priority": Ppm(1_500_001)},
)
ODD_POLICY = Policy(
    fee_ppm=Ppm(0), deadline_default_ms=9_000, deadlines_ms={"large": {"priority": 4_000, "standard": 20_000}}
)


def sealed(rows: Sequence[UsageRecord], folder: Path, *, cuts: int = 1) -> list[Path]:
    """Deal rows out to a number of segments; empty ones too."""
    return [seal(rows[first::cuts], folder) for first in range(cuts)]


def added(
    paths: Sequence[Path], sheet: PriceSheet = TOKEN_SHEET, policy: Policy = NO_FEE, *, threads: int = 1
) -> Mapping[Service, Tally]:
    return tallies(paths, sheet, policy, memory_limit=MEMORY, threads=threads)


def many_rows(count: int) -> list[UsageRecord]:
    """Return rows of few services, all columns of which vary, the same in every run."""
    random = Random(7)
    return [
        row(
            task_id=f"task-{number}",
            session_id=SessionId(random.choice((0, 1, 2**64, SESSION_ID_LIMIT - 1))),
            node=Address(f"0x{random.choice((1, 2**80, 2**160 - 1)):040x}"),
            model=random.choice(("large", "small")),
            sla=random.choice(("standard", "priority")),
            prompt_tokens=random.randrange(COUNT_LIMIT),
            completion_tokens=random.randrange(COUNT_LIMIT),
            submitted_at=MOMENT + timedelta(microseconds=number),
            latency_ms=random.randrange(30_000),
            outcome=random.choice((Outcome.COMMITTED, Outcome.COMMITTED, Outcome.FAILED, Outcome.TIMEOUT)),
            quality_ppm=random.randrange(PPM + 1),
        )
        for number in range(count)
    ]


# Few examples of many rows, because opening the database takes longer than the rows do.
@settings(max_examples=15)
@given(rows=row_lists(rows_max=40), sheet=price_sheets(), policy=policies(), cuts=st.integers(1, 3))
def test_equals_the_plain_loop(
    rows: tuple[UsageRecord, ...], sheet: PriceSheet, policy: Policy, cuts: int
) -> None:
    with TemporaryDirectory() as name:
        found = added(sealed(rows, Path(name), cuts=cuts), sheet, policy)
    assert found == tally(rows, sheet, policy)
    assert list(found) == sorted(found)


def test_no_segments_have_no_tallies() -> None:
    assert added([]) == {}


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("cuts", [1, 7])
def test_any_order_and_cut_gives_the_same(tmp_path: Path, threads: int, cuts: int) -> None:
    rows = many_rows(3_000)
    expected = tally(rows, ODD_SHEET, ODD_POLICY)
    Random(threads).shuffle(rows)
    assert added(sealed(rows, tmp_path, cuts=cuts), ODD_SHEET, ODD_POLICY, threads=threads) == expected


@pytest.mark.parametrize(("rows", "beyond"), [(1, 2**127), (50, 2**140)])
def test_the_highest_prices_are_exact(tmp_path: Path, rows: int, beyond: int) -> None:
    full = {"prompt_tokens": COUNT_LIMIT - 1, "completion_tokens": COUNT_LIMIT - 1}
    given_rows = [row(sla="odd", quality_ppm=PPM - 1, **full) for _ in range(rows)]
    (found,) = added(sealed(given_rows, tmp_path), DEAREST).values()
    price = 2 * (COUNT_LIMIT - 1) * (AMOUNT_LIMIT - 1) * (1_000 * PPM - 1) // PPM
    assert found.work == rows * price > beyond
    assert found.score_by_tokens == rows * (PPM - 1) * 2 * (COUNT_LIMIT - 1)


def test_sums_pass_64_bits(tmp_path: Path) -> None:
    rows = [row(prompt_tokens=COUNT_LIMIT - 1, completion_tokens=COUNT_LIMIT - 1) for _ in range(3_000)]
    (found,) = added(sealed(rows, tmp_path)).values()
    assert found.score_by_tokens == 3_000 * PPM * 2 * (COUNT_LIMIT - 1) > 2**63


def test_each_row_is_rounded_down_once(tmp_path: Path) -> None:
    sheet = PriceSheet({"large": ModelPrice(BaseUnits(1), BaseUnits(1))}, {"standard": Ppm(999_999)})
    rows = [row(prompt_tokens=1) for _ in range(10)]
    (found,) = added(sealed(rows, tmp_path), sheet).values()
    assert (found.work, found.committed, found.tokens) == (0, 10, 10)


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(("name", "kind"), [("model", "model"), ("sla", "sla")])
def test_a_missing_price_is_named(tmp_path: Path, name: str, kind: str, outcome: Outcome) -> None:
    paths = sealed([row(), row(outcome=outcome, **{name: "unheard of"})], tmp_path)
    with pytest.raises(MissingPrice) as caught:
        added(paths)
    assert (caught.value.kind, caught.value.name) == (kind, "unheard of")


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_repeated_key_is_named(tmp_path: Path, cuts: int) -> None:
    twice = [row(task_id="twice", node=NODE_B), row(task_id="twice", node=NODE_B, prompt_tokens=9)]
    paths = sealed([*twice, row(task_id="twice", node=NODE_A), row(node=NODE_B)], tmp_path, cuts=cuts)
    with pytest.raises(RepeatedUsage) as caught:
        added(paths)
    assert (caught.value.value, caught.value.node) == ("twice", NODE_B)


def test_the_same_segment_twice_is_repeated_usage(tmp_path: Path) -> None:
    with pytest.raises(RepeatedUsage):
        added(sealed(many_rows(5), tmp_path) * 2)


@pytest.mark.parametrize("repeated", [False, True])
def test_keys_decide_where_hashes_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeated: bool
) -> None:
    # The hash of the task alone: all nodes of a task then meet, as if hashes had collided.
    monkeypatch.setattr(aggregate, "HASHED_KEY", "hash(task_id)")
    monkeypatch.setattr(aggregate, "FETCHED_ROWS", 2)
    rows = [row(task_id="one", node=node) for node in (NODE_A, NODE_B)] + many_rows(5)
    if not repeated:
        assert added(sealed(rows, tmp_path), ODD_SHEET) == tally(rows, ODD_SHEET, NO_FEE)
        return
    with pytest.raises(RepeatedUsage):
        added(sealed([*rows, rows[1]], tmp_path), ODD_SHEET)


def test_little_memory_gives_the_same(tmp_path: Path) -> None:
    rows = many_rows(5_000)
    found = tallies(sealed(rows, tmp_path, cuts=2), ODD_SHEET, ODD_POLICY, memory_limit=24 * 10**6, threads=2)
    assert found == tally(rows, ODD_SHEET, ODD_POLICY)


@pytest.mark.parametrize("name", ["day=1", "a*b", "[ab]", "it's", "what?"])
def test_a_path_is_not_a_pattern(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    rows = many_rows(3)
    assert added(sealed(rows, folder), ODD_SHEET) == tally(rows, ODD_SHEET, NO_FEE)


@pytest.mark.parametrize(
    ("name", "value"), [("prompt_tokens", -1), ("latency_ms", COUNT_LIMIT), ("quality_ppm", PPM + 1)]
)
def test_impossible_numbers_are_refused(tmp_path: Path, name: str, value: int) -> None:
    column = SCHEMA.get_field_index(name)
    bad = table([row()], tmp_path).set_column(column, SCHEMA.field(column), [[value]])
    pq.write_table(bad, tmp_path / "bad.parquet")
    with pytest.raises(NotAddedUp, match=f"{name} is {value}"):
        added([tmp_path / "bad.parquet"])


def test_an_unknown_outcome_is_refused(tmp_path: Path) -> None:
    column = SCHEMA.get_field_index("outcome")
    lost = pa.array(["lost"]).dictionary_encode()
    pq.write_table(
        table([row()], tmp_path).set_column(column, SCHEMA.field(column), lost), tmp_path / "bad.parquet"
    )
    with pytest.raises(NotAddedUp, match="lost"):
        added([tmp_path / "bad.parquet"])


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("text")
    pq.write_table(table([row()], tmp_path).drop_columns(["sla"]), tmp_path / "less.parquet")
    for name in ("text.parquet", "less.parquet", "gone.parquet"):
        with pytest.raises(BadSegment, match=name):
            added([tmp_path / name])


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    (path,) = sealed(many_rows(2_000), tmp_path)
    raw = bytearray(path.read_bytes())
    raw[2_000:2_400] = bytes(400)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(raw)
    with pytest.raises(NotAddedUp, match="damaged segment"):
        added([damaged], ODD_SHEET)


def test_other_types_of_sums_are_refused() -> None:
    with pytest.raises(NotAddedUp, match="rest would be DOUBLE, not HUGEINT"):
        aggregate._require_integers(
            {**dict.fromkeys(aggregate._COUNTED, "BIGINT"), **dict.fromkeys(aggregate._SUMMED, "HUGEINT")}
            | {"rest": "DOUBLE"}
        )


def test_the_hash_seed_does_not_matter(tmp_path: Path) -> None:
    paths = sealed(many_rows(300), tmp_path, cuts=3)
    program = (
        "import sys; from pathlib import Path\n"
        "from sessionpay.core.policy import parse_policy\n"
        "from sessionpay.core.pricing import parse_price_sheet\n"
        "from sessionpay.metering.aggregate import tallies\n"
        "sheet, policy = parse_price_sheet(sys.argv[1]), parse_policy(sys.argv[2])\n"
        "paths = [Path(name) for name in sys.argv[3:]]\n"
        "print(tallies(paths, sheet, policy, memory_limit=10**8, threads=2))"
    )
    sheet = "[models]\nlarge = {prompt = 7, completion = 9}\nsmall = {prompt = 1, completion = 3}\n"
    sheet += "[sla]\nstandard = 999_999\npriority = 1_500_001\n"
    policy = "fee_ppm = 0\n[deadlines_ms]\ndefault = 9_000\n"
    # This process has a seed of its own, so one more is enough.
    told = subprocess.run(
        [sys.executable, "-c", program, sheet, policy, *map(str, paths)],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
    ).stdout
    expected = tally(many_rows(300), parse_price_sheet(sheet), parse_policy(policy))
    assert told == f"{expected}\n".encode()
