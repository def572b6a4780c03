"""The pages on settled books of an embedded chain, served by the real server on loopback."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from sessionpay.api import Serving, application, serving
from sessionpay.chain import rpc
from sessionpay.chain.sender import Sender
from sessionpay.client import Client
from sessionpay.core.ids import SessionId
from sessionpay.core.usage import NAME_LENGTH_MAX
from sessionpay.services.condition import Sight
from sessionpay.services.demonstration import Demonstration, demonstrate
from sessionpay.services.home import Home
from sessionpay.services.intake import Intake
from sessionpay.store import epochs
from sessionpay.store.database import Database
from sessionpay.web import Site, pages
from tests.core.rows import NODE_A, row

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_700_000_000
SECONDS_MAX = 30

# Somebody who names a model chooses a text that ends up on a page, in a CSV and in a spreadsheet.
HOSTILE = "<script>document.title='taken'</script>"
FORMULA = "=HYPERLINK(1)"
# What could break a page: markup, what turns the text after it around, and more than a screen is wide.
MARKUP = '"><img src=x onerror=document.title="taken"></td></table></main>'
BACKWARDS = "gpt\u202eexe.rof"
ENDLESS = "W" * NAME_LENGTH_MAX
NAMES = ("large", HOSTILE, FORMULA, MARKUP, BACKWARDS, ENDLESS)
PRICES = "".join(
    f"\n[models.{json.dumps(name)}]\nprompt = 1_000_000_000_000\ncompletion = 0\n" for name in NAMES
)

# As wide as a phone, and what could be moved sideways there, in JavaScript.
NARROW = 360
SIDEWAYS = """() => [...document.querySelectorAll('body *')]
  .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth)
  .map(e => e.tagName + ' ' + e.className + ' ' + e.textContent.trim().slice(0, 30))"""

LEAVING = SessionId(2**160 - 1)
USED = SessionId(1)


@dataclass(frozen=True)
class Shown:
    """A demonstration with a hostile epoch, how it is shown, and how to ask for pages."""

    demonstration: Demonstration
    site: Site
    client: httpx.Client
    url: str


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Lend the pages of a settlement with something of everything."""
    home = Home(tmp_path_factory.mktemp("shown"))
    with showing(home, home.database_url) as lent:
        yield lent


@pytest.fixture(scope="session")
def asked(shown: Shown) -> Iterator[Client]:
    """Lend a client of the API over the same books."""
    with asking(shown) as client:
        yield client


@contextmanager
def showing(home: Home, url: str) -> Iterator[Shown]:
    """Settle a demonstration in an empty home and the database at `url`, and serve its pages."""
    database = Database.open(url)
    made = demonstrate(home, database, now=NOW)
    _leave(made)
    _settle_hostile(made, home)
    head = rpc.number(made.chain.web3, "eth_blockNumber")
    site = Site(
        database=database,
        contract=made.known,
        home=home,
        clock=lambda: made.chain.now,
        sight=lambda: Sight(made.chain.now, head, None),
        audit=lambda: made.daemon.last_audit,
        is_demo=True,
    )
    with (
        serving(pages(site), "127.0.0.1:0") as server,
        httpx.Client(base_url=server.url, timeout=SECONDS_MAX, trust_env=False) as client,
    ):
        yield Shown(made, site, client, server.url)
    database.close()


@contextmanager
def asking(shown: Shown) -> Iterator[Client]:
    """Serve the API over the same books."""
    site = shown.site
    served = Serving(site.database, site.contract, site.clock, site.sight, site.audit, site.home.epochs)
    with serving(application(served), "127.0.0.1:0") as server, Client(server.url) as client:
        yield client


def _leave(made: Demonstration) -> None:
    """Open a session whose owner asks to withdraw."""
    owner = Sender(made.chain.web3, made.chain.accounts[1])
    made.contract.register_session(LEAVING, owner.address)
    made.contract.deposit_to_session(LEAVING, 1_000)
    made.contract.with_sender(owner).request_session_withdrawal(LEAVING)


def _settle_hostile(made: Demonstration, home: Home) -> None:
    """Settle an epoch whose usage names models as nobody should."""
    home.prices.write_text(PRICES + home.prices.read_text(encoding="utf-8"), encoding="utf-8")
    database = made.daemon.database
    used = [row(session_id=USED, node=NODE_A, model=name, prompt_tokens=1_000) for name in NAMES]
    for rows in ([], used):
        Intake(database).accept(rows, source="test", at=made.chain.now)
        with database.reading() as connection:
            taking = epochs.current(connection)
        assert taking is not None
        made.daemon.sealer.close(taking.number, home.rules(), at=made.chain.now)
    made.daemon.turn()
