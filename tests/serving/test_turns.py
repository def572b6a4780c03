"""Answers that are worked out in turn.

Given more who read than may at once
  no more than that should be at work, and who came first be first
  when an answer is being sent, to somebody slow, the next should be at work
  when one fails, its turn should be over
Given somebody who writes, or reads elsewhere
  it should wait for nobody
Given pieces of an answer that take long to make
  each should wait for its turn, and none be lost
Given texts of any length that are one answer
  they should be sent in pieces that are worth a turn
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from anyio import CapacityLimiter
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.serving.turns import PIECE_BYTES, InTurn, each_in_turn, gathered

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

READER = {"type": "http", "method": "GET", "path": "/v1/network"}
START, BODY = "http.response.start", "http.response.body"


class Failed(Exception):
    pass


@dataclass
class Work:
    """An application that works for `steps` rounds of the loop, and then fails or answers."""

    at_work: int = 0
    most: int = 0
    began: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.began.append(scope["number"])
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        for _ in range(scope["steps"]):
            await asyncio.sleep(0)
        self.at_work -= 1
        if scope["fails"]:
            raise Failed
        for kind in (START, BODY):
            await send({"type": kind})


def asked(number: int = 0, *, steps: int = 1, fails: bool = False) -> Scope:
    return {**READER, "number": number, "steps": steps, "fails": fails}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 5)), min_size=1, max_size=20),
)
def test_who_came_first_is_first(at_once: int, readers: list[tuple[int, bool, int]]) -> None:
    work = Work()

    async def read(app: InTurn, number: int) -> bool:
        steps, fails, slow = readers[number]
        told: list[str] = []

        async def send(message: Message) -> None:
            for _ in range(slow):
                await asyncio.sleep(0)
            told.append(message["type"])

        try:
            await app(asked(number, steps=steps, fails=fails), nothing, send)
        except Failed:
            return not told
        return told == [START, BODY]

    async def all_of_them() -> list[bool]:
        turns = CapacityLimiter(at_once)
        app = InTurn(work, below="/v1/", turns=turns)
        found = await asyncio.gather(*(read(app, number) for number in range(len(readers))))
        assert turns.borrowed_tokens == 0
        return found

    assert all(asyncio.run(all_of_them()))
    assert work.began == sorted(work.began)
    assert len(work.began) == len(readers)
    assert work.most <= at_once


def test_nobody_waits_for_somebody_slow() -> None:
    async def both() -> None:
        app, is_read = InTurn(Work(), below="/v1/", turns=CapacityLimiter(1)), asyncio.Event()

        async def slowly(_message: Message) -> None:
            await is_read.wait()

        async def at_once(_message: Message) -> None:
            is_read.set()

        await asyncio.gather(app(asked(1), nothing, slowly), app(asked(2), nothing, at_once))

    asyncio.run(asyncio.wait_for(both(), 10))


@pytest.mark.parametrize("others", [{"method": "POST"}, {"path": "/healthz"}, {"type": "websocket"}])
def test_others_wait_for_nobody(others: dict[str, str]) -> None:
    async def beside() -> None:
        turns, sent = CapacityLimiter(1), []

        async def send(message: Message) -> None:
            sent.append(message)

        async with turns:
            await InTurn(Work(), below="/v1/", turns=turns)({**asked(), **others}, nothing, send)
        assert len(sent) == 2

    asyncio.run(asyncio.wait_for(beside(), 10))


def test_pieces_are_made_in_turn() -> None:
    async def made() -> list[list[bytes]]:
        turns = CapacityLimiter(1)
        order: list[bytes] = []

        async def take(letter: bytes) -> list[bytes]:
            found = []
            async for piece in each_in_turn(turns, iter([letter] * 3)):
                order.append(piece)
                found.append(piece)
            return found

        found = await asyncio.gather(take(b"a"), take(b"b"))
        assert order == [b"a", b"b"] * 3
        return list(found)

    assert asyncio.run(made()) == [[b"a"] * 3, [b"b"] * 3]


@given(st.lists(st.integers(0, 2 * PIECE_BYTES), max_size=8))
def test_an_answer_is_sent_in_pieces_worth_sending(lengths: list[int]) -> None:
    texts = [bytes([number]) * length for number, length in enumerate(lengths)]
    *others, last = pieces = list(gathered(texts)) or [b""]
    assert b"".join(pieces) == b"".join(texts)
    assert all(len(piece) >= PIECE_BYTES for piece in others)
    # None is much longer than the text that filled it.
    assert all(len(piece) < PIECE_BYTES + max([1, *lengths]) for piece in (*others, last))
