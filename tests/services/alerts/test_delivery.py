"""Delivery: messages on their way to receivers that are slow, broken, busy, gone, or elsewhere by now.

Given a receiver that fails
  the same message should come again with the same id and body, ever later, and in the end no more
Given one that asks not to be called for a while
  nothing should be sent to it before that is over
Given one that says it is gone
  it should never be called again, and the log be told all the same
Given one that hangs
  other receivers should be reached, and looking should go on
Given any history, and a receiver that fails at random
  it should hear all that the log says, in its order
Given a clear behind a raise that is not delivered yet
  it should wait for the raise, while messages about something else do not
Given a name that stands for a private address by now, or a secret that is lost
  nothing should be sent, and the reason be kept
"""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from sessionpay.core.alerts import AlertKind, limits_of
from sessionpay.services.alerts.delivery import (
    AGE_SECONDS_MAX,
    ATTEMPTS_MAX,
    WAIT_SECONDS_FIRST,
    WAIT_SECONDS_MAX,
    wait_seconds,
)
from sessionpay.store import alerts, settling
from sessionpay.store.alert_tables import alert_messages
from sessionpay.store.alert_tables import alerts as alerts_table

from .receiver import running_receiver
from .test_herald import rows_of

if TYPE_CHECKING:
    from .conftest import Office
    from .receiver import Receiver

DAY = 86_400


def test_it_is_sent_again_as_it_was(office: Office, receiver: Receiver) -> None:
    receiver.status, receiver.answer = 500, b"stack trace of theirs"
    added, _ = office.add_low(receiver.url)
    office.raise_it()
    office.turn(after=WAIT_SECONDS_FIRST - 1)
    assert len(receiver.calls) == 1
    office.turn(after=1)
    assert len(receiver.calls) == 2
    office.turn(after=3 * WAIT_SECONDS_FIRST - 1)
    assert len(receiver.calls) == 2
    receiver.status = 200
    office.turn(after=1)
    office.turn(after=3_600)
    first, second, third = receiver.calls
    assert first.id == second.id == third.id
    assert first.body == second.body == third.body
    # Each try is signed anew, with the time at which it is made.
    assert first.headers["webhook-timestamp"] < third.headers["webhook-timestamp"]
    assert third.told(added.secret) == first.told(added.secret)
    [row] = rows_of(office.database)
    assert (row["attempts"], row["next_at"], row["fault"]) == (3, None, None)
    outcomes = [told["outcome"] for told in office.told("webhook")]
    assert outcomes == ["failed", "failed", "delivered"]
    assert "stack trace" not in str(office.heard)


def test_it_is_given_up(office: Office, receiver: Receiver) -> None:
    receiver.status = 503
    office.add_low(receiver.url)
    began = office.now
    office.raise_it()
    while rows_of(office.database)[0]["next_at"] is not None:
        office.turn(after=WAIT_SECONDS_MAX)
        assert len(receiver.calls) <= ATTEMPTS_MAX
        assert office.now - began <= AGE_SECONDS_MAX + WAIT_SECONDS_MAX + 60
    [row, *_] = rows_of(office.database)
    assert (row["fault"], row["delivered_at"]) == ("it answered 503", None)
    assert "given up" in {told["outcome"] for told in office.told("webhook")}


@given(st.integers(0, ATTEMPTS_MAX), st.integers(0, 10**6))
def test_waits_grow_up_to_a_bound(failures: int, drawn: int) -> None:
    most = wait_seconds(failures, draw=lambda _: 0)
    assert most == min(WAIT_SECONDS_MAX, WAIT_SECONDS_FIRST * 3**failures)
    wait = wait_seconds(failures, draw=lambda bound: drawn % bound)
    assert most // 2 <= wait <= most


