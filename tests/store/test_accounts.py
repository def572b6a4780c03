"""The books between two epochs, in the database.

given any books that epochs can leave
  it should give back the same, and nothing of those before them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given

from sessionpay.core.epochs import Opening
from sessionpay.services.home import open_epoch
from sessionpay.store import accounts
from tests.services.conftest import NOW, RULES
from tests.strategies import History, histories, play

if TYPE_CHECKING:
    from sessionpay.store.database import Database


def test_books_begin_empty(database: Database) -> None:
    open_epoch(database, RULES, at=NOW)
    with database.reading() as connection:
        assert accounts.opening(connection) == Opening()


@given(history=histories())
def test_any_books_come_back_the_same(database: Database, history: History) -> None:
    open_epoch(database, RULES, at=NOW)
    for epoch in play(history):
        with database.writing() as connection:
            accounts.replace_opening(connection, epoch.result.closing)
        with database.reading() as connection:
            assert accounts.opening(connection) == epoch.result.closing
