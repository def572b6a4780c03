"""Lists of the books as tables: one page of them for people, all of them as CSV."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from sessionpay.core.money import Asset
from sessionpay.serving import Page
from sessionpay.web.tables import PAGE_ROWS, Column, Row, Table

Shown = TypeVar("Shown")

# What a browser waits for before the first lines of a CSV; to read more at once gains next to nothing.
ROWS_AT_ONCE = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Shown]):
    """A list: `fetch` gives a piece of it by cursor and number of rows, `row` what of each is shown."""

    name: str
    title: str
    columns: tuple[Column, ...]
    fetch: Callable[[str | None, int], Page[Shown]]
    row: Callable[[Shown], Row]
    asset: Asset
    csv: str
    empty: str = "Nothing yet."

    @property
    def cursor(self) -> str:
        """What the cursor is called in the page's address."""
        return f"{self.name}_after"

    def page(self, request: Request) -> Table:
        """Return the piece that the address asks for; raises `BadCursor`."""
        return self.shown(request, self.fetch(request.query_params.get(self.cursor), PAGE_ROWS))

    def shown(self, request: Request, found: Page[Shown]) -> Table:
        """Return a piece that was fetched already, as the address asks for it."""
        older = None
        if found.next is not None:
            asked = dict(request.query_params) | {self.cursor: found.next}
            older = f"{request.url.path}?{urlencode(asked)}#{self.name}"
        return self._table([self.row(each) for each in found.rows], older=older)

    def whole(self) -> Table:
        """Return all of it, fetched as it is taken."""
        return self._table(map(self.row, self._every()))

    def _every(self) -> Iterator[Shown]:
        cursor: str | None = None
        while True:
            found = self.fetch(cursor, ROWS_AT_ONCE)
            yield from found.rows
            if found.next is None:
                return
            cursor = found.next

    def _table(self, rows: Iterable[Row], *, older: str | None = None) -> Table:
        return Table(
            name=self.name,
            title=self.title,
            columns=self.columns,
            rows=rows,
            asset=self.asset,
            csv=self.csv,
            older=older,
            empty=self.empty,
        )
