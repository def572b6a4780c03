"""Turns: only so many answers are worked out at a time, and who came first is answered first.

To work one out is mostly to compute, and threads that do it at once only wait for each other.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Piece = TypeVar("Piece", str, bytes)

# Others wait while a piece is made, and to wait for a turn takes time, too.
PIECE_BYTES = 65_536

READS = frozenset({"GET", "HEAD"})


class InTurn:
    """Lets reads below a path have their turn, which ends when the answer begins: none waits for the slow."""

    def __init__(self, app: ASGIApp, *, below: str, turns: CapacityLimiter) -> None:
        """Stand before `app`."""
        self._app = app
        self._below = below
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, as soon as it is the request's turn."""
        is_read = scope["type"] == "http" and scope["method"] in READS
        if not is_read or not scope["path"].startswith(self._below):
            await self._app(scope, receive, send)
            return
        turn: object | None = object()
        await self._turns.acquire_on_behalf_of(turn)

        def end() -> None:
            nonlocal turn
            if turn is not None:
                self._turns.release_on_behalf_of(turn)
                turn = None

        async def sent(message: Message) -> None:
            end()
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            end()


async def each_in_turn(turns: CapacityLimiter, pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """Yield pieces, each made in a thread as soon as it is its turn, so that nobody waits for all of them."""
    while (piece := await to_thread.run_sync(next, pieces, None, limiter=turns)) is not None:
        yield piece


def gathered(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same in pieces that are worth a turn, and the last as it is."""
    some: list[bytes] = []
    length = 0
    for text in texts:
        some.append(text)
        length += len(text)
        if length >= PIECE_BYTES:
            yield b"".join(some)
            some, length = [], 0
    if some:
        yield b"".join(some)
