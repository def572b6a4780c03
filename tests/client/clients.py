"""Both clients, asked in the same words: what the one awaits is waited for here."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Self

from sessionpay.client import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

KINDS = ("waiting", "awaited")


class Awaited:
    """An `AsyncClient` in a loop of its own, as if it were a `Client`."""

    def __init__(self, client: AsyncClient, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._is_own = loop is None
        self._loop = loop or asyncio.new_event_loop()
        self._client = client

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the client
        """Return a method that waits."""
        method = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as above
            found = method(*arguments, **named)
            if not inspect.isawaitable(found):
                return self._each(found)
            answer = self._loop.run_until_complete(found)
            return Awaited(answer, self._loop) if isinstance(answer, AsyncClient) else answer

        return call

    def _each(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while True:
                yield self._loop.run_until_complete(anext(items))
        except StopAsyncIteration:
            return
        finally:
            self._loop.run_until_complete(items.aclose())  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        """Lend the client."""
        return self

    def __exit__(self, *_fault: object) -> None:
        """Close it, and its loop if no other one uses it."""
        self._loop.run_until_complete(self._client.close())
        if self._is_own:
            self._loop.close()


def client_of(kind: str, url: str, **named: Any) -> Client:  # noqa: ANN401 - those of the client
    """Return a client of `url` that can be asked as a `Client` can."""
    return Client(url, **named) if kind == "waiting" else Awaited(AsyncClient(url, **named))  # type: ignore[return-value]
