"""Several contracts in one database, and what commands say of values that somebody broke.

Given an ETH and a token contract on one chain
    When `index run` names both, or none and the books have both
        It should follow both, and tell each on its own
    When statements and audits name one of them
        They should be of that one
Given books that somebody changed by hand
    It should name the table, the row and the column, say what to do, and exit with 2
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sessionpay.chain.deploy import deploy_test_token
from sessionpay.chain.sender import Sender

from .conftest import ROLES, RPC

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Program

USDC = 10**6


@pytest.fixture(scope="module")
def pair(shared_program: Program) -> Program:
    """Return the program with `eth` and `usdc`, a session 7 in each, and nothing indexed."""
    program = shared_program
    accounts = program.chain.accounts
    token = deploy_test_token(Sender(program.chain.web3, accounts[0]), "Test Dollar", "USDC", 6)
    token.mint(accounts[ROLES.index("session_owner")].address, 100 * USDC)
    program("deploy", "--asset", token.address, "--name", "usdc", role="admin")
    in_usdc = ("--contract", "usdc")
    operator, owner = program.address("session_contract"), program.address("session_owner")
    program("admin", "grant", "session-contract", operator, *in_usdc, role="admin")
    program("session", "register", "7", owner, *in_usdc, role="session_contract")
    program("session", "deposit", "7", "12.5 USDC", *in_usdc, role="session_owner")
    return program


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the address of a database that is not there yet."""
    return f"sqlite:///{tmp_path / 'both.db'}"


def index(program: Program, url: str, *words: str) -> list[dict[str, object]]:
    """Catch up, and return where each contract stands."""
    rows: list[dict[str, object]] = program.json("index", "run", "--once", "--database", url, *words)[
        "contracts"
    ]
    return rows


def test_both_are_followed_together(pair: Program, url: str) -> None:
    rows = index(pair, url, "--contract", "usdc", "--contract", "eth", "--contract", "usdc")
    assert [(row["symbol"], row["lag"]) for row in rows] == [("USDC", 0), ("ETH", 0)]
    assert all(row["block"] == pair.height() for row in rows)
    for name, balance in (("eth", "2 ETH"), ("usdc", "12.5 USDC")):
        chosen = ("--contract", name, "--database", url)
        assert pair.json("session", "statement", "7", *chosen)["balance_text"] == balance
        assert pair.json("audit", *chosen)["difference"] == "0"
    told = pair("index", "status", "--database", url).stdout
    assert told.count("chain block") == 2
    assert all(str(row["contract"]) in told for row in rows)
    rebuilt = pair.json("index", "rebuild", "--database", url)["contracts"]
    assert [row["events"] for row in rebuilt] == [row["events"] for row in rows]


def test_what_the_books_have_is_followed_without_being_named(pair: Program, url: str) -> None:
    # The config's default is eth, so usdc is known from the books alone.
    assert [row["symbol"] for row in index(pair, url, "--contract", "usdc")] == ["USDC"]
    assert [row["symbol"] for row in index(pair, url)] == ["ETH", "USDC"]
    assert [row["symbol"] for row in index(pair, url, "--contract", "usdc")] == ["USDC"]
    status = ("index", "status", "--database", url)
    assert [row["symbol"] for row in pair.json(*status)["contracts"]] == ["USDC", "ETH"]
    assert [row["symbol"] for row in pair.json(*status, "--contract", "eth")["contracts"]] == ["ETH"]
    stranger = pair(*status, "--contract", pair.address("outsider"))
    assert (stranger.exit_code, "does not know contract" in stranger.stderr) == (2, True)


def test_no_contract_anywhere(blank: Program, url: str, tmp_path: Path) -> None:
    result = blank("index", "run", "--once", "--rpc", RPC, "--database", url)
    assert (result.exit_code, "no contract named" in result.stderr) == (2, True)
    assert not (tmp_path / "both.db").exists()


def test_contracts_of_two_networks_are_not_mixed(pair: Program, url: str) -> None:
    config = pair.config_path.read_text()
    try:
        pair("config", "network", "elsewhere", "http://elsewhere.test:8545")
        pair("config", "contract", "far", pair.address("outsider"), "--network", "elsewhere")
        result = pair("index", "run", "--contract", "eth", "--contract", "far", "--database", url)
    finally:
        pair.config_path.write_text(config)
    assert (result.exit_code, "is on another network than eth" in result.stderr) == (2, True)


BROKEN = {
    "amount": ("UPDATE movements SET amount = 'much'", "column amount: 'much'"),
    "kind": ("UPDATE movements SET kind = 'gift'", "column kind: 'gift' is no kind of movement"),
    "owner": ("UPDATE sessions SET owner = 'nobody'", "column owner: 'nobody' is no address"),
    "checkpoint": ("DELETE FROM checkpoints", "table checkpoints, row contract_id 1: is missing"),
    "contract": ("DELETE FROM contracts", "table contracts, row id 1: is missing, but"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_value_is_named(pair: Program, url: str, fault: str) -> None:
    index(pair, url, "--contract", "eth")
    statement, place = BROKEN[fault]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(statement)
        connection.commit()
    command = ("session", "list") if fault == "owner" else ("session", "statement", "7")
    result = pair(*command, "--json", "--database", url)
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert place in error["message"]
    assert error["type"] == "BadValue"
    if "rebuild" in error["message"]:
        pair.json("index", "rebuild", "--database", url)
        assert pair.json(*command, "--database", url)["block"] == pair.height()
    else:
        assert "index the contract anew" in error["message"]


def test_a_lost_column_is_told_on_one_line(pair: Program, url: str) -> None:
    index(pair, url, "--contract", "eth")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("ALTER TABLE movements DROP COLUMN balance_after")
    result = pair("session", "statement", "7", "--database", url)
    assert result.exit_code == 1
    assert "the database failed: no such column: movements.balance_after" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE events SET name = 'Gift' WHERE name = 'DepositToSession'", "name: 'Gift'"),
        ("UPDATE events SET arguments = '[' WHERE name = 'DepositToSession'", "arguments: '['"),
    ],
)
def test_a_broken_event_stops_a_rebuild_by_name(pair: Program, url: str, statement: str, column: str) -> None:
    index(pair, url, "--contract", "eth")
    before = pair("session", "statement", "7", "--csv", "--database", url).stdout
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(statement)
        connection.commit()
    result = pair("index", "rebuild", "--database", url)
    assert result.exit_code == 2
    assert f"column {column}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    # Nothing of the rebuild was kept.
    assert pair("session", "statement", "7", "--csv", "--database", url).stdout == before
