"""`sessionpay usage` and `session credit`, which need no chain.

Given usage files
  when they are imported, each row should be taken once, and bad ones told with their lines
  when they are cut, so many epochs should be closed and sealed
Given a home that does not exist
  it should be made, with built-in rules, and that should be said
Given a credit note
  it should be shown and asked about before it is entered
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sessionpay.chain.embedded import embedded_chain
from sessionpay.metering.parquet import read_parquet
from sessionpay.store import credit_notes, epochs, segments
from sessionpay.store.database import Database

from .conftest import Program

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "task_id,session_id,node,model,prompt_tokens,completion_tokens,submitted_at,latency_ms,outcome"
NODE = "0x" + "a0" * 20


@pytest.fixture(scope="module")
def chain_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(embedded_chain(), tmp_path_factory.mktemp("usage") / "config.toml")


@pytest.fixture
def program(chain_program: Program, tmp_path: Path) -> Program:
    """The program with a config of its own in an empty folder."""
    return Program(chain_program.chain, tmp_path / "config.toml")


@pytest.fixture
def usage_file(tmp_path: Path) -> Path:
    lines = [
        f"t{n},{n % 3},{NODE},mixtral-8x7b,10,5,2026-01-02T12:00:{n:02}Z,900,committed" for n in range(9)
    ]
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, *lines]))
    return path


def opened(tmp_path: Path) -> Database:
    return Database.open(f"sqlite:///{tmp_path / 'settlement' / 'books.db'}")


def test_a_file_is_taken_once(program: Program, usage_file: Path, tmp_path: Path) -> None:
    first = program("usage", "import", str(usage_file))
    assert first.exit_code == 0
    assert "with built-in trial rules: edit" in first.stderr
    told = program.json("usage", "import", str(usage_file))
    assert (told["accepted"], told["repeated"], told["rejected"]) == (0, 9, 0)
    assert {path.name for path in (tmp_path / "settlement").iterdir()} >= {"prices.toml", "policy.toml"}


def test_a_file_is_cut_into_sealed_epochs(program: Program, usage_file: Path, tmp_path: Path) -> None:
    told = program.json("usage", "import", str(usage_file), "--epochs", "3")
    assert told["closed_epochs"] == [{"epoch": 1}, {"epoch": 2}, {"epoch": 3}]
    database = opened(tmp_path)
    with database.reading() as connection:
        states = [each.state for each in epochs.listed(connection)]
        sealed = segments.listed(connection)
    database.close()
    assert states == ["sealed", "sealed", "sealed", "open"]
    assert [(each.epoch, each.rows) for each in sealed] == [(1, 3), (2, 3), (3, 3)]
    folder = tmp_path / "settlement" / "segments"
    tasks = [
        {record.task_id for record in read_parquet(folder / f"{each.sha256}.parquet").records}
        for each in sealed
    ]
    assert tasks == [{"t0", "t1", "t2"}, {"t3", "t4", "t5"}, {"t6", "t7", "t8"}]
    again = program.json("usage", "import", str(usage_file), "--epochs", "3")
    assert (again["repeated"], again["closed_epochs"]) == (9, [])


def test_bad_rows_are_told_with_their_lines(program: Program, usage_file: Path) -> None:
    text = usage_file.read_text().replace("t2,2", "t1,2").replace("900,committed", "900,done", 1)
    usage_file.write_text(
        text.replace("mixtral-8x7b,10,5,2026-01-02T12:00:08Z", "none,1,1,2026-01-02T12:00:08Z")
    )
    result = program("usage", "import", str(usage_file), "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["accepted"], told["rejected"]) == (6, 3)
    assert [each["lines"].rsplit(":", 1)[1] for each in told["reasons"]] == ["2", "4", "10"]
    listed = program.json("usage", "rejects")["rejects"]
    assert [(each["line"], each["source"]) for each in listed] == [
        (10, str(usage_file)), (4, str(usage_file)), (2, str(usage_file)),
    ]  # fmt: skip
    assert "model 'none' has no price" in listed[0]["reason"]


def test_a_trace_is_spread_as_in_a_simulation(program: Program, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    rows = [f"2023-11-16 18:15:{n:02}.6805900,{374 + n},44" for n in range(20)]
    trace.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]))
    told = program.json("usage", "import", str(trace), "--sessions", "4", "--nodes", "3")
    assert told["accepted"] == 20
    refused = program("usage", "import", str(trace), "--nodes", "21")
    assert refused.exit_code == 2
    assert "give at most as many nodes" in refused.stderr


def test_rules_of_the_operator_are_kept(program: Program, usage_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[models]\n")
    refused = program("usage", "import", str(usage_file), "--prices", str(bad))
    assert refused.exit_code == 2
    assert not (tmp_path / "settlement" / "prices.toml").exists()
    own = tmp_path / "own.toml"
    own.write_text('[models."mixtral-8x7b"]\nprompt = 1\ncompletion = 2\n[sla]\nstandard = 1_000_000\n')
    assert program("usage", "import", str(usage_file), "--prices", str(own)).exit_code == 0
    assert (tmp_path / "settlement" / "prices.toml").read_text() == own.read_text()


def test_a_file_that_is_not_there_costs_nothing(program: Program, usage_file: Path) -> None:
    result = program("usage", "import", str(usage_file), str(usage_file.with_name("none.csv")))
    assert result.exit_code == 2
    assert program.json("usage", "import", str(usage_file))["accepted"] == 9


def test_reporters(program: Program) -> None:
    added = program("usage", "reporter", "add", "router", "--signer", NODE)
    assert added.exit_code == 0
    assert "spk_" in added.stdout
    assert program("usage", "reporter", "add", "router").exit_code == 1
    assert program("usage", "reporter", "revoke", "router").exit_code == 0
    [listed] = program.json("usage", "reporter", "list")["reporters"]
    assert (listed["name"], listed["revoked_at"] > 0) == ("router", True)
    assert "spk_" not in json.dumps(listed)


def test_a_credit_note(program: Program, tmp_path: Path) -> None:
    words = ("session", "credit", "7", "1000", "--reason", "task t1 came twice", "--reference", "t1")
    asked = program(*words)
    assert asked.exit_code == 2
    assert "1000 base-units" in asked.stderr
    told = program.json(*words, "--yes")
    assert (told["epoch"], told["note"], told["amount"]) == (1, 1, "1000")
    assert program(*words[:3], "0", *words[4:], "--yes").exit_code == 2
    assert program(*words[:3], "1 ETH", *words[4:], "--yes").exit_code == 2
    database = opened(tmp_path)
    with database.reading() as connection:
        [note] = credit_notes.of_epoch(connection, 1)
    database.close()
    assert (note.credit.session_id, note.credit.amount, note.credit.reference) == (7, 1000, "t1")
