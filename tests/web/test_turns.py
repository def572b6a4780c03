"""How many pages are made at a time, and in which order.

Given more visitors at once than that
  each should get the page, and no more than two be made at the same moment
  who came first should be answered first, whether it is a page or a table that others wait for
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

import httpx

from sessionpay.api import serving
from sessionpay.web import pages
from sessionpay.web.application import PAGES_AT_ONCE_SQLITE

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from tests.web.conftest import Shown

VISITORS = 8
# Long enough that all visitors would be at it together, if they could.
SECONDS = 0.05


@dataclass
class Counted:
    """A clock that takes its time, and counts how many ask it at once."""

    now: int
    asking: int = 0
    most: int = 0
    lock: Lock = field(default_factory=Lock)

    def __call__(self) -> int:
        with self.lock:
            self.asking += 1
            self.most = max(self.most, self.asking)
        time.sleep(SECONDS)
        with self.lock:
            self.asking -= 1
        return self.now


def test_two_pages_are_made_at_a_time(shown: Shown) -> None:
    clock = Counted(shown.site.clock())
    site = replace(shown.site, clock=clock)
    with serving(pages(site), "127.0.0.1:0") as server, ThreadPoolExecutor(VISITORS) as visitors:
        answers = list(visitors.map(lambda _: httpx.get(server.url, trust_env=False), range(VISITORS)))
    assert [answer.status_code for answer in answers] == [200] * VISITORS
    assert clock.most == PAGES_AT_ONCE_SQLITE


def test_who_came_first_is_answered_first(shown: Shown) -> None:
    site = replace(shown.site, clock=Counted(shown.site.clock()))
    asked = [*["/"] * (VISITORS - 1), "/epochs.csv"]
    order = asyncio.run(answered(pages(site), asked))
    # Two are made beside each other, and either may be done first.
    assert all(abs(place - number) < PAGES_AT_ONCE_SQLITE for place, number in enumerate(order))


async def answered(app: Starlette, asked: list[str]) -> list[int]:
    """Ask for all of it in this order, without waiting, and return the order of the answers."""
    order: list[int] = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:

        async def ask(number: int, path: str) -> None:
            assert (await client.get(path)).status_code == 200
            order.append(number)

        await asyncio.gather(*(ask(number, path) for number, path in enumerate(asked)))
    return order
