"""The audit from the command line: what it says, to people and to programs, and how it ends.

Given books that agree with the chain
  when they are audited
    it should say `difference: 0` and end with 0, for people and for programs
    it should do without books, config and key
Given books that do not agree
  when they are audited
    it should name the first difference in one sentence and end with 1
Given a contract, a chain, a node, a database or a block that does not fit
  when they are audited
    it should say why it could not check, and end with 2
"""

from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from sessionpay.app import Wiring
from sessionpay.chain.connect import connect
from sessionpay.chain.deploy import deploy_session_payment, deploy_test_token
from sessionpay.chain.sender import Sender
from sessionpay.cli.main import app
from sessionpay.config import Environment

from .conftest import RPC

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from .conftest import Program

FIELDS = {"block", "difference", "surplus", "totals", "first_difference"}


@pytest.fixture(scope="module")
def story(shared_program: Program) -> Program:
    """Return the program with books at the head of its chain."""
    program = shared_program
    program("network", "charge", "7=0.5 ETH", role="session_contract")
    assert program.json("index", "run", "--once")["contracts"][0]["lag"] == 0
    return program


@pytest.fixture
def copy(story: Program, tmp_path: Path) -> Path:
    """Return a copy of the books, to be spoilt."""
    target = tmp_path / "books.db"
    original = story.config_path.with_name("books.db")
    with closing(sqlite3.connect(original)) as books, closing(sqlite3.connect(target)) as copied:
        books.backup(copied)
    return target


def spoil(copy: Path, statement: str) -> str:
    """Change the books by hand, and return their address."""
    with closing(sqlite3.connect(copy)) as books:
        assert books.execute(statement).rowcount == 1
        books.commit()
    return f"sqlite:///{copy}"


def assert_unchecked(result: Result, *reasons: str) -> None:
    """Require exit code 2 and one line that says why."""
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("error: could not check: ")
    for reason in reasons:
        assert reason in line


def test_what_agrees(story: Program) -> None:
    assert story.json("index", "run", "--once")["contracts"][0]["lag"] == 0
    found = story.json("audit")
    assert found.keys() >= FIELDS
    assert (found["difference"], found["first_difference"]) == ("0", None)
    assert (found["block"], found["surplus"]) == (story.height(), "0")
    assert [total["side"] for total in found["totals"]] == ["contract", "events", "books"]
    for total in found["totals"]:
        assert (total["sessions"], total["treasury"]) == (str(15 * 10**17), str(5 * 10**17))
    result = story("audit")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "difference: 0"


def test_nothing_but_an_rpc_and_an_address(story: Program, tmp_path: Path) -> None:
    address = story.json("network", "show")["contract"]
    stranger = replace(story, config_path=tmp_path / "none" / "config.toml")
    found = stranger.json("audit", "--rpc", RPC, "--contract", address, "--no-database")
    assert (found["difference"], found["block"]) == ("0", story.height())
    assert [total["side"] for total in found["totals"]] == ["contract", "events"]
    assert not list(tmp_path.iterdir())


def test_a_difference_is_told_in_one_sentence(story: Program, copy: Path) -> None:
    url = spoil(copy, "UPDATE treasury SET network = '0217'")
    result = story("audit", "--database", url)
    assert (result.exit_code, result.stderr) == (1, "")
    *_, difference, first = result.stdout.splitlines()
    off = 5 * 10**17 - 17
    assert difference == f"difference: {off}"
    assert first == f"first difference: treasury network is {5 * 10**17} in events and 17 in books"
    result = story("audit", "--json", "--database", url)
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout)["first_difference"] == {
        "name": "treasury network",
        "sides": ["events", "books"],
        "values": [str(5 * 10**17), "17"],
        "difference": str(off),
    }


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        (
            "UPDATE sessions SET balance = 'much'",
            "table sessions, row contract_id 1, session_id 7, column balance",
        ),
        ("UPDATE treasury SET liabilities = '9917'", "table treasury, row contract_id 1, column liabilities"),
        ("UPDATE events SET name = 'Gift' WHERE name = 'SessionRegistered'", "column name"),
        ("UPDATE events SET arguments = '{' WHERE name = 'SessionRegistered'", "column arguments"),
        (
            "UPDATE checkpoints SET head_number = 'top'",
            "table checkpoints, row contract_id 1, column head_number",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_named(story: Program, copy: Path, statement: str, place: str) -> None:
    assert_unchecked(story("audit", "--database", spoil(copy, statement)), place)


def test_a_page_of_the_file_that_is_destroyed(story: Program, copy: Path) -> None:
    with copy.open("r+b") as file:
        file.seek(8_192)
        file.write(b"\xff" * (copy.stat().st_size - 8_192))
    assert_unchecked(story("audit", "--database", f"sqlite:///{copy}"))


def test_another_contract(story: Program) -> None:
    assert_unchecked(story("audit", "--contract", story.address("outsider")), "no contract at")
    sender = Sender(story.chain.web3, story.chain.accounts[0])
    token = deploy_test_token(sender, "Test Dollar", "USDC", 6)
    assert_unchecked(story("audit", "--contract", token.address), "is not the SessionPayment of this package")
    operator = sender.address
    second = deploy_session_payment(sender, asset=token.address, admin=operator, withdrawal_delay=0)
    assert_unchecked(story("audit", "--contract", second.address), "the database does not know contract")
    assert story.json("audit", "--contract", second.address, "--no-database")["difference"] == "0"


def test_another_chain(story: Program, copy: Path) -> None:
    story("config", "network", "other", RPC, "--chain-id", "5")
    address = story.json("network", "show")["contract"]
    assert_unchecked(
        story("audit", "--rpc", "other", "--contract", address), "the node serves chain", "not 5"
    )
    url = spoil(copy, "UPDATE contracts SET chain_id = 5")
    assert_unchecked(story("audit", "--database", url), "the books are of chain 5, the node serves")


def test_a_block_that_is_not_there(story: Program) -> None:
    height = story.height()
    indexed = story.json("index", "run", "--once")["contracts"][0]["block"]
    assert indexed == height
    assert_unchecked(story("audit", "--at", str(height + 1)), f"the books end at block {height}")
    assert_unchecked(story("audit", "--at", "0"), "block 0 is before the contract's first, 1")
    beyond = story("audit", "--at", str(height + 1), "--no-database")
    assert_unchecked(beyond, f"block {height + 1} is above the chain's latest, {height}")
    assert_unchecked(story("audit", "--at", "0", "--no-database"), "before the contract's first, 1")


def test_no_books(story: Program, tmp_path: Path) -> None:
    assert_unchecked(story("audit", "--database", f"sqlite:///{tmp_path / 'other.db'}"), "no books in")


def test_a_node_that_is_down(story: Program, tmp_path: Path) -> None:
    with socket.socket() as taken:
        # A port that is taken and does not listen refuses every connection.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        wiring = Wiring(Environment(tmp_path / "config.toml"), connect)
        address = story.json("network", "show")["contract"]
        for words in ((), ("--no-database",)):
            result = CliRunner().invoke(
                app, ["audit", "--rpc", url, "--contract", address, *words], obj=wiring
            )
            assert_unchecked(result, url, "no connection")
