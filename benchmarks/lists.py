"""A list read to its end: each piece behind the key of the last row, beside each counted from the start."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from benchmarks.books import SMALL, fill
from benchmarks.figures import Figure, seconds
from sessionpay.services.home import Home
from sessionpay.store import evidence, pages
from sessionpay.store.database import Database
from sessionpay.store.pages import LogSpot
from sessionpay.store.tables import events

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sessionpay.store.evidence import Contract

ROWS = 50


def listing() -> Figure:
    """Read every event of small books in pieces; in large ones, OFFSET is slower still."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with closing(Database.open(home.database_url)) as database:
            fill(database, home, SMALL)
            with database.reading() as connection:
                [contract] = evidence.contracts(connection)
                count = behind_keys(connection, contract)
                if count != by_offset(connection, contract):
                    raise AssertionError("both read the same events")
                ours = seconds(lambda: behind_keys(connection, contract))
                least = seconds(lambda: by_offset(connection, contract))
    return Figure("rows of a list read", int(count / ours), "a second", least / ours, "pieces by OFFSET")


def behind_keys(connection: Connection, contract: Contract) -> int:
    """Read all events as pages and API do; return how many there are."""
    count, spot = 0, None
    while found := pages.events(connection, contract, behind=spot, limit=ROWS):
        count += len(found)
        spot = LogSpot(found[-1].block_number, found[-1].log_index)
    return count


def by_offset(connection: Connection, contract: Contract) -> int:
    """Fetch the same rows by their place; what is made of them is left out, in its favour."""
    e = events.c
    query = select(events).where(e.contract_id == contract.id)
    query = query.order_by(e.block_number.desc(), e.log_index.desc()).limit(ROWS)
    count = 0
    while found := connection.execute(query.offset(count)).all():
        count += len(found)
    return count