def test_any_history_is_told_in_its_order(office: Office, receiver: Receiver) -> None:

    random = Random(7)
    limits = limits_of(AlertKind.AUDIT_DIFFERENCE, hold_seconds=200, remind_seconds=1_000)
    added = office.add(limits, url=receiver.url)
    for _ in range(80):
        receiver.status = random.choice((200, 500, 503))
        with office.database.writing() as connection:
            settling.halt(connection, random.choice((None, "they differ")))
        office.turn(after=random.choice((0, 60, 300, 900)))
    receiver.status = 200
    for _ in range(3):
        office.turn(after=WAIT_SECONDS_MAX)
    heard = list(dict.fromkeys(call.id for call in receiver.calls))
    assert heard == [line["webhook_id"] for line in office.told("alert")]
    assert len(heard) < len(receiver.calls)
    by_id = {call.id: call.told(added.secret)["data"] for call in receiver.calls}
    turns = [by_id[one] for one in heard if by_id[one]["state"] != "reminder"]
    assert len(turns) > 4
    for number, facts in enumerate(turns):
        assert (facts["state"], facts["episode"]) == (("raised", "cleared")[number % 2], number // 2 + 1)


def test_a_busy_receiver_is_left_alone(office: Office, receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "1000"}
    first, _ = office.add_low(receiver.url)
    office.raise_it()
    assert len(receiver.calls) == 1
    # Nor is it called for anything else that comes up.
    with office.database.writing() as connection:
        limits = limits_of(AlertKind.AUDIT_DIFFERENCE)
        alerts.add_rule(connection, first.id, limits, session_id=None)
        settling.halt(connection, "they differ")
    office.turn(after=999)
    assert len(receiver.calls) == 1
    assert len(rows_of(office.database)) == 2
    receiver.status, receiver.headers = 200, {}
    office.turn(after=1)
    assert len(receiver.calls) == 3
    assert len({call.id for call in receiver.calls}) == 2


def test_a_receiver_that_is_gone(office: Office, receiver: Receiver) -> None:
    receiver.status = 410
    added, session_id = office.add_low(receiver.url)
    office.raise_it()
    receiver.status = 200
    office.stage.contract.deposit_to_session(session_id, 5_000)
    office.turn()
    office.turn(after=DAY)
    assert len(receiver.calls) == 1
    with office.database.reading() as connection:
        found = alerts.find(connection, added.id)
    assert found is not None
    assert found.disabled_at is not None
    assert [line["state"] for line in office.told("alert")] == ["raised", "cleared"]
    assert [row["next_at"] for row in rows_of(office.database)] == [None, None]


def test_a_receiver_that_hangs_delays_nobody(office: Office, receiver: Receiver) -> None:
    receiver.act = receiver.hang
    office.add_low(receiver.url)
    with running_receiver() as other:
        office.add_low(other.url)
        office.herald.turn()
        office.now += 60
        began = time.monotonic()
        office.herald.turn()
        other.wait(1)
        receiver.wait(1)
        # Long before the one that hangs is given up, and no second courier is sent to it.
        office.now += 3_600
        office.herald.turn()
        office.herald.turn()
        assert time.monotonic() - began < 5
        assert len(receiver.calls) == 1
        receiver.ended.set()


def test_a_clear_waits_for_its_raise(office: Office, receiver: Receiver) -> None:
    receiver.status = 500
    added, session_id = office.add_low(receiver.url)
    office.raise_it()
    receiver.status = 500
    office.stage.contract.deposit_to_session(session_id, 5_000)
    office.turn()
    office.turn(after=60)
    assert set(receiver.states()) == {"raised"}
    with office.database.writing() as connection:
        limits = limits_of(AlertKind.AUDIT_DIFFERENCE)
        alerts.add_rule(connection, added.id, limits, session_id=None)
        settling.halt(connection, "they differ")
    receiver.calls.clear()
    receiver.status = 200
    office.turn()
    # The difference is told at once, though the raise before it is not due yet.
    assert [call.told(added.secret)["type"] for call in receiver.calls] == ["audit.difference"]
    office.turn(after=3_600)
    assert receiver.states() == ["raised", "raised", "cleared"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_name_is_looked_at_again(office: Office, receiver: Receiver) -> None:
    added, _ = office.add_low(receiver.url.replace("127.0.0.1", "localhost"))
    with office.database.writing() as connection:
        connection.execute(update(alerts_table).values(allow_private=0))
    office.raise_it()
    assert receiver.calls == []
    assert "private network" in rows_of(office.database)[0]["fault"]
    assert str(added.secret) not in str(rows_of(office.database))


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_lost_secret_is_said(office: Office, receiver: Receiver) -> None:
    added, _ = office.add_low(receiver.url)
    office.raise_it()
    path = office.home.alerts / f"{added.id}.secret"
    path.write_text("whsec_")
    office.turn(after=DAY)
    path.unlink()
    office.turn(after=60)
    assert len(receiver.calls) == 1
    first, reminder = rows_of(office.database)
    assert (first["attempts"], first["fault"]) == (1, None)
    assert reminder["attempts"] == 2
    assert "has no secret" in reminder["fault"]


def test_old_messages_are_forgotten(office: Office) -> None:
    office.add_low(None)
    office.raise_it()
    with office.database.reading() as connection:
        assert connection.execute(select(alert_messages.c.id)).all()
    office.now += 91 * DAY
    with office.database.writing() as connection:
        alerts.prune(connection, before=office.now - 90 * DAY)
        assert connection.execute(select(alert_messages.c.id)).all() == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_database_that_fails_is_told_once(office: Office) -> None:
    office.add_low(None)
    with office.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE alert_states RENAME TO elsewhere")
    office.herald.turn()
    office.herald.turn()
    [told] = office.told("alerts")
    assert "alert_states" in told["fault"]
    with office.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO alert_states")
    office.raise_it()
    assert [line["state"] for line in office.told("alert")] == ["raised"]
