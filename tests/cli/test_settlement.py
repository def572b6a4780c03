"""Usage files to paid nodes and back to reasons, from the command line alone.

Given a trace
  `usage import --epochs 3` and `run --embedded --once` should settle it, audited, without any chain outside
  `epoch verify` should find each folder to be what it says, and name a changed byte: exit codes 0, 1 and 2
  `epoch list`, `show` and `explain` should tell amounts in the asset's unit, and with --json the exact number
  `epoch export` should copy a folder to where anyone can fetch it
  `epoch close` should end the epoch that takes usage
Given a contract on a chain of one's own
  `run --once` should settle it, and `epoch verify --rpc` should look the transactions up
Given what cannot be done
  it should say so in one line
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.chain.embedded import embedded_chain
from tests.cli.conftest import Program

if TYPE_CHECKING:
    from typer.testing import Result

DEMO = Path(__file__).parents[2] / "examples" / "demo"
TRACE = Path(__file__).parents[3] / "shared" / "data" / "AzureLLMInferenceTrace_code.csv"
EPOCHS = 3


class Settled:
    """A program with a home; every command works on it."""

    def __init__(self, program: Program, home: Path) -> None:
        self.program, self.home = program, home

    def __call__(self, *words: str, **options: Any) -> Result:  # noqa: ANN401 - as the program's
        return self.program(*words, "--home", str(self.home), **options)

    def json(self, *words: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - as the program's
        return self.program.json(*words, "--home", str(self.home), **options)

    def folder(self, epoch: int) -> Path:
        return self.home / "epochs" / f"{epoch:06}"

    def lines(self, epoch: int, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder(epoch) / name).read_bytes().splitlines()]


def imported(settled: Settled, *options: str) -> None:
    result = settled("usage", "import", *options, "--epochs", str(EPOCHS))
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The demonstration's trace, settled in three epochs on the embedded chain."""
    folder = tmp_path_factory.mktemp("settled")
    made = Settled(Program(embedded_chain(), folder / "config.toml"), folder / "home")
    rules = ("--prices", str(DEMO / "prices.toml"), "--policy", str(DEMO / "policy.toml"))
    imported(made, str(DEMO / "usage.csv"), *rules)
    result = made("run", "--embedded", "--once")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("difference: 0\n")
    assert result.stdout.count("settled") == EPOCHS
    assert "epoch: epoch 3 state settled" in result.stderr
    return made


def test_every_folder_is_what_it_says(settled: Settled, tmp_path: Path) -> None:
    for number in range(1, EPOCHS + 1):
        assert settled.program("epoch", "verify", str(settled.folder(number))).exit_code == 0
        told = settled.program.json("epoch", "verify", str(settled.folder(number)))
        assert (told["epoch"], told["differences"], told["transactions"]) == (number, [], None)
    copy = Path(shutil.copytree(settled.folder(2), tmp_path / "000002"))
    changed = (copy / "explain.jsonl").read_bytes().replace(b"1", b"2", 1)
    (copy / "explain.jsonl").write_bytes(changed)
    result = settled.program("epoch", "verify", str(copy))
    assert result.exit_code == 1
    assert "explain.jsonl: its SHA-256 is" in result.stdout
    (copy / "active.jsonl").unlink()
    result = settled.program("epoch", "verify", str(copy))
    assert result.exit_code == 2
    assert "is not a complete epoch folder: there is no active.jsonl in it" in result.stderr


def test_epochs_are_listed(settled: Settled) -> None:
    told = settled.json("epoch", "list")["epochs"]
    assert [(each["epoch"], each["state"]) for each in told] == [
        *((number, "settled") for number in range(1, EPOCHS + 1)),
        (EPOCHS + 1, "open"),
    ]
    assert len({each["manifest"] for each in told}) == EPOCHS + 1
    assert told[-1]["closed_at_text"] == told[-1]["settled_at_text"] == "never"
    assert settled("epoch", "list").stdout.count("settled") >= EPOCHS


def test_totals_are_told_in_the_unit_of_the_asset(settled: Settled) -> None:
    told = settled.json("epoch", "show", "2")
    applied = sum(int(each["collected"]) for each in settled.lines(2, "applied.jsonl"))
    assert int(told["collected"]) == applied
    assert int(told["collected"]) == sum(int(told[name]) for name in ("fee", "withheld", "to_nodes"))
    assert told["collected_text"].endswith(" ETH")
    assert {each["purpose"] for each in told["transactions"]} == {"charge", "allocate"}
    shown = settled("epoch", "show", "2").stdout
    assert f"collected   {told['collected_text']}\n" in shown
    assert f" {told['collected']}\n" not in shown


def test_every_account_is_explained(settled: Settled) -> None:
    for row in settled.lines(1, "explain.jsonl"):
        told = settled.json("epoch", "explain", row["account"], "1")
        assert told["amount"] == row["amount"]
        assert sum(int(each["amount"]) for each in told["shares"]) == int(told["served"])
        for share in told["shares"]:
            assert int(share["floor"]) == int(share["pot"]) * int(share["weight"]) // int(share["of_total"])
            assert int(share["amount"]) - int(share["floor"]) == int(share["remainder"])
    shown = settled("epoch", "explain", row["account"], "1")
    assert shown.exit_code == 0
    assert told["amount_text"] in shown.stdout
    # A table that is folded cannot be read.
    assert max(map(len, shown.stdout.splitlines())) < 160


