"""What an operator asks and does beside settling: prices, budgets, status, backup, and restore.

Given a backup
  when the whole home is put back, it should settle on as if nothing had happened
Given a home and a database that are not of one moment
  it should refuse to settle, with the reason, before anything is changed
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.cli.status import COIN
from sessionpay.core.money import parse_amount

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program

# One wei a token, so that amounts are easy to read.
PRICES = """
[models.large]
prompt = 1_000_000
completion = 2_000_000
[sla]
standard = 1_000_000
priority = 1_500_000
"""
POLICY = """
fee_ppm = 50_000
[deadlines_ms]
default = 30_000
"""
TWO_ETH = parse_amount("2 ETH", COIN)


@pytest.fixture
def priced(program: Program, tmp_path: Path) -> Program:
    """Return the program with rules in its home and one row of usage for session 7."""
    (tmp_path / "prices.toml").write_text(PRICES)
    (tmp_path / "policy.toml").write_text(POLICY)
    rules = ("--prices", str(tmp_path / "prices.toml"), "--policy", str(tmp_path / "policy.toml"))
    imported(program, tmp_path, "a", *rules)
    return program


def imported(program: Program, folder: Path, task: str, *options: str) -> None:
    row = {
        "task_id": task, "session_id": "7", "node": program.address("node_operator"), "model": "large",
        "prompt_tokens": 100, "completion_tokens": 50, "submitted_at": "2026-01-02T03:04:05Z",
        "latency_ms": 10, "outcome": "committed",
    }  # fmt: skip
    path = folder / f"{task}.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert program.json("usage", "import", str(path), *options)["accepted"] == 1


def settle(program: Program) -> list[str]:
    """Close the epoch, settle it, and return the states of all that were closed."""
    assert program("epoch", "close", "--yes").exit_code == 0
    return [each["state"] for each in run_once(program)["epochs"]]


def run_once(program: Program) -> dict[str, Any]:
    words = ("run", "--once", "--confirmations", "0")
    told: dict[str, Any] = program.json(*words, role="session_contract", yes=False)
    assert told["difference"] == "0"
    return told


def refused(program: Program, reason: str) -> None:
    words = ("run", "--once", "--confirmations", "0")
    height = program.height()
    answer = program(*words, role="session_contract", yes=False)
    assert (answer.exit_code, reason in answer.stderr) == (1, True), answer.output
    assert program.height() == height


def test_what_work_costs(priced: Program) -> None:
    told = priced.json("prices", "show")
    assert told["changes_with_next_epoch"] is False
    assert told["models"][0] == {
        "model": "large", "prompt_per_million": "1000000", "prompt_per_million_text": "1000000 base-units",
        "completion_per_million": "2000000", "completion_per_million_text": "2000000 base-units",
    }  # fmt: skip
    words = ("prices", "quote", "large", "--prompt", "3", "--completion", "2", "--sla", "priority")
    quote = priced.json(*words)
    assert (quote["micro_units"], quote["price"]) == ("10500000", "10")
    assert priced("prices", "quote", "small", "--prompt", "1", "--completion", "1").exit_code == 2
    assert priced("prices", "quote", "large", "--prompt", "-1", "--completion", "1").exit_code == 2


def test_a_budget_and_the_status_of_a_settlement(priced: Program, tmp_path: Path) -> None:
    assert "no contract yet" in priced("session", "budget", "7").stderr
    assert "no balance is known" in priced("status").output
    assert settle(priced) == ["settled"]
    imported(priced, tmp_path, "b")
    told = priced.json("session", "budget", "7")
    assert (told["balance"], told["unsettled"], told["arrears"]) == (str(TWO_ETH - 200), "200", "0")
    assert told["available"] == str(TWO_ETH - 400)
    assert priced("session", "budget", "9").exit_code == 2
    status = priced.json("status")
    assert (status["well"], status["problems"], status["halted"]) == (True, [], None)
    assert (status["unsettled"], status["lag_blocks"]) == ("200", 0)
    assert status["key"] == priced.address("session_contract")
    assert int(status["key_balance"]) > 0
    assert [each["state"] for each in status["epochs"]] == ["settled", "open"]
    assert {(each["purpose"], each["state"]) for each in status["outbox"]} >= {("charge", "final")}
    assert "settled" in priced("status").stdout


def test_a_restored_home_settles_on_and_half_a_restore_does_not(priced: Program, tmp_path: Path) -> None:
    copy, home, whole = tmp_path / "copy", tmp_path / "settlement", tmp_path / "whole"
    assert settle(priced) == ["settled"]
    imported(priced, tmp_path, "b")
    made = priced.json("backup", str(copy))
    assert (made["database"], made["segments"], made["epochs"]) == (True, 1, 1)
    assert "exists already" in priced("backup", str(copy)).stderr
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    imported(priced, tmp_path, "c")
    assert settle(priced) == ["settled", "settled"]
    assert priced.json("session", "budget", "7")["balance"] == str(TWO_ETH - 600)
    for number in (1, 2):
        assert priced("epoch", "verify", str(home / "epochs" / f"{number:06}")).exit_code == 0
    shutil.copytree(home, whole)

    def put_back() -> None:
        shutil.rmtree(home)
        shutil.copytree(whole, home)

    shutil.copy(copy / "books.db", home / "books.db")
    for beside in home.glob("books.db-*"):
        beside.unlink()
    refused(priced, "000002: the database has epoch 2 as open, so it is older")
    shutil.rmtree(home / "epochs" / "000002")
    # Not even the folder shows it any more; the usage that was sealed since does, and is not removed.
    before = sorted(home.glob("segments/*.parquet"))
    refused(priced, "it has usage rows that the database does not know, so it is older")
    assert sorted(home.glob("segments/*.parquet")) == before
    put_back()
    for beside in home.glob("books.db*"):
        beside.unlink()
    refused(priced, "000001: the database has epoch 1 as open, so it is older")
    put_back()
    next(home.glob("segments/*.parquet")).unlink()
    refused(priced, "is missing; nothing was changed, restore the database and the whole home")
    put_back()
    shutil.rmtree(home / "epochs" / "000001")
    refused(priced, "000001: it is missing, or its manifest is not")
    put_back()
    assert [each["state"] for each in run_once(priced)["epochs"]] == ["settled", "settled"]


def test_a_backup_taken_while_usage_comes_in_has_all_that_it_names(priced: Program, tmp_path: Path) -> None:
    priced("epoch", "close", "--yes")
    [segment] = (tmp_path / "settlement" / "segments").glob("*.parquet")
    segment.chmod(0o644)
    segment.write_bytes(b"damaged")
    answer = priced("backup", str(tmp_path / "copy"))
    assert (answer.exit_code, "SHA-256" in answer.stderr) == (1, True)
    assert not (tmp_path / "copy").exists()
