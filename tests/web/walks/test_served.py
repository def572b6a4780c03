"""The program itself: `sessionpay serve` beside `sessionpay run`, as an operator starts them.

Given both as processes on a real node
  a deposit that a browser's wallet signs should be previewed, sent, and shown as final from the books
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sessionpay import SESSION_CONTRACT_ROLE, ZERO_ADDRESS, Sender, deploy_session_payment
from sessionpay.core.ids import SessionId, checksum_address
from sessionpay.services.home import Home
from sessionpay.store import evidence, queries
from sessionpay.store.database import Database, SchemaState
from tests.evm.backend import CHAIN_ID
from tests.services.outbox.scene import connected

from .conftest import ETHER, ROLES, SECONDS_MAX, fact, sign, signer, wait_until
from .hands import Mouse
from .wallet import wallet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.evm.anvil import Anvil

PROGRAM = (sys.executable, "-c", "from sessionpay.cli.main import run; run()")
SESSION = SessionId(7)
use = Mouse()


@contextmanager
def started(home: Path, *words: str, key: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a command of the program in a home of its own."""
    environment = {**os.environ, "SESSIONPAY_CONFIG": str(home / "config.toml")}
    environment |= {} if key is None else {"SESSIONPAY_PRIVATE_KEY": key}
    process = subprocess.Popen(
        [*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS_MAX)


def said(process: subprocess.Popen[str], beginning: str) -> str:
    """Return the next line that begins so, without its beginning."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return line.removeprefix(beginning).strip()
    raise AssertionError(f"the program ended without saying {beginning}")


def is_read(folder: Path) -> bool:
    """Tell whether the daemon settles a contract there, and read what it said so far."""
    home = Home(folder)
    if not (folder / "books.db").exists():
        return False
    database = Database.open(home.database_url)
    try:
        if database.state() is not SchemaState.CURRENT:
            return False
        with database.reading() as connection:
            return any(
                queries.session(connection, known, SESSION) for known in evidence.contracts(connection)
            )
    finally:
        database.close()


def test_serve_and_run_side_by_side(node: Anvil, tmp_path: Path, opened: Callable[..., Page]) -> None:
    admin = Sender(connected(node.url), signer("admin"))
    contract = deploy_session_payment(admin, asset=ZERO_ADDRESS, admin=admin.address, withdrawal_delay=3_600)
    for role in ("admin", "operator"):
        contract.grant_role(SESSION_CONTRACT_ROLE, signer(role).address)
    contract.register_session(SESSION, signer("session_owner").address)
    operator = f"{ROLES.index('operator') + 1:064x}"
    chain = ("--rpc", node.url)
    daemon = ("run", *chain, "--contract", checksum_address(contract.address), "--confirmations", "0")
    with started(tmp_path, *daemon, key=operator):
        wait_until(lambda: is_read(tmp_path / "settlement"))
        with started(tmp_path, "serve", "--port", "0", *chain, "--wallet-rpc", node.url) as serving:
            url = said(serving, "open ")
            page = opened(wallet_of(ROLES.index("session_owner") + 1, node.url, CHAIN_ID))
            page.goto(f"{url}/sessions/{SESSION}/deposit?amount=2")
            assert fact(page, "Balance of the session, then") == 2 * ETHER
            sign(page, use)
            assert fact(page, "Balance of the session") == 2 * ETHER == contract.session_balances(SESSION)
