"""`sessionpay serve`: the pages, from the program itself.

Given the demonstration
  it should say where it listens, answer there, and end when asked
  with a home of its own beside it, it should be refused
Given a settlement without a contract
  it should say what to do
Given a home with a contract
  it should be shown, and without a chain the reason why nothing can be signed
Given an address for wallets that is none
  it should be refused
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from sessionpay.chain.client import SessionPayment
from sessionpay.core.ids import parse_address
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.home import Home, open_epoch
from sessionpay.store import settling
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Program

SECONDS_MAX = 60
PROGRAM = (sys.executable, "-c", "from sessionpay.cli.main import run; run()")


def started(*words: str, home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "SESSIONPAY_CONFIG": str(home / "config.toml")}
    command = [*PROGRAM, "serve", "--port", "0", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def first_page(process: subprocess.Popen[str], *others: str) -> str:
    """Return the first page, and `others`, from where the process says it is; end it as a person does."""
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix("open ").strip()
        paths = ("/", *others)
        text = "".join(httpx.get(url + path, timeout=SECONDS_MAX, trust_env=False).text for path in paths)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS_MAX) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    return text


def test_a_demonstration_is_shown(tmp_path: Path) -> None:
    text = first_page(started("--demo", home=tmp_path), "/sessions/1/withdraw")
    assert "It cannot be signed here: this is a demonstration" in text
    assert "A demonstration" in text
    assert "Nothing is missing: difference 0" in text


def test_a_bound_home_is_shown(program: Program, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    home.keep_rules()
    database = Database.open(home.database_url)
    open_epoch(database, home.rules(), at=1)
    address = program.json("config", "show")["contracts"][0]["address"]
    contract = SessionPayment(program.chain.web3, parse_address(address))
    known = enrol(database, contract)
    with database.writing() as connection:
        settling.bind(connection, known)
    Follower(database, known, [ChainSource(contract.web3, known.address)], confirmations=0).catch_up()
    database.close()
    process = started("--home", str(home.path), home=tmp_path / "elsewhere")
    text = first_page(process, "/sessions/7/withdraw")
    assert "A demonstration" not in text
    assert "The books add up: difference 0" in text
    assert "this server does not ask the chain" in text
    assert f"{2 * 10**18} base units" in text
    assert "It cannot be signed here: this server was started without a chain (no network named" in text


def test_a_demonstration_has_its_own_home(program: Program, tmp_path: Path) -> None:
    result = program("serve", "--demo", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "it has its own" in result.output


def test_an_address_for_wallets_is_one(program: Program) -> None:
    result = program("serve", "--wallet-rpc", "rpc.example")
    assert result.exit_code == 2
    assert "the RPC address has the wrong form" in result.output


def test_a_settlement_without_a_contract_is_not_shown(program: Program) -> None:
    result = program("serve", "--port", "0")
    assert result.exit_code == 2
    assert "`sessionpay run` names it" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "--demo", "--public-url", "pay.example.org"], "write it as https://host"),
        (["run", "--listen", "127.0.0.1:0", "--public-url", "https://a/b"], "write it as https://host"),
        (["run", "--once", "--public-url", "https://pay.example.org"], "give --listen too"),
    ],
)
def test_a_public_address_is_checked_first(program: Program, words: list[str], told: str) -> None:
    result = program(*words)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
