"""The books from the command line: indexed, told as statements, proven, and every planted fault named."""

from __future__ import annotations

import csv
import io
import json
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from sessionpay.chain.sender import Sender
from sessionpay.store.database import Database
from tests.store.conftest import new_postgresql_database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Program

DIGITS = {"sqlite": "replace({0}, '{1}', '{2}')", "postgresql": "replace({0}::text, '{1}', '{2}')::numeric"}
PLANTED = {
    "balance": "UPDATE sessions SET balance = BALANCE",
    "line": "UPDATE movements SET amount = AMOUNT WHERE kind = 'deposit'",
    "deleted": """
        DELETE FROM events WHERE name = 'DepositToSession' AND block_number =
            (SELECT max(block_number) FROM events WHERE name = 'DepositToSession')
    """,
    "forged": """
        INSERT INTO events SELECT contract_id, block_number, 99, chain_id, block_hash, transaction_hash,
            transaction_index, timestamp, name, arguments FROM events
            WHERE name = 'DepositToSession' ORDER BY block_number LIMIT 1
    """,
}
DEPOSITED = 'DepositToSession {{"session_id":"{0}","amount":"{1}"}}'
NAMED = {
    "balance": ("session 7 balance", ["events", "books"], ["1500000000000000000", "1600000000000000000"]),
    "line": (" (session 7) amount", ["events", "statements"], ["2000000000000000000", "3000000000000000000"]),
    "deleted": ("event ", ["logs", "events"], [DEPOSITED.format(8, 10**18), None]),
    "forged": ("event 99 of block ", ["logs", "events"], [None, DEPOSITED.format(7, 2 * 10**18)]),
}


@pytest.fixture(scope="module")
def told(shared_program: Program) -> Program:
    """Return the program after charges, an allocation and a payout; no test changes it."""
    program = shared_program
    node = program.address("node_operator")
    program("session", "register", "8", program.address("session_owner"), role="session_contract")
    program("session", "deposit", "8", "1 ETH", role="outsider")
    program("network", "charge", "7=0.5 ETH", "8=0.25 ETH", role="session_contract")
    program("node", "mark-used", node, role="session_contract")
    program("network", "allocate", f"{node}=0.6 ETH", role="session_contract")
    program("node", "withdraw", node, role="outsider")
    return program


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def story(told: Program, request: pytest.FixtureRequest) -> Program:
    """Return the same, indexed into each kind of database."""
    program = told
    if request.param == "postgresql":
        database = new_postgresql_database(request.getfixturevalue("postgresql"))
        program = replace(told, database=database)
    [indexed] = program.json("index", "run", "--once")["contracts"]
    assert (indexed["lag"], indexed["block"]) == (0, program.height())
    return program


@pytest.fixture
def copy(story: Program, tmp_path: Path) -> str:
    """Return the address of a copy of the books."""
    if story.database is not None:
        server, _, name = story.database.rpartition("/")
        return new_postgresql_database(server, template=name)
    copy = tmp_path / "books.db"
    original = story.config_path.with_name("books.db")
    with closing(sqlite3.connect(original)) as books, closing(sqlite3.connect(copy)) as target:
        books.backup(target)
    return f"sqlite:///{copy}"


def planted(url: str, fault: str) -> None:
    """Change a database by hand."""
    kind = url.partition(":")[0]
    statement = PLANTED[fault]
    statement = statement.replace("BALANCE", DIGITS[kind].format("balance", 5, 6))
    statement = statement.replace("AMOUNT", DIGITS[kind].format("amount", 2, 3))
    database = Database.open(url)
    with database.writing() as connection:
        connection.execute(text(statement))
    database.close()


def test_everything_agrees(story: Program) -> None:
    found = story.json("audit")
    assert (found["difference"], found["first_difference"], found["surplus"]) == ("0", None, "0")
    assert {total["sessions"] for total in found["totals"]} == {str(225 * 10**16)}
    result = story("audit")
    assert "difference: 0" in result.stdout.splitlines()
    without = story.json("audit", "--no-database")
    assert (without["difference"], without["block"]) == ("0", story.height())
    earlier = story.json("audit", "--at", str(story.height() - 2))
    assert (earlier["difference"], earlier["block"]) == ("0", story.height() - 2)
    assert story.json("index", "status")["contracts"][0]["lag"] == 0
    assert story.json("index", "rebuild")["contracts"][0]["events"] > 0
    assert story.json("audit")["difference"] == "0"


