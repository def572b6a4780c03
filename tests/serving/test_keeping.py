"""Sums that are kept: given books that moved on, or went back, they should be those of now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessionpay.core import events as ev
from sessionpay.core.ids import SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.serving.keeping import Kept
from sessionpay.store import books, queries
from sessionpay.store.evidence import Block, Entry
from tests.store.test_database import HASH, filled

if TYPE_CHECKING:
    from sessionpay.store.database import Database

LATER = "0x" + "cd" * 32


def test_days_are_those_of_the_books(database: Database) -> None:
    contract, kept = filled(database), Kept()

    def deposits() -> list[int]:
        with database.reading() as connection:
            found = kept.days(connection, contract)
            assert found == tuple(queries.daily_totals(connection, contract))
            assert found is kept.days(connection, contract)
        return [day.deposit for day in found]

    assert deposits() == [2**95]
    entry = Entry(6, 0, LATER, LATER, 0, 110, ev.DepositToSession(SessionId(7), BaseUnits(5)))
    with database.writing() as connection:
        books.advance(
            connection, contract, entries=[entry], blocks=[Block(6, LATER, HASH, 110)], final_number=5
        )
    assert deposits() == [2**95 + 5]
    with database.writing() as connection:
        books.take_back(connection, contract, to=5)
    assert deposits() == [2**95]
