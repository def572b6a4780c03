"""The program as a process of its own, against a real node.

Given a node over HTTP and a terminal
    It should ask, take the answer, and exit with the documented code
Given no terminal
    It should refuse at once
Given nobody at the address
    It should say so on one line and exit with 3
Given a reader of its output that stops early
    It should end without a word
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sessionpay.store.database import Database
from tests.evm.anvil import Anvil, anvil_binary, running_anvil
from tests.store.test_database import filled
from tests.store.test_queries import lengthen

from .conftest import key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = (sys.executable, "-c", "from sessionpay.cli.main import run; run()")
SECONDS_MAX = 60
WEALTH = 10**20
# More than a pipe holds.
LINES = 3_000
ADMIN = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
needs_anvil = pytest.mark.skipif(
    anvil_binary() is None, reason="no anvil binary: set ANVIL, or install it with npm"
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with the administrator's key and a config file of its own."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONPAY_")}
    own = {"SESSIONPAY_CONFIG": str(tmp_path / "config.toml"), "SESSIONPAY_PRIVATE_KEY": key("admin")}
    return passed | own | {"COLUMNS": "80"}


@pytest.fixture
def url() -> Iterator[str]:
    """Run a node on which the administrator has coin."""
    with running_anvil() as anvil:
        anvil.set_balance(ADMIN, WEALTH)
        yield _url(anvil)


@pytest.mark.servers
@needs_anvil
def test_story_on_a_real_node(environment: dict[str, str], url: str) -> None:
    _json(environment, "config", "network", "local", url)
    deployed = _json(environment, "deploy", "--name", "eth", "--yes")
    assert deployed["admin"] == ADMIN
    assert _json(environment, "check")["ok"] is True
    _json(environment, "admin", "grant", "session-contract", ADMIN, "--yes")
    _json(environment, "session", "register", "7", ADMIN)
    assert _json(environment, "session", "deposit", "7", "0.5 ETH", "--yes")["balance_text"] == "0.5 ETH"
    _json(environment, "network", "charge", "7=0.2 ETH", "--yes")
    _json(environment, "node", "mark-used", ADMIN)
    _json(environment, "network", "allocate", f"{ADMIN}=0.2 ETH", "--yes")
    assert _json(environment, "node", "withdraw", ADMIN, "--yes")["amount_text"] == "0.2 ETH"
    refused = _run(environment, "session", "withdraw", "7", "1 ETH", "--yes")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: session: balance too low")
    assert refused.stderr.count("\n") == 1
    assert _json(environment, "session", "withdraw", "7", "--yes")["amount_text"] == "0.3 ETH"


@pytest.mark.servers
@needs_anvil
@pytest.mark.parametrize(("answer", "code", "told"), [("y", 0, "Deployed"), ("n", 4, "nothing was sent")])
def test_answers_on_a_terminal(
    environment: dict[str, str], url: str, answer: str, code: int, told: str
) -> None:
    status, shown = _on_terminal(environment, answer, "deploy", "--rpc", url)
    assert status == code
    assert "Deploy the contract? [y/N]" in shown
    assert told in shown


@pytest.mark.servers
@needs_anvil
def test_refuses_without_a_terminal(environment: dict[str, str], url: str) -> None:
    result = _run(environment, "deploy", "--rpc", url)
    assert result.returncode == 2
    assert "no terminal to ask on" in result.stderr


def test_nobody_at_the_address(environment: dict[str, str]) -> None:
    result = _run(environment, "network", "show", "--rpc", "http://127.0.0.1:1", "--contract", ADMIN)
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1
    assert "no connection" in result.stderr


def test_a_reader_that_stops_early(environment: dict[str, str], tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'books.db'}")
    contract = filled(database)
    lengthen(database, LINES)
    database.close()
    words = (
        "session",
        "statement",
        "7",
        "--csv",
        "--rpc",
        "http://127.0.0.1:1",
        "--contract",
        contract.address,
    )
    with subprocess.Popen(
        [*PROGRAM, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"block,time,")
        process.stdout.close()
        assert process.stderr.read() == b""


def _url(anvil: Anvil) -> str:
    connection = anvil._connection
    return f"http://{connection.host}:{connection.port}"


def _run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def _json(environment: dict[str, str], *words: str) -> dict[str, object]:
    result = _run(environment, *words, "--json")
    assert result.returncode == 0, result.stderr
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


def _on_terminal(environment: dict[str, str], answer: str, *words: str) -> tuple[int, str]:
    """Run the program on a terminal, type the answer, and return how it ended and what was shown."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*PROGRAM, *words], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = b"".join(_until_closed(ours))
        return process.wait(SECONDS_MAX), shown.decode()
    finally:
        os.close(ours)


def _until_closed(descriptor: int) -> Iterator[bytes]:
    """Yield what a terminal shows until nobody writes to it any more, which reading reports as an error."""
    while True:
        try:
            yield os.read(descriptor, 4096)
        except OSError:
            return
