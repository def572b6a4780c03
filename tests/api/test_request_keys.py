"""`Idempotency-Key`: given a request that may come again, it should be done once and answered the same.

Given the same key and the same request
  it should get the same answer and reserve nothing more, also after a restart and after the end
Given the same key and another request, it should be refused
Given two of the same key at once, one of them should be told to come again
Given a key that is older than a day, it should be forgotten
Given a refusal, the key should stay free
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from sessionpay.api import Serving, application, serving
from sessionpay.core.money import BaseUnits
from sessionpay.services import reporters
from sessionpay.services.budget import KEY_SECONDS, Budgets, KeyInUse
from sessionpay.store import reservations
from sessionpay.store.database import Database
from sessionpay.store.request_keys import RequestKey
from sessionpay.store.settlement_tables import request_keys
from sessionpay.store.settlement_tables import reservations as table
from tests.api.conftest import BALANCE, EMPTY, FUNDED, caller
from tests.api.test_budgets import budget
from tests.api.test_usage import problem

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Site

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def keyed(
    client: httpx.Client, amount: int = 100, *, key: str = KEY, session: int = FUNDED, seconds: int = 60
) -> httpx.Response:
    body = {"session_id": str(session), "amount": str(amount), "seconds": seconds}
    return client.post("/v1/reservations", json=body, headers={"Idempotency-Key": key})


def made(site: Site) -> int:
    with site.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_the_same_again_is_answered_the_same(client: httpx.Client, site: Site, url: str) -> None:
    first = keyed(client)
    assert first.status_code == 201
    # Spaces are no other request.
    body = b'{"seconds": 60,   "amount": "100", "session_id": "7"}'
    again = client.post("/v1/reservations", content=body, headers={"Idempotency-Key": KEY})
    assert (again.status_code, again.content) == (201, first.content)
    client.post(f"/v1/reservations/{first.json()['id']}/release")
    assert keyed(client).content == first.content
    assert (made(site), budget(client)["reserved"]) == (1, 0)
    later = Database.open(url)
    app = application(Serving(later, site.serving.contract, lambda: int(time.time())))
    with serving(app, "127.0.0.1:0") as server, caller(server.url, site.key) as other:
        assert keyed(other).content == first.content
    later.close()
    assert keyed(client, key="another").json()["id"] != first.json()["id"]
    assert made(site) == 2


def test_a_key_is_of_one_request_and_one_reporter(client: httpx.Client, site: Site) -> None:
    first = keyed(client)
    for other in (keyed(client, 101), keyed(client, seconds=61), keyed(client, 100, session=EMPTY)):
        assert "its own" in problem(other, 422, "KeyOfAnother")
    key = reporters.enrol(site.database, "router-2", signer=None, at=1)
    with caller(str(client.base_url), key) as another_reporter:
        assert keyed(another_reporter).json()["id"] != first.json()["id"]
    assert made(site) == 2


def test_what_was_refused_may_be_tried_again(client: httpx.Client, site: Site) -> None:
    problem(keyed(client, BALANCE + 1), 409, "BudgetExceeded")
    assert keyed(client, BALANCE).status_code == 201
    assert made(site) == 1


def test_of_two_at_once_one_is_told_to_come_again(client: httpx.Client, site: Site) -> None:
    with ThreadPoolExecutor(2) as pool:
        with site.database.writing() as connection:
            # As long as this transaction lasts, nobody reserves from the session.
            reservations.lock(connection, FUNDED)
            both = [pool.submit(keyed, client) for _ in range(2)]
            [told], [waiting] = wait(both, timeout=5, return_when=FIRST_COMPLETED)
            assert "under way" in problem(told.result(), 409, "KeyInUse")
        first = waiting.result()
    assert first.status_code == 201
    assert keyed(client).content == first.content
    assert made(site) == 1


def test_two_processes_reserve_once(site: Site) -> None:
    """Of each process the other's requests are only known by the database."""
    clock = lambda: 1_000  # noqa: E731 - a clock that stands
    ours, theirs = (Budgets(site.database, site.serving.contract, clock=clock) for _ in range(2))
    key = RequestKey("router-1", KEY, "digest")
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(each.reserve, FUNDED, BaseUnits(100), seconds=60, key=key)
            for each in (ours, theirs) * 4
        ]
        answers = {each.result().id for each in asked if not isinstance(each.exception(), KeyInUse)}
    assert len(answers) == made(site) == 1


def test_a_key_is_forgotten_after_a_day(site: Site) -> None:
    moment = [10**9]
    budgets = Budgets(site.database, site.serving.contract, clock=lambda: moment[0])
    first = budgets.reserve(FUNDED, BaseUnits(1), seconds=1, key=RequestKey("router-1", KEY, "digest"))
    moment[0] += KEY_SECONDS
    assert (
        budgets.reserve(FUNDED, BaseUnits(1), seconds=1, key=RequestKey("router-1", KEY, "digest")) == first
    )
    moment[0] += 1
    again = budgets.reserve(FUNDED, BaseUnits(2), seconds=1, key=RequestKey("router-1", "other", "digest"))
    assert again.id != first.id
    with site.database.reading() as connection:
        [kept] = connection.execute(select(request_keys.c.key)).scalars()
    assert kept == "other"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_no_key_is_refused(client: httpx.Client, site: Site) -> None:
    for key in ("", "a b", "x" * 201):
        problem(keyed(client, key=key), 422, "BadRequest")
    assert made(site) == 0
