"""Books of a random history that the contract could have written, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pytest

from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.services.home import open_epoch
from sessionpay.serving import Reader
from sessionpay.store import books, evidence, settling
from sessionpay.store.evidence import Block, Entry
from tests.indexer.history import CONTRACT, DELAY, Chain, digest
from tests.services.conftest import RULES
from tests.services.outbox.conftest import node
from tests.serving.hiding import settle
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionpay.core.books import Books
    from sessionpay.serving import Page
    from sessionpay.store.database import Database
    from tests.serving.hiding import Hiding

__all__ = ["database", "kind", "node", "postgresql", "url"]

BLOCKS, NOT_FINAL = 150, 12
NOW = 1_900_000_000
Row = TypeVar("Row")


@dataclass
class Told:
    """A history, its books as the core adds them up, and the reader of the same in a database."""

    chain: Chain
    entries: list[Entry]
    database: Database
    reader: Reader

    @property
    def books(self) -> Books:
        return self.chain.replayed()


@pytest.fixture(scope="session")
def hiding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hiding]:
    """Lend a settlement whose epochs' policies a test may replace."""
    made = settle(tmp_path_factory.mktemp("hiding"))
    yield made
    made.database.close()


@pytest.fixture
def told(database: Database) -> Told:
    """Return books of a few hundred events."""
    chain = Chain(seed=7)
    chain.grow(BLOCKS, events_max=6)
    return enter(database, chain)


def enter(database: Database, chain: Chain) -> Told:
    """Write a history down as the indexer would, and open an epoch of its settlement."""
    open_epoch(database, RULES, at=1)
    entries = [
        Entry(
            block.number,
            3 * index,
            block.hash,
            digest(block.hash, index // 2),
            index // 2,
            block.timestamp,
            event,
        )
        for block in chain.blocks
        for at in (block.timestamp,)
        for index, event in enumerate(block.events)
    ]
    final = chain.blocks[-1 - NOT_FINAL]
    with database.writing() as connection:
        contract = evidence.enrol(
            connection,
            chain_id=1,
            address=CONTRACT,
            asset=Asset(ZERO_ADDRESS, "ETH", 18),
            withdrawal_delay=DELAY,
            first_block=1,
        )
        settling.bind(connection, contract)
        made = [Block(each.number, each.hash, each.parent_hash, each.timestamp) for each in chain.blocks[1:]]
        books.advance(connection, contract, entries=entries, blocks=made, final_number=final.number)
        books.make_final(connection, contract, made[final.number - 1])
    return Told(chain, entries, database, Reader(database, contract, lambda: NOW))


def every(read: Callable[..., Page[Row]], limit: int, **asked: object) -> list[Row]:
    """Return a whole list, read page by page."""
    rows: list[Row] = []
    cursor = None
    while True:
        page = read(cursor=cursor, limit=limit, **asked)
        assert len(page.rows) <= limit
        assert page.rows or cursor is None
        rows += page.rows
        cursor = page.next
        if cursor is None:
            return rows
        assert len(page.rows) == limit
