"""Outbox: what is planned and signed is kept as it is.

Given batches of each purpose
  when they are planned, it should give them back in order, and know the same plan again
  when something else is planned for the same part of an epoch, or a batch has too many rows
    it should refuse and change nothing
Given attempts of a batch
  when they are sent, mined, taken back, lost or final
    batch and attempts should be in the states that follow, and only open ones should be unsettled
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError

from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.store import books
from sessionpay.store import outbox as store
from sessionpay.store.errors import OutboxDiffers, TooManyRows
from sessionpay.store.outbox import Attempt, Batch, Landing, Purpose, Rows, State

if TYPE_CHECKING:
    from sessionpay.store.database import Database

EPOCH = 3
NODE = Address("0x" + "0a" * 20)
KEY = Address("0x" + "0b" * 20)
CHARGES = (Charge(SessionId(2**160 - 1), BaseUnits(2**96 - 1)), Charge(SessionId(0), BaseUnits(1)))
PLANS: dict[Purpose, list[Rows]] = {
    Purpose.CHARGE: [CHARGES, CHARGES[:1]],
    Purpose.MARK: [(NODE, KEY)],
    Purpose.ALLOCATE: [(Allocation(NODE, BaseUnits(2**95)),)],
    Purpose.PAYOUT: [(NODE,), (KEY,)],
}
LANDING = Landing(9, "0x" + "9" * 64, "0x" + "1" * 64, 21_000)


@pytest.fixture
def planned(database: Database) -> Database:
    """An outbox with batches of every purpose."""
    books.prepare(database)
    with database.writing() as connection:
        for purpose, rows in PLANS.items():
            store.plan(connection, EPOCH, purpose, rows)
    return database


def read(database: Database, purpose: Purpose = Purpose.CHARGE) -> tuple[Batch, ...]:
    with database.reading() as connection:
        return store.batches(connection, EPOCH, purpose)


def attempt(batch: Batch, number: int = 0) -> Attempt:
    return Attempt(
        outbox_id=batch.id,
        number=number,
        sender=KEY,
        nonce=5,
        sequence=2,
        max_fee=2**80,
        priority_fee=0,
        gas=30_000_000,
        final_number=-2,
        raw="0x02",
        transaction_hash="0x" + f"{number + 1}" * 64,
        state=State.PREPARED,
        created_at=1_800_000_000,
    )


def states(database: Database) -> list[object]:
    batch = read(database)[0]
    return [batch.state, *(one.state for one in batch.attempts)]


@pytest.mark.parametrize("purpose", Purpose)
def test_a_plan_is_kept_in_order(planned: Database, purpose: Purpose) -> None:
    kept = read(planned, purpose)
    assert [batch.rows for batch in kept] == PLANS[purpose]
    assert [batch.position for batch in kept] == list(range(len(kept)))
    assert {batch.state for batch in kept} == {State.PLANNED}


def test_the_same_plan_changes_nothing(planned: Database) -> None:
    before = read(planned)
    with planned.writing() as connection:
        store.plan(connection, EPOCH, Purpose.CHARGE, PLANS[Purpose.CHARGE])
        store.plan(connection, EPOCH + 1, Purpose.CHARGE, [])
    assert read(planned) == before


def test_another_plan_is_refused(planned: Database) -> None:
    before = read(planned)
    with (
        planned.writing() as connection,
        pytest.raises(OutboxDiffers, match="epoch 3 has other transactions"),
    ):
        store.plan(connection, EPOCH, Purpose.CHARGE, [CHARGES])
    assert read(planned) == before


@pytest.mark.parametrize(
    ("purpose", "count", "rows_max"),
    [
        (Purpose.CHARGE, 513, 512),
        (Purpose.MARK, 513, 512),
        (Purpose.ALLOCATE, 513, 512),
        (Purpose.PAYOUT, 2, 1),
        (Purpose.CHARGE, 0, 512),
    ],
)
def test_a_batch_has_its_size(planned: Database, purpose: Purpose, count: int, rows_max: int) -> None:
    rows = PLANS[purpose][0][:1] * count
    with planned.writing() as connection:
        with pytest.raises(TooManyRows, match=f"has {count} rows: cut them into batches of 1 to {rows_max}"):
            store.plan(connection, EPOCH + 1, purpose, [rows])
        store.plan(connection, EPOCH + 1, purpose, [PLANS[purpose][0][:1] * rows_max])


def test_an_attempt_is_kept_as_it_is(planned: Database) -> None:
    made = attempt(read(planned)[0])
    with planned.writing() as connection:
        store.add_attempt(connection, made)
    batch = read(planned)[0]
    assert (batch.state, batch.sequence, batch.attempts) == (State.PREPARED, 2, (made,))
    with planned.reading() as connection:
        assert store.unsettled(connection) == (made,)
    with pytest.raises(IntegrityError), planned.writing() as connection:
        store.add_attempt(connection, replace(made, raw="0x03", transaction_hash="0x"))


def test_states_follow_the_chain(planned: Database) -> None:
    with planned.writing() as connection:
        store.add_attempt(connection, attempt(read(planned)[0]))
    with planned.writing() as connection:
        store.set_attempt(connection, read(planned)[0].attempts[0], State.UNKNOWN)
        store.add_attempt(connection, attempt(read(planned)[0], 1))
    with planned.writing() as connection:
        store.set_attempt(connection, attempt(read(planned)[0], 1), State.SENT)
    assert states(planned) == [State.SENT, State.UNKNOWN, State.SENT]
    with planned.writing() as connection:
        store.set_mined(connection, read(planned)[0], LANDING)
    assert states(planned) == [State.MINED, State.MINED, State.SENT]
    assert read(planned)[0].landing == LANDING
    with planned.writing() as connection:
        store.take_back(connection, read(planned)[0])
    assert states(planned) == [State.SENT, State.SENT, State.SENT]
    assert read(planned)[0].landing is None
    with planned.writing() as connection:
        store.set_final(connection, read(planned)[0], LANDING, CHARGES)
    assert states(planned) == [State.FINAL, State.FINAL, State.REPLACED]
    assert read(planned)[0].applied == CHARGES
    with planned.reading() as connection:
        assert store.unsettled(connection) == ()


def test_a_batch_is_planned_anew_without_its_attempts(planned: Database) -> None:
    with planned.writing() as connection:
        store.add_attempt(connection, attempt(read(planned)[0]))
    with planned.writing() as connection:
        store.plan_anew(connection, read(planned)[0], "its nonce is used")
    batch = read(planned)[0]
    assert (batch.sequence, batch.reason) == (None, "its nonce is used")
    assert states(planned) == [State.PLANNED, State.REPLACED]
    with planned.reading() as connection:
        assert store.unsettled(connection) == ()


def test_a_payout_says_what_was_paid(planned: Database) -> None:
    paid = (Allocation(NODE, BaseUnits(7)),)
    with planned.writing() as connection:
        first, second = store.batches(connection, EPOCH, Purpose.PAYOUT)
        store.set_final(connection, first, LANDING, paid)
        store.set_failed(connection, second, "payee refuses")
    first, second = read(planned, Purpose.PAYOUT)
    assert (first.applied, second.state, second.reason) == (paid, State.FAILED, "payee refuses")