@pytest.mark.parametrize(
    ("words", "balance", "count"),
    [
        (("session", "statement", "7"), 15 * 10**17, 2),
        (("node", "statement", "NODE"), 0, 2),
        (("network", "statement"), 15 * 10**16, 3),
    ],
)
def test_statements_add_up(story: Program, words: tuple[str, ...], balance: int, count: int) -> None:
    words = tuple(story.address("node_operator") if word == "NODE" else word for word in words)
    told = story.json(*words)
    running = 0
    for line in told["lines"]:
        running += int(line["amount"])
        assert running == int(line["balance"])
    assert (running, int(told["balance"]), len(told["lines"])) == (balance, balance, count)
    rows = list(csv.DictReader(io.StringIO(story(*words, "--csv").stdout)))
    assert [row["amount"] for row in rows] == [line["amount"] for line in told["lines"]]
    assert story(*words).exit_code == 0
    assert story(*words, "--csv", "--json").exit_code == 2


@pytest.mark.parametrize("words", [("session", "statement", "7"), ("network", "statement")])
def test_a_statement_as_of_a_block(story: Program, words: tuple[str, ...]) -> None:
    whole = story.json(*words)
    for line in whole["lines"]:
        block = line["block"]
        of_then = story.json(*words, "--at", str(block))
        assert of_then["block"] == block
        assert of_then["lines"] == [each for each in whole["lines"] if each["block"] <= block]
        assert of_then["balance"] == of_then["lines"][-1]["balance"]
    assert story.json(*words, "--at", str(story.height()))["lines"] == whole["lines"]
    before_all = story.json(*words, "--at", "1")
    assert (before_all["lines"], before_all["balance"]) == ([], "0")
    beyond = story(*words, "--at", str(story.height() + 1))
    assert (beyond.exit_code, f"the books end at block {story.height()}" in beyond.stderr) == (2, True)
    before = story(*words, "--at", "0")
    assert (before.exit_code, "is before block 1, the contract's first" in before.stderr) == (2, True)


def test_sessions_of_an_owner(story: Program) -> None:
    found = story.json("session", "list", "--owner", story.address("session_owner"))
    assert [row["session_id"] for row in found["sessions"]] == ["7", "8"]
    assert story.json("session", "list", "--owner", story.address("admin"))["sessions"] == []
    assert len(story("session", "list", "--csv").stdout.splitlines()) == 3


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_fault_is_named(story: Program, copy: str, fault: str) -> None:
    planted(copy, fault)
    result = story("audit", "--json", "--database", copy)
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    assert found["difference"] != "0"
    first = found["first_difference"]
    name, sides, values = NAMED[fault]
    assert name in first["name"]
    assert (first["sides"], first["values"]) == (sides, values)
    assert 0 < int(first["difference"]) <= int(found["difference"])


@pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")
def test_an_extra_coin_is_surplus(program: Program) -> None:
    address = program.json("network", "show")["contract"]
    # A contract that ends in its own constructor: its coin arrives without any code running.
    feeder = bytes.fromhex(f"73{address[2:]}ff")
    Sender(program.chain.web3, program.chain.accounts[-1]).send(None, feeder, value=1)
    [indexed] = program.json("index", "run", "--once")["contracts"]
    found = program.json("audit")
    assert (found["difference"], found["surplus"], found["block"]) == ("0", "1", indexed["block"])


def test_a_database_of_another_kind(story: Program) -> None:
    assert story("session", "list", "--database", "mysql://host/name").exit_code == 2


def test_one_indexer_at_a_time(story: Program) -> None:
    database = Database.open(story.database or f"sqlite:///{story.config_path.with_name('books.db')}")
    with database.sole_writer():
        result = story("index", "run", "--once")
    database.close()
    assert result.exit_code == 1
    assert "another indexer is running" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_interrupted_run_ends_well(story: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    # It sleeps when it has caught up, and only then, inside of its own signal handlers.
    monkeypatch.setattr(time, "sleep", lambda _seconds: signal.raise_signal(signal.SIGTERM))
    assert story.json("index", "run")["contracts"][0]["lag"] == 0
