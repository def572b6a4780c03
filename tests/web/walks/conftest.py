"""A settlement on a real node, its daemon at work, its pages on loopback, and a browser with a wallet."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from sessionpay import SESSION_CONTRACT_ROLE, ZERO_ADDRESS, Sender, deploy_session_payment
from sessionpay.api import serving
from sessionpay.chain import rpc
from sessionpay.chain.deploy import deploy_test_token
from sessionpay.chain.keys import Signer, signer_from_key
from sessionpay.services.daemon import Daemon
from sessionpay.services.home import Home, open_epoch
from sessionpay.store.database import Database
from sessionpay.web import Site, pages
from tests.evm.anvil import anvil_binary, running_anvil
from tests.evm.backend import CHAIN_ID
from tests.services.outbox.scene import connected

from .wallet import Wallet, inject, wallet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from sessionpay import SessionPayment
    from sessionpay.chain.token import TestToken
    from tests.evm.anvil import Anvil

    from .hands import Hand

ROLES = ("admin", "operator", "session_owner", "node_operator", "payee", "outsider")
ETHER = 10**18
DELAY_SECONDS = 3_600
SECONDS_MAX = 20

# A micro-unit of a token is so much that a handful of tokens is an amount that people write.
PRICES = """
[models.large]
prompt = 1_000_000_000_000_000_000_000
completion = 0
[sla]
standard = 1_000_000
"""
POLICY = """
fee_ppm = 0
usage_visibility = "public"
[deadlines_ms]
default = 30_000
"""


@dataclass(frozen=True)
class Town:
    """A deployment, its books, who keeps them, and where its pages are."""

    node: Anvil
    contract: SessionPayment
    home: Home
    database: Database
    daemon: Daemon
    site: Site
    url: str
    token: TestToken | None = None

    def sender(self, role: str) -> Sender:
        return Sender(connected(self.node.url), signer(role))

    def wallet(self, role: str, **values: Any) -> Wallet:  # noqa: ANN401 - fields of the wallet
        return wallet_of(ROLES.index(role) + 1, self.node.url, CHAIN_ID, **values)


def signer(role: str) -> Signer:
    """Return a role's development key: its number among the roles."""
    return signer_from_key(f"{ROLES.index(role) + 1:064x}")


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """A node of its own, with a funded account for each role."""
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    with running_anvil(history=None) as running:
        for role in ROLES:
            running.set_balance(signer(role).address, 1_000 * ETHER)
        yield running


@pytest.fixture(scope="module")
def town(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town that pays in native coin."""
    with settled_town(node, Home(tmp_path_factory.mktemp("town"))) as made:
        yield made


@pytest.fixture(scope="module")
def token_town(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town that pays in a token of six decimals."""
    token = deploy_test_token(Sender(connected(node.url), signer("admin")), "Test dollar", "TUSD", 6)
    with settled_town(node, Home(tmp_path_factory.mktemp("token")), token=token) as made:
        yield made


@contextmanager
def settled_town(
    node: Anvil, home: Home, *, token: TestToken | None = None, confirmations: int = 0
) -> Iterator[Town]:
    """Deploy, open the books, put the daemon to work and serve the pages."""
    contract = deploy_session_payment(
        Sender(connected(node.url), signer("admin")),
        asset=token.address if token else ZERO_ADDRESS,
        admin=signer("admin").address,
        withdrawal_delay=DELAY_SECONDS,
    )
    operator = Sender(connected(node.url), signer("operator"))
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    home.make()
    home.prices.write_text(PRICES)
    home.policy.write_text(POLICY)
    database = Database.open(home.database_url)
    open_epoch(database, home.rules(), at=node.now)
    daemon = Daemon.of(
        home,
        database,
        contract.with_sender(operator),
        confirmations=confirmations,
        poll_seconds=0,
        clock=lambda: node.now,
        report=lambda _event, **_values: None,
    )
    # Its own looks are seconds apart, which would only make the tests wait.
    daemon.sleep = lambda _: time.sleep(0.2)
    site = Site(
        database=database,
        contract=daemon.follower.contract,
        home=home,
        clock=lambda: node.now,
        chain=contract,
    )
    with at_work(daemon), serving(pages(site), "127.0.0.1:0") as server:
        yield Town(
            node, contract.with_sender(operator), home, database, daemon, site, server.url, token=token
        )
    database.close()


@contextmanager
def at_work(daemon: Daemon) -> Iterator[None]:
    """Let the daemon work in a thread while the context lasts."""
    ended = Event()
    thread = Thread(target=daemon.run, args=(ended.is_set,), daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join(SECONDS_MAX)
    assert not thread.is_alive()


@contextmanager
def shown_by(town: Town, **values: Any) -> Iterator[str]:  # noqa: ANN401 - fields of the site
    """Serve the same books another way, and return where."""
    with serving(pages(replace(town.site, **values)), "127.0.0.1:0") as server:
        yield server.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for all walks."""
    found = shutil.which("chromium")
    assert found, "install Debian's package chromium"
    expect.set_options(timeout=SECONDS_MAX * 1_000)
    with sync_playwright() as driver:
        # Without its sandbox, because root has none in a container; the pages are our own.
        launched = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page with these wallets in it; whatever it logs or breaks fails the test."""
    contexts = []
    said: list[str] = []

    def open_page(*wallets: Wallet) -> Page:
        context = browser.new_context(viewport={"width": 1_000, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS_MAX * 1_000)
        page.on("pageerror", lambda fault: said.append(str(fault)))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        inject(page, *wallets)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # A request that finds the server away is logged by the browser itself.
    assert [text for text in said if "Failed to load resource" not in text] == []


def status(page: Page) -> Any:  # noqa: ANN401 - an assertion of the browser
    """Return what can be said of the line that tells how it stands."""
    return expect(page.locator("main [data-status]"))


def next_session(town: Town, owner: str = "session_owner") -> int:
    """Register a session, as the operator does, and wait until the books have it."""
    session_id = rpc.number(town.contract.web3, "eth_blockNumber") + 1_000
    town.contract.register_session(session_id, signer(owner).address)
    follow(town)
    return session_id


def follow(town: Town) -> None:
    """Wait until the books have what the chain has."""
    head = rpc.number(town.contract.web3, "eth_blockNumber")
    wait_until(lambda: town.site.reader.standing().head >= head)


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for what another thread or process does."""
    deadline = time.monotonic() + SECONDS_MAX
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def sign(page: Page, use: Hand) -> None:
    """Sign what a page previews, and wait until the books have it for good."""
    use.press(page, "Connect a wallet")
    status(page).to_contain_text("Connected as")
    use.press(page, "Sign and send")
    status(page).to_contain_text("Done, and final")


def fact(page: Page, title: str) -> int:
    """Return the base units that stand under a title."""
    found = page.locator(".fact").filter(has=page.locator("dt", has_text=title)).first
    text = found.locator(".exact").text_content() or ""
    match = re.search(r"(-?\d+) base units", text)
    assert match, text
    return int(match[1])
