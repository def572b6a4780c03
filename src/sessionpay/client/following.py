"""Movements as they become final, over a connection that may break: what came last, and what follows."""

import json

import httpx

from sessionpay.client.answers import Movement
from sessionpay.client.decoding import decode
from sessionpay.client.errors import BadAnswer
from sessionpay.core.ids import Address, SessionId

STREAM = "/v1/events/stream"
# Something comes every fifteen seconds, if only a sign of life.
QUIET_SECONDS_MAX = 60.0
RECONNECT_SECONDS = 1.0


class Following:
    """One stream of movements across its connections, so that each movement comes once."""

    path = STREAM

    def __init__(self, session_id: SessionId | int | None, node: Address | None, after: str | None) -> None:
        """Begin behind the place `after`, or at the present."""
        self.query: dict[str, str] = {}
        if session_id is not None:
            self.query["session"] = str(session_id)
        if node is not None:
            self.query["node"] = node
        self._place = after
        self._coming: str | None = None
        self._text: list[str] = []

    def headers(self) -> dict[str, str]:
        """Return where the next connection goes on."""
        self._coming, self._text = None, []
        return {} if self._place is None else {"Last-Event-ID": self._place}

    def heard(self, line: str) -> Movement | None:
        """Take the next line, and return the movement that it completes; raises `BadAnswer`."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self._coming = value
            elif name == "data":
                self._text.append(value)
            return None
        text, self._text = "\n".join(self._text), []
        found = _movement(text) if text else None
        # Only what came whole counts as having come.
        self._place = self._coming or self._place
        return found

    @staticmethod
    def timeout(seconds: float) -> httpx.Timeout:
        """Return how long to wait: for a connection `seconds`, for a sign of life longer."""
        return httpx.Timeout(seconds, read=max(seconds, QUIET_SECONDS_MAX))


def _movement(text: str) -> Movement:
    try:
        return decode(Movement, json.loads(text))
    except (ValueError, TypeError, LookupError) as fault:
        raise BadAnswer(STREAM, rule="a movement of another form", found=fault) from None
