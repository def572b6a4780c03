"""Given a usage file, when `simulate` settles it, it should tell all and lose nothing.

- a good file: tables, sentences about what went wrong, and `difference: 0`
- a file with bad rows: the good ones are settled, the others named with line and reason, exit code 1
- a file, sheet or policy that cannot be used: one line, exit code 2, nothing sent
- a node at an RPC address: keys are on the disk before anything is funded, and what is left comes home
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.chain import rpc

from .conftest import RPC, Program

if TYPE_CHECKING:
    from typer.testing import Result

TRACE = Path(__file__).parents[2] / "examples" / "demo" / "usage.csv"
AZURE = Path(__file__).parents[3] / "shared" / "data" / "AzureLLMInferenceTrace_code.csv"
PASSPHRASE = "correct horse"  # noqa: S105 - of a key that lives as long as its test
SWEPT_MAX_WEI = 10**15


def settled(program: Program, *words: str) -> dict[str, Any]:
    """Return the JSON of a simulation that must succeed."""
    return program.json("simulate", *words)


def refused(result: Result, *named: str) -> None:
    """Hold a failed run to one line that names what is wrong."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    for name in named:
        assert name in lines[0]


def test_it_ends_with_a_difference_of_zero(blank: Program) -> None:
    result = blank("simulate", "--usage", str(TRACE), "--asset", "both")
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("difference: 0")
    for sentence in ("ran out of money in epoch", "refused money in epoch 1"):
        assert result.stdout.count(sentence) == 2, result.stdout
    assert "below the threshold of 60.0 %" in result.stdout


def test_json_has_every_figure(blank: Program) -> None:
    found = settled(blank, "--usage", str(TRACE))
    (contract,) = found["contracts"]
    assert (found["sessions"], found["nodes"], found["tasks"]) == (6, 6, 248)
    assert found["difference"] == "0"
    assert found["transactions"] > 0
    assert found["gas"] > 21_000 * found["transactions"]
    for name in ("asset", "address", "difference", "charged", "allocated", "withdrawn", "arrears"):
        assert found[name] == contract[name]
        assert isinstance(contract[name], str)
    assert int(found["deposited"]) == int(found["withdrawn"]) + int(found["returned"]) + int(
        found["treasury"]
    )


def test_the_same_seed_gives_the_same_result(blank: Program) -> None:
    first, again = (settled(blank, "--usage", str(TRACE), "--asset", "token") for _ in range(2))
    assert first | {"seconds": 0} == again | {"seconds": 0}


def test_azure_rows_are_spread_by_the_seed(blank: Program, tmp_path: Path) -> None:
    trace = tmp_path / "azure.csv"
    lines = [f"2023-11-16 18:{n // 60:02}:{n % 60:02}.1234567,{100 + n},{n}" for n in range(90)]
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(lines))
    words = ("--usage", str(trace), "--sessions", "5", "--nodes", "3", "--epochs", "2")
    one = settled(blank, *words, "--format", "azure", "--seed", "1")
    assert (one["sessions"], one["nodes"], one["tasks"], one["difference"]) == (5, 3, 90, "0")
    assert settled(blank, *words, "--seed", "2")["node_rows"] != one["node_rows"]


def test_json_lines_give_what_the_same_csv_gives(blank: Program, tmp_path: Path) -> None:
    lines = tmp_path / "usage.jsonl"
    numbers = {"prompt_tokens", "completion_tokens", "latency_ms", "quality_ppm", "session_id"}
    with TRACE.open() as file, lines.open("w") as out:
        for row in csv.DictReader(file):
            values = {name: int(value) if name in numbers else value for name, value in row.items()}
            out.write(json.dumps(values) + "\n")
    as_lines = settled(blank, "--usage", str(lines), "--format", "jsonl")
    as_csv = settled(blank, "--usage", str(TRACE), "--format", "csv")
    assert as_lines["node_rows"] == as_csv["node_rows"]


@pytest.mark.skipif(not AZURE.exists(), reason="the published trace is not beside the checkout")
def test_the_published_trace_is_settled_within_a_minute(blank: Program) -> None:
    found = settled(blank, "--usage", str(AZURE), "--format", "azure", "--asset", "both")
    assert (found["tasks"], found["difference"]) == (8_819, "0")
    assert found["seconds"] < 60