def test_folder_is_exported(settled: Settled, tmp_path: Path) -> None:
    told = settled.json("epoch", "export", "1", str(tmp_path / "public"))
    assert told["folder"] == (tmp_path / "public" / "000001").as_uri()
    assert settled.program("epoch", "verify", told["folder"]).exit_code == 0
    assert settled.program("epoch", "verify", str(tmp_path / "public" / "000001")).exit_code == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("epoch", "show", "9"), "epoch 9 has no folder: there is no such epoch"),
        (("epoch", "explain", "0x" + "11" * 20, "4"), "epoch 4 has no folder: it is open; `sessionpay run`"),
        (("epoch", "explain", "0x" + "11" * 20, "1"), "neither worked nor was paid in epoch 1"),
        (("epoch", "explain", "node", "1"), "address 'node'"),
        (("epoch", "export", "4", "nowhere"), "epoch 4 has no folder"),
        (("run", "--embedded"), "give --once too: its chain ends with the process"),
        (("run", "--embedded", "--once"), "this home settles a contract already; give another --home"),
    ],
)
def test_what_cannot_be_done_is_said(settled: Settled, words: tuple[str, ...], line: str) -> None:
    result = settled(*words)
    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_broken_folder_of_the_home_is_told(settled: Settled) -> None:
    manifest = settled.folder(3) / "manifest.json"
    hidden = manifest.rename(manifest.with_suffix(".hidden"))
    for words in (("show", "3"), ("explain", "0x" + "11" * 20, "3"), ("export", "3", "nowhere")):
        result = settled("epoch", *words)
        assert result.exit_code == 2
        assert "is not a complete epoch folder: there is no manifest.json in it" in result.stderr
    hidden.rename(manifest)


@pytest.mark.skipif(not TRACE.exists(), reason="the Azure trace is not beside the clone")
def test_azure_trace_is_settled(tmp_path: Path) -> None:
    settled = Settled(Program(embedded_chain(), tmp_path / "config.toml"), tmp_path / "home")
    imported(settled, str(TRACE), "--format", "azure", "--sessions", "12", "--nodes", "8")
    told = settled.json("run", "--embedded", "--once")
    assert told["difference"] == "0"
    assert [each["state"] for each in told["epochs"]] == ["settled"] * EPOCHS
    rows = 0
    for number in range(1, EPOCHS + 1):
        assert settled.program("epoch", "verify", str(settled.folder(number))).exit_code == 0
        rows += json.loads((settled.folder(number) / "manifest.json").read_bytes())["usage_rows"]
    assert rows == len(TRACE.read_bytes().splitlines()) - 1


def test_contract_of_ones_own_is_settled(program: Program, tmp_path: Path) -> None:
    """Session 7 has 2 ETH; session 8 is not registered, so its work stays unpaid."""
    settled = Settled(program, tmp_path / "home")
    node = program.address("node_operator")
    lines = [
        {
            "task_id": f"task-{number}",
            "session_id": session_id,
            "node": node,
            "model": "large",
            "prompt_tokens": 1_000_000,
            "completion_tokens": 0,
            "submitted_at": "2026-01-01T00:00:00Z",
            "latency_ms": 5,
            "outcome": "committed",
        }
        for number, session_id in enumerate((7, 8))
    ]
    usage = tmp_path / "usage.jsonl"
    usage.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (tmp_path / "prices.toml").write_text(
        f"[models.large]\nprompt = {10**18}\ncompletion = 0\n[sla]\nstandard = 1_000_000\n"
    )
    (tmp_path / "policy.toml").write_text("fee_ppm = 100_000\n[deadlines_ms]\ndefault = 1_000\n")
    rules = ("--prices", str(tmp_path / "prices.toml"), "--policy", str(tmp_path / "policy.toml"))
    assert settled("usage", "import", str(usage), *rules).exit_code == 0
    assert settled.json("epoch", "close", "--yes")["next"] == 2
    declined = settled("epoch", "close", answer="n\n")
    assert declined.exit_code != 0
    chosen = ("--contract", "eth")
    told = settled.json("run", "--once", *chosen, role="session_contract", yes=False)
    assert told["difference"] == "0"
    assert told["epochs"][0]["collected_text"] == "1 ETH"
    assert program.json("node", "show", node, *chosen)["pending_text"] == "0.9 ETH"
    shown = settled.json("epoch", "explain", node, "1")
    assert shown["amount_text"] == "0.9 ETH"
    assert [each["why"] for each in shown["work_unpaid"]] == [f"session 8 had 0 of {10**18}"]
    verified = program.json("epoch", "verify", str(settled.folder(1)), "--rpc", "test")
    assert (verified["differences"], verified["transactions"]) == ([], 3)
    again = settled("run", "--once", *chosen, role="session_contract", yes=False)
    assert again.exit_code == 0
