"""`sessionpay serve`: the pages, from the program itself.

Given the demonstration
  it should say where it listens, answer people and programs there, and end when asked
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
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from sessionpay.api import Access, BadRateLimit
from sessionpay.api.access import REQUESTS_PER_MINUTE
from sessionpay.app import Wiring
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.connect import connect
from sessionpay.cli import serve
from sessionpay.cli.callers import access
from sessionpay.cli.commands import Run
from sessionpay.cli.output import Screen
from sessionpay.client import ApiProblem, Client
from sessionpay.config import Environment, read_environment
from sessionpay.core.ids import parse_address
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.home import Home, open_epoch
from sessionpay.store import settling
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Program

SECONDS_MAX = 60
PROGRAM = (sys.executable, "-c", "from sessionpay.cli.main import run; run()")


def started(*words: str, home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "SESSIONPAY_CONFIG": str(home / "config.toml")}
    command = [*PROGRAM, "serve", "--port", "0", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True
    )


def first_page(
    process: subprocess.Popen[str], ask: Callable[[Client, str], None] | None = None, *, page_workers: int
) -> str:
    """Return the first page from where the process says it is, and end the process as a person does.

    It should have so many processes for pages, and end without a word but for what it said of the chain.
    """
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix("open ").strip()
        text = httpx.get(url, timeout=SECONDS_MAX, trust_env=False).text
        with Client(url) as books:
            if ask is not None:
                ask(books, url)
        asked = ("ps", "-ww", "-o", "args=", "--ppid", str(process.pid))
        children = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        assert children.count("--multiprocessing-fork") == page_workers
        # As a key in a terminal does, which all processes there hear.
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS_MAX)
        assert process.returncode == 0
        assert errors.partition("the chain is left out")[0] == ""
        assert errors.count("\n") <= 1
    finally:
        process.kill()
        process.communicate()
    return text


def ask_demonstration(books: Client, url: str) -> None:
    """Ask what a demonstration has, from a page elsewhere, too, until it is too often."""
    assert books.network().difference == 0
    assert books.audit().difference == 0
    assert books.epoch(1).totals is not None
    assert books.readiness().ready
    assert "this is a demonstration" in unsigned(url, "/sessions/1/withdraw")
    elsewhere = {"Origin": "https://books.example"}
    statuses = []
    for _ in range(7):
        answer = httpx.get(f"{url}/v1/network", headers=elsewhere, trust_env=False)
        assert answer.headers["access-control-allow-origin"] == elsewhere["Origin"]
        statuses.append(answer.status_code)
    # Three were asked before, and those who watch are not counted.
    assert statuses == [200] * 5 + [429] * 2


def unsigned(url: str, path: str) -> str:
    """Return why the transaction that a page previews cannot be signed there."""
    text = httpx.get(url + path, trust_env=False).text
    return text.partition("It cannot be signed here: ")[2].partition("</p>")[0]


def test_a_demonstration_is_shown(tmp_path: Path) -> None:
    words = ("--demo", "--cors-origin", "https://books.example", "--rate-limit", "8", "--page-workers", "1")
    text = first_page(started(*words, home=tmp_path), ask_demonstration, page_workers=1)
    assert "A demonstration" in text
    assert "Nothing is missing: difference 0" in text


def ask_bound(books: Client, url: str) -> None:
    """Ask a settlement whose chain is not named."""
    assert [session.balance for session in books.sessions()] == [2 * 10**18]
    assert "this server was started without a chain (no network named" in unsigned(
        url, "/sessions/7/withdraw"
    )
    with pytest.raises(ApiProblem, match="did not audit") as refused:
        books.audit()
    assert refused.value.status == 404


def bound(program: Program, tmp_path: Path) -> Home:
    """Return a home whose books are those of the program's contract."""
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
    return home


