"""Numbers in the database: exact, and in order.

Given any number from 0 to 2**256 - 1
  when it is stored in either database
    it should come back as it was, and sort as a number does
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, insert, select

from sessionpay.store.types import WholeNumber, from_text, to_text

if TYPE_CHECKING:
    from sessionpay.store.database import Database

numbers = st.one_of(
    st.integers(0, 2**256 - 1), st.integers(0, 1_000), st.sampled_from((0, 2**63, 2**96 - 1, 2**256 - 1))
)


@given(numbers)
def test_a_number_comes_back(number: int) -> None:
    assert from_text(to_text(number)) == number


@given(numbers, numbers)
def test_texts_sort_as_numbers(one: int, other: int) -> None:
    assert (to_text(one) < to_text(other)) == (one < other)


@pytest.mark.parametrize("number", [-1, 10**78])
def test_what_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not a number from 0"):
        to_text(number)


def test_both_databases_keep_and_sort(database: Database) -> None:
    kept = Table("kept", MetaData(), Column("number", WholeNumber, primary_key=True))
    known = [2**256 - 1, 0, 9, 10, 2**63, 2**64, 10**28, 99]
    with database.writing() as connection:
        kept.create(connection)
        connection.execute(insert(kept), [{"number": number} for number in known])
        found = connection.execute(select(kept.c.number).order_by(kept.c.number)).scalars().all()
    assert list(found) == sorted(known)
    assert {type(number) for number in found} == {int}
