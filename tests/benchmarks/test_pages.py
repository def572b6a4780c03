"""The benchmark of pages, on books of a few thousand events.

Given large books in their small form
  what is derived should be what follows from their events, and the home and its database belong together
  when a page and an answer of the API are asked for by many at once
    each should be answered, and have a figure
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from benchmarks.asking import known_of
from benchmarks.books import SMALL, fill
from benchmarks.pages import everything, measured, server, site_of

from sessionpay.services.findings import Tally
from sessionpay.services.home import Home
from sessionpay.services.recount import BOOKS, EVENTS, Count, hold_lines, hold_tables
from sessionpay.services.wholeness import require_whole
from sessionpay.store import condition, consumption, evidence, kept
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Home]]:
    """Lend small books."""
    home = Home(tmp_path_factory.mktemp("books"))
    with closing(Database.open(home.database_url)) as database:
        fill(database, home, SMALL)
        yield database, home


def test_what_is_derived_follows_from_the_events(books: tuple[Database, Home]) -> None:
    database, home = books
    require_whole(database, home)
    tally = Tally((EVENTS, BOOKS))
    with database.reading() as connection:
        [contract] = evidence.contracts(connection)
        count = Count.empty(withdrawal_delay=contract.withdrawal_delay)
        with closing(kept.movement_rows(connection, contract)) as there:
            hold_lines(evidence.entries(connection, contract), there, count=count, lines=tally)
        hold_tables(connection, contract, count, tally=tally)
        assert evidence.count(connection, contract) == SMALL.events
        assert consumption.incomplete(connection) == []
        sums = condition.sums(connection)
    assert (tally.first, tally.difference) == (None, 0)
    assert all(summed == noted for summed, noted in sums.values())
    assert len(sums) == 2 + 2


def test_pages_are_measured(books: tuple[Database, Home]) -> None:
    database, home = books
    known, (_, api) = known_of(database, SMALL), everything(site_of(database, home))
    with server(home.path, None, 1) as address:
        found = list(measured(address, api, known, seconds=0.1, only="/transactions/"))
    assert {each.what for each in found} == {
        "/transactions/{hash}",
        "/transactions/{hash}/events.csv",
        "/v1/transactions/{transaction_hash}",
    }
    assert all(each.per_second > 0 and 0 < each.p50 <= each.p95 <= each.p99 for each in found)
