"""One page of a list: where it begins, how many rows it has, and where the next one begins."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sessionpay.serving import cursors
from sessionpay.serving.cursors import Part
from sessionpay.serving.errors import LIMIT_MAX, BadLimit

Row = TypeVar("Row")


class Piece:
    """One page of a list that is known by a name: where it begins, and how many rows it has."""

    def __init__(self, listed: str, cursor: str | None, limit: int) -> None:
        if not 1 <= limit <= LIMIT_MAX:
            raise BadLimit(limit)
        self._listed = listed
        self._cursor = cursor
        self._limit = limit
        # One more than is shown tells whether anything follows.
        self.wanted = limit + 1

    def behind(self, *parts: Part) -> list[Any] | None:
        """Return the key that the page begins behind, None for the beginning; raises `BadCursor`."""
        return None if self._cursor is None else cursors.decode(self._cursor, self._listed, *parts)

    def cut(
        self, found: Sequence[Row], key: Callable[[Row], Sequence[int | str]]
    ) -> tuple[Sequence[Row], str | None]:
        """Return the rows of the page, and the cursor of the next one, None at the end of the list."""
        if len(found) <= self._limit:
            return found, None
        rows = found[: self._limit]
        return rows, cursors.encode(self._listed, key(rows[-1]))
