"""How pages and API go about their work on books with something of everything.

Given any address of the pages' and the API's routing tables, in SQLite and in PostgreSQL
  when it is asked for, at its beginning and further on
    no statement should go through all events, sessions, nodes, movements, or anything that grows with them
Given a page that does
  it should be found out
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from benchmarks.asking import MISSING_ALLOWED, STREAM, Known, known_of
from benchmarks.books import SMALL, fill
from benchmarks.pages import everything, site_of
from benchmarks.plans import addresses, heard, scanned

from sessionpay.api import serving
from sessionpay.services.home import Home
from sessionpay.store.database import Database
from tests.store.conftest import new_postgresql_database, postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["postgresql"]

# The outbox is counted as a whole there; its newest transaction is the first that such a scan finds.
_LATEST = re.compile(r"\b(SCAN|Seq Scan on) (outbox|attempts)\b")
# Prometheus asks for it a few times a minute, and nobody waits for the answer.
WATCHERS = ("/metrics",)
SECONDS_MAX = 30


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Lend a home with books of everything, in SQLite."""
    home = Home(tmp_path_factory.mktemp("plans"))
    database = Database.open(home.database_url)
    fill(database, home, SMALL)
    database.close()
    return home


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def books(
    request: pytest.FixtureRequest, home: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Home]]:
    """Lend the same books in each database."""
    if request.param == "sqlite":
        database = Database.open(home.database_url)
    else:
        database = Database.open(new_postgresql_database(request.getfixturevalue("postgresql")))
        home = Home(tmp_path_factory.mktemp("plans"))
        fill(database, home, SMALL)
    yield database, home
    database.close()


def ask(client: httpx.Client, address: str, known: Known) -> None:
    """Ask for an address, and require that it is there."""
    if address == STREAM:
        with client.stream("GET", address, headers={"Last-Event-ID": f"{known.head}.0.0"}) as answer:
            next(text for text in answer.iter_text() if "event: movement" in text)
        return
    answer = client.get(address)
    is_allowed = answer.status_code == httpx.codes.NOT_FOUND and any(
        part in address for part in MISSING_ALLOWED
    )
    assert is_allowed or answer.status_code == httpx.codes.OK, (address, answer.status_code, answer.text)


def test_nothing_goes_through_a_whole_table(books: tuple[Database, Home]) -> None:
    database, home = books
    app, api = everything(site_of(database, home))
    known = known_of(database, SMALL)
    slow: dict[str, list[str]] = {}
    with (
        serving(app, "127.0.0.1:0") as server,
        httpx.Client(
            base_url=server.url, timeout=SECONDS_MAX, trust_env=False, headers=known.headers
        ) as client,
    ):
        for name, address in addresses(api, known):
            with heard(database) as asked:
                ask(client, address, known)
            found = scanned(database, asked, is_small=True)
            if name in WATCHERS:
                found = [line for line in found if not _LATEST.search(line)]
            if found:
                slow[name] = found
    assert not slow


def test_a_statement_that_does_is_found_out(books: tuple[Database, Home]) -> None:
    database, _ = books
    statements = (
        "SELECT count(*) FROM sessions WHERE balance = '0'",
        "SELECT sum(committed) FROM consumption WHERE prompt_tokens > 0",
        "SELECT state FROM outbox WHERE reason = 'none'",
    )
    for statement in statements:
        asked = {statement: ()}
        # Even without sequential scans PostgreSQL has no other way where there is no index.
        assert scanned(database, asked, is_small=True), statement