def test_bad_rows_are_named_and_the_others_settled(blank: Program, tmp_path: Path) -> None:
    rows = TRACE.read_text().splitlines()
    rows[3] = (
        rows[3].replace(",mixtral-8x7b,", ",no-such-model,").replace(",llama-3.1-8b,", ",no-such-model,")
    )
    fields = rows[5].split(",")
    fields[5] = "-1"
    rows[5] = ",".join(fields)
    rows[-1] = rows[-1][: len(rows[-1]) // 2]
    trace = tmp_path / "usage.csv"
    trace.write_text("\n".join(rows))
    told = blank("simulate", "--usage", str(trace))
    assert told.exit_code == 1
    assert "3 rows were not taken" in told.stdout
    for line in ("line 4: ", "line 6: ", f"line {len(rows)}: "):
        assert line in told.stdout
    found = json.loads(blank("simulate", "--usage", str(trace), "--json").stdout)
    assert [row["line"] for row in found["rejected"]] == [4, 6, len(rows)]
    assert found["tasks"] == len(rows) - 1 - 3
    assert found["difference"] == "0"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "it is empty"),
        (b"a,b,c\n1,2,3\n", "column"),
        (b"\xff\xfe\x00\x01", "usage.csv"),
    ],
)
def test_a_file_that_cannot_be_used_costs_one_line(
    blank: Program, tmp_path: Path, content: bytes, named: str
) -> None:
    trace = tmp_path / "usage.csv"
    trace.write_bytes(content)
    refused(blank("simulate", "--usage", str(trace)), "usage.csv", named)


def test_a_missing_file_is_named(blank: Program) -> None:
    refused(blank("simulate", "--usage", "nowhere.csv"), "nowhere.csv")


def test_only_bad_rows_are_nothing_to_settle(blank: Program, tmp_path: Path) -> None:
    trace = tmp_path / "usage.csv"
    trace.write_text(TRACE.read_text().splitlines()[0] + "\nx,0,0x0,m,s,1,1,yesterday,1,committed,1\n")
    refused(blank("simulate", "--usage", str(trace)), "not one row")


@pytest.mark.parametrize("option", ["--prices", "--policy"])
def test_a_bad_sheet_or_policy_names_line_and_key(blank: Program, tmp_path: Path, option: str) -> None:
    document = tmp_path / "rules.toml"
    document.write_text("# nothing of use\nfee_ppm = -1\n[deadlines_ms]\ndefault = 1\n")
    refused(
        blank("simulate", "--usage", str(TRACE), option, str(document)), "rules.toml", "line 2", "fee_ppm"
    )
    refused(blank("simulate", "--usage", str(TRACE), option, str(tmp_path / "none.toml")), "none.toml")


def test_with_rpc_the_keys_are_kept_and_the_coin_comes_home(blank: Program, tmp_path: Path) -> None:
    seed_file = tmp_path / "seed.json"
    words = ("simulate", "--usage", str(TRACE), "--rpc", RPC, "--seed-file", str(seed_file), "--json")
    before = int(rpc.balance(blank.chain.web3, blank.account("admin")))
    result = blank(*words, role="admin", passphrase=PASSPHRASE)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["difference"] == "0"
    assert seed_file.stat().st_mode & 0o777 == 0o600
    assert json.loads(seed_file.read_text())["crypto"]
    spent = before - int(rpc.balance(blank.chain.web3, blank.account("admin")))
    fees_kept_in_treasury = int(found["treasury"]) + int(found["withdrawn"])
    assert 0 < spent - fees_kept_in_treasury < 10**18
    again = blank(*words, role="admin", passphrase=PASSPHRASE)
    assert again.exit_code != 0
    assert "seed.json" in again.stderr


def test_with_rpc_a_key_is_needed(blank: Program, tmp_path: Path) -> None:
    refused(blank("simulate", "--usage", str(TRACE), "--rpc", RPC, "--seed-file", str(tmp_path / "s")), "key")
