"""Budgets: given what a session has, used, owes and promised, it should be told what is left.

Given many callers at once
  exactly as many reservations should win as the budget has room for
Given a reservation
  it should count until it expires or ends, and end in one way only
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, text, update

from sessionpay.core.ids import SessionId
from sessionpay.core.money import MICRO, BaseUnits
from sessionpay.services.budget import RESERVATION_SECONDS_MAX, BadReservation, BudgetExceeded, Budgets
from sessionpay.store import evidence, reservations
from sessionpay.store.database import WRITER_LOCK
from sessionpay.store.outbox import Purpose, State
from sessionpay.store.settlement_tables import charges, debts, epochs, outbox
from sessionpay.store.tables import movements
from tests.api.conftest import BALANCE, EMPTY, FUNDED, UNKNOWN, caller, rows
from tests.api.test_usage import post, problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Site

CALLERS, ROOM = 50, 10
DEBT = 30


def budget(client: httpx.Client, session: int = FUNDED) -> dict[str, Any]:
    answer = client.get(f"/v1/sessions/{session}/budget")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told.pop("asset")["decimals"] == 18
    return {name: int(value) for name, value in told.items()}


def reserve(client: httpx.Client, amount: int, *, session: int = FUNDED, seconds: int = 60) -> httpx.Response:
    body = {"session_id": str(session), "amount": str(amount), "seconds": seconds}
    return client.post("/v1/reservations", json=body)


def test_everything_lowers_what_is_left(client: httpx.Client, site: Site) -> None:
    nothing = {"unsettled": 0, "arrears": 0, "reserved": 0, "withdrawal_requested_at": 0}
    whole = {"session_id": FUNDED, "balance": BALANCE, "available": BALANCE, **nothing}
    assert budget(client) == whole
    assert budget(client, EMPTY) == {"session_id": EMPTY, "balance": 0, "available": 0, **nothing}
    problem(client.get(f"/v1/sessions/{UNKNOWN}/budget"), 404, "NoSession")
    problem(client.get(f"/v1/sessions/{2**160}/budget"), 422, "BadSessionId")
    problem(client.get("/v1/sessions/seven/budget"), 422, "BadRequest")
    post(client, *rows(2), *rows(1, start=5, session_id=str(EMPTY)), *rows(1, start=9, outcome="failed"))
    assert budget(client) == {**whole, "unsettled": 10, "available": BALANCE - 10}
    with site.database.writing() as connection:
        owing = {"session_id": FUNDED, "owed_micro": (100 + DEBT) * MICRO + 1, "collected": 100}
        connection.execute(insert(debts).values(owing))
    # The millionth of a unit that is owed beside whole units makes one more of them.
    owing = {"unsettled": 11, "arrears": DEBT}
    assert budget(client) == {**whole, **owing, "available": BALANCE - DEBT - 11}
    assert reserve(client, 500).status_code == 201
    assert budget(client) == {**whole, **owing, "reserved": 500, "available": 500 - DEBT - 11}
    with site.database.writing() as connection:
        connection.execute(text("UPDATE sessions SET withdrawal_requested_at = 5"))
    asked = {**whole, **owing, "reserved": 500, "available": 0, "withdrawal_requested_at": 5}
    assert budget(client) == asked
    assert "asked to withdraw" in problem(reserve(client, 1), 409, "BudgetExceeded")


def test_a_balance_is_final_or_less(client: httpx.Client, site: Site) -> None:
    """Money of a block that can be taken back is not there yet; what left in one is gone."""
    with site.database.writing() as connection:
        found = evidence.checkpoint(connection, site.serving.contract)
        for block, balance in ((1, BALANCE + 500), (2, 40), (3, 2_000)):
            row = {
                "contract_id": site.serving.contract.id, "block_number": found.final_number + block,
                "log_index": 0, "row": 0, "kind": "deposit", "session_id": FUNDED, "amount": 1,
                "balance_after": balance, "network_after": 0,
            }  # fmt: skip
            connection.execute(insert(movements).values(row))
            connection.execute(text("UPDATE sessions SET balance = balance"))
            told = reservations.spending(connection, site.serving.contract, FUNDED, now=0)
            assert told.balance == (BALANCE if block == 1 else 40)
    assert budget(client)["balance"] == 40
    with site.database.writing() as connection:
        final = replace(found, final_number=found.final_number + 3)
        evidence.set_checkpoint(connection, site.serving.contract, final)
    assert budget(client)["balance"] == 2_000


def test_what_a_charge_took_is_paid_once_the_books_know_it(client: httpx.Client, site: Site) -> None:
    post(client, *rows(2))
    with site.database.writing() as connection:
        final = evidence.checkpoint(connection, site.serving.contract).final_number
        connection.execute(update(epochs).values(state="charged"))
        charge = {"epoch": 1, "session_id": FUNDED, "asked": 10, "collected": 8}
        connection.execute(insert(charges).values(charge))
        sent = {"epoch": 1, "purpose": Purpose.CHARGE, "position": 0, "rows": "[]", "state": State.FINAL}
        connection.execute(insert(outbox).values({**sent, "block_number": final + 1}))
    assert budget(client)["unsettled"] == 10
    with site.database.writing() as connection:
        connection.execute(update(outbox).values(block_number=final))
    assert budget(client)["unsettled"] == 2
    with site.database.writing() as connection:
        connection.execute(update(epochs).values(state="settled"))
    assert budget(client)["unsettled"] == 10


def test_as_many_win_as_there_is_room_for(client: httpx.Client, site: Site) -> None:
    barrier = Barrier(CALLERS)

    def ask(_: int) -> int:
        with caller(str(client.base_url), site.key) as own:
            barrier.wait()
            return reserve(own, BALANCE // ROOM).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = list(pool.map(ask, range(CALLERS)))
    assert (statuses.count(201), statuses.count(409)) == (ROOM, CALLERS - ROOM)
    assert budget(client)["available"] == 0


def test_a_reservation_ends_once(client: httpx.Client, site: Site) -> None:
    first, second = (reserve(client, 100).json() for _ in range(2))
    assert (first["session_id"], first["amount"], first["state"]) == (str(FUNDED), "100", "open")
    assert first["expires_at"] - first["created_at"] == 60
    for _ in range(2):
        settled = client.post(f"/v1/reservations/{first['id']}/settle")
        assert (settled.status_code, settled.json()) == (200, {**first, "state": "settled"})
        assert client.post(f"/v1/reservations/{second['id']}/release").json()["state"] == "released"
    problem(client.post(f"/v1/reservations/{first['id']}/release"), 409, "ReservationEnded")
    problem(client.post(f"/v1/reservations/{second['id']}/settle"), 409, "ReservationEnded")
    unknown = "00000000-0000-0000-0000-000000000000"
    problem(client.post(f"/v1/reservations/{unknown}/settle"), 404, "NoReservation")
    assert budget(client)["reserved"] == 0
    third, barrier = reserve(client, 100).json(), Barrier(2)

    def end(how: str) -> int:
        with caller(str(client.base_url), site.key) as own:
            barrier.wait()
            return own.post(f"/v1/reservations/{third['id']}/{how}").status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(end, ("settle", "release"))) == [200, 409]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_reservation_expires(site: Site) -> None:
    moment = [1_000]
    budgets = Budgets(site.database, site.serving.contract, clock=lambda: moment[0])
    made = budgets.reserve(FUNDED, BaseUnits(BALANCE), seconds=60)
    moment[0] += 59
    assert budgets.budget(FUNDED).available == 0
    with pytest.raises(BudgetExceeded, match="0 base units available, 1 were to be reserved"):
        budgets.reserve(FUNDED, BaseUnits(1), seconds=1)
    moment[0] += 1
    assert budgets.budget(FUNDED).available == BALANCE
    # Work that took longer than it was reserved for was done all the same.
    assert budgets.settle(made.id).state == "settled"
    for amount, seconds in ((0, 1), (2**96, 1), (1, 0), (1, RESERVATION_SECONDS_MAX + 1)):
        with pytest.raises(BadReservation):
            budgets.reserve(FUNDED, BaseUnits(amount), seconds=seconds)


BAD = {
    b'{"session_id": 7, "amount": "1", "seconds": 1}': "session_id is not a text",
    b'{"session_id": "7", "amount": 1, "seconds": 1}': "amount is not a text",
    b'{"session_id": "7", "amount": "1", "seconds": 1.5}': "seconds is not a whole number",
    b'{"session_id": "7", "amount": "1", "seconds": true}': "seconds is not a whole number",
    b'{"session_id": "7", "amount": "79228162514264337593543950336", "seconds": 1}': "is not below",
    b'{"session_id": "-7", "amount": "1", "seconds": 1}': "session_id is not a text",
    b'{"session_id": "7", "amount": "1"}': "it lacks seconds",
}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_reservations_of_another_form(client: httpx.Client) -> None:
    for body, rule in BAD.items():
        assert rule in problem(client.post("/v1/reservations", content=body), 422, "BadBody")
    problem(reserve(client, 0), 422, "BadReservation")
    problem(reserve(client, 1, seconds=RESERVATION_SECONDS_MAX + 1), 422, "BadReservation")
    problem(reserve(client, 1, session=UNKNOWN), 404, "NoSession")
    problem(client.post("/v1/reservations/x/settle"), 422, "BadRequest")
    problem(client.get("/nowhere"), 404, "NotFound")
    problem(client.get("/v1/usage"), 405, "MethodNotAllowed")


def test_no_session_waits_for_whoever_writes_the_books(site: Site) -> None:
    """A session whose number is that of the writer's lock is a session like others."""
    with site.database.sole_writer(), site.database.writing() as connection:
        if not site.database.is_sqlite:
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        reservations.lock(connection, SessionId(WRITER_LOCK))
