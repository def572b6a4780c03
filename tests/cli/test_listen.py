"""`sessionpay run --listen`: given a node, it should settle and answer in one process until asked to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sessionpay import SESSION_CONTRACT_ROLE, ZERO_ADDRESS, Sender, SessionId, connect, deploy_session_payment
from sessionpay.chain.embedded import embedded_chain
from sessionpay.services import reporters
from sessionpay.store.database import Database
from tests.api.conftest import caller, rows
from tests.api.test_budgets import budget
from tests.api.test_health import readiness, scrape
from tests.api.test_usage import post
from tests.cli.conftest import key
from tests.evm.anvil import anvil_binary, running_anvil
from tests.services.conftest import POLICY, PRICES
from tests.services.test_intake import kept

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).parents[2]
PROGRAM = "from sessionpay.cli.main import run; run()"
WEALTH = 10**24
DEPOSIT = 10**18
SECONDS_MAX = 60


def deployed(url: str) -> str:
    """Deploy a contract whose settlement key is the first account, with one funded session."""
    operator = Sender(connect(url), embedded_chain(accounts=1).accounts[0])
    contract = deploy_session_payment(
        operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=60
    )
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    contract.register_session(SessionId(7), operator.address)
    contract.deposit_to_session(SessionId(7), DEPOSIT)
    return contract.address


def ready(client: httpx.Client) -> None:
    """Wait until the books have what the chain says."""
    for _ in range(10 * SECONDS_MAX):
        status, reasons = readiness(client)
        if status == 200:
            return
        time.sleep(0.1)
    pytest.fail(str(reasons))


@pytest.mark.servers
def test_it_serves_while_it_settles_and_ends_when_asked(tmp_path: Path) -> None:
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    home = tmp_path / "home"
    home.mkdir()
    (home / "prices.toml").write_text(PRICES)
    (home / "policy.toml").write_text(POLICY)
    environment = {
        **os.environ,
        "SESSIONPAY_CONFIG": str(tmp_path / "config.toml"),
        "SESSIONPAY_PRIVATE_KEY": key("admin"),
    }
    with running_anvil(history=None) as node:
        node.set_balance(embedded_chain(accounts=1).accounts[0].address, WEALTH)
        words = ["run", "--home", str(home), "--rpc", node.url, "--contract", deployed(node.url)]
        words += ["--confirmations", "0", "--listen", "127.0.0.1:0"]
        command = [sys.executable, "-c", PROGRAM, *words]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            assert told["event"] == "listening"
            database = Database.open(f"sqlite:///{home / 'books.db'}")
            with caller(told["url"], reporters.enrol(database, "router", signer=None, at=1)) as client:
                ready(client)
                assert post(client, *rows(5))["accepted"] == 5
                assert budget(client)["available"] == DEPOSIT - 25
                assert scrape(client)["sessionpay_key_balance_wei"] > 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS_MAX) == 0
        assert len(kept(database)) == 5
        database.close()