def test_a_chain_that_is_named_is_looked_at_and_audited(program: Program, tmp_path: Path) -> None:
    home = bound(program, tmp_path)
    wiring = Wiring(Environment(program.config_path), program._connect)
    run = Run(wiring=wiring, screen=Screen(json_output=True), home=home.path)
    with serve._opened(run, None) as (site, auditor):
        assert auditor is not None
        audit = site.audit()
        assert audit is not None
        assert (audit.difference, audit.block, auditor.reason) == (0, program.height(), None)
        assert audit.at == pytest.approx(time.time(), abs=SECONDS_MAX)
        for _ in range(10 * SECONDS_MAX):
            if site.sight() is not None:
                break
            time.sleep(0.1)
        assert site.sight() is not None


def test_a_bound_home_is_shown(program: Program, tmp_path: Path) -> None:
    home = bound(program, tmp_path)
    words = ("--home", str(home.path), "--page-workers", "0")
    text = first_page(started(*words, home=tmp_path / "elsewhere"), ask_bound, page_workers=0)
    assert "A demonstration" not in text
    assert "The books add up: difference 0" in text
    assert "this server does not ask the chain" in text
    assert f"{2 * 10**18} base units" in text


def test_a_demonstration_has_its_own_home(program: Program, tmp_path: Path) -> None:
    result = program("serve", "--demo", "--home", str(tmp_path))
    assert result.exit_code == 2
    assert "it has its own" in result.output


def test_an_address_for_wallets_is_one(program: Program) -> None:
    result = program("serve", "--wallet-rpc", "rpc.example")
    assert result.exit_code == 2
    assert "the RPC address has the wrong form" in result.output


def test_what_nobody_could_ask_with_is_refused(program: Program) -> None:
    for words, rule in (
        (("serve", "--demo", "--cors-origin", "example.org"), "write https://host"),
        (("serve", "--demo", "--rate-limit", "-1"), "0 for none"),
        (("run", "--once", "--rate-limit", "5"), "--listen"),
        (("run", "--cors-origin", "*"), "--listen"),
    ):
        result = program(*words)
        assert result.exit_code == 2, words
        assert rule in result.output


def test_the_environment_says_who_may_ask() -> None:
    said = read_environment(
        {
            "SESSIONPAY_CORS_ORIGINS": "https://a.example, https://b.example",
            "SESSIONPAY_RATE_LIMIT": "7",
            "SESSIONPAY_TRUST_FORWARDED": "1",
        }
    )
    run = Run(wiring=Wiring(said, connect), screen=Screen(json_output=True))
    assert access(run, None, None, trust_forwarded=False) == Access(
        origins=("https://a.example", "https://b.example"), requests_per_minute=7, trusts_forwarded=True
    )
    assert access(run, ["*"], 0, trust_forwarded=False).origins == ("*",)
    nothing = Run(wiring=Wiring(read_environment({}), connect), screen=Screen(json_output=True))
    assert access(nothing, None, None, trust_forwarded=False) == Access(
        requests_per_minute=REQUESTS_PER_MINUTE
    )
    for text in ("x", "-1", "9" * 40, "\u0661"):
        wrong = Run(
            wiring=Wiring(read_environment({"SESSIONPAY_RATE_LIMIT": text}), connect),
            screen=Screen(json_output=True),
        )
        with pytest.raises(BadRateLimit):
            access(wrong, None, None, trust_forwarded=False)


def test_a_settlement_without_a_contract_is_not_shown(program: Program) -> None:
    result = program("serve", "--port", "0")
    assert result.exit_code == 2
    assert "`sessionpay run` names it" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "--demo", "--public-url", "pay.example.org"], "write it as https://host"),
        (["run", "--listen", "127.0.0.1:0", "--public-url", "https://a/b"], "write it as https://host"),
        (["run", "--once", "--public-url", "https://pay.example.org"], "give --listen HOST:PORT too"),
    ],
)
def test_a_public_address_is_checked_first(program: Program, words: list[str], told: str) -> None:
    result = program(*words)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
