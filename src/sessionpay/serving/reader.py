"""The books as people ask for them: each answer from one state of the database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, SessionId, is_address
from sessionpay.core.money import NOTHING, BaseUnits
from sessionpay.services.budget import NoSession, budget_of
from sessionpay.serving import cursors, telling
from sessionpay.serving.cursors import Part, is_place, is_session
from sessionpay.serving.views import (
    EpochView,
    EventView,
    MovementView,
    NetworkView,
    NodeView,
    Page,
    SessionAccount,
    SessionCharge,
    SessionView,
    Standing,
)
from sessionpay.store import epochs, evidence, pages, queries
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.store.pages import LogSpot, Spot
from sessionpay.store.queries import DayTotal

# As many rows as a person looks through, and some more for programs.
LIMIT, LIMIT_MAX = 50, 500

Row = TypeVar("Row")


class BadLimit(InputError):
    """A number of rows that no page has."""

    def __init__(self, limit: int) -> None:
        """Keep the number."""
        self.limit = limit
        super().__init__(f"{limit} rows a page: ask for 1 to {LIMIT_MAX}")


class NoNode(InputError):
    """No event ever named this node."""

    def __init__(self, node: Address) -> None:
        """Keep the node's address."""
        self.node = node
        super().__init__(f"node {node} is not in the books, as far as they are read")


class NoSuchEpoch(InputError):
    """There is no epoch of this number."""

    def __init__(self, number: int) -> None:
        """Keep the number."""
        self.number = number
        super().__init__(f"there is no epoch {number}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the books of one contract; `clock` gives unix seconds.

    `surplus` is what the contract was last seen to hold beyond what it owes, in base units, None where nobody
    looked. A list is read in pages: `cursor` is where one begins, as the page before it said, and `limit` how
    many rows it has, 1 to `LIMIT_MAX`. Those methods raise `BadCursor` and `BadLimit`.
    """

    database: Database
    contract: Contract
    clock: Callable[[], int]
    surplus: Callable[[], int | None] = lambda: None

    def standing(self) -> Standing:
        """Return how far the books are read."""
        with self._reading() as (_, standing):
            return standing

    # Sessions

    def sessions(
        self, *, owner: Address | None = None, cursor: str | None = None, limit: int = LIMIT
    ) -> Page[SessionView]:
        """Return sessions, or those of one owner, by id."""
        piece = _Piece(f"sessions of {owner}" if owner else "sessions", cursor, limit)
        after = piece.behind(is_session)
        with self._reading() as (connection, standing):
            found = pages.sessions(
                connection,
                self.contract,
                owner=owner,
                after=SessionId(after[0]) if after else None,
                limit=piece.wanted,
            )
        rows, following = piece.cut(found, lambda row: row[:1])
        return Page(tuple(telling.session(self.contract, *row) for row in rows), following, standing)

    def session(self, session_id: SessionId) -> SessionAccount:
        """Return one session with its budget; raises `NoSession`."""
        now = self.clock()
        with self._reading() as (connection, _):
            found = queries.session(connection, self.contract, session_id)
            if found is None:
                raise NoSession(session_id)
            since = found.registered_at
            return SessionAccount(
                telling.session(self.contract, session_id, found),
                budget_of(connection, self.contract, session_id, now=now),
                telling.burn(connection, self.contract, session_id, since=since, now=now),
            )

    def session_charges(
        self, session_id: SessionId, *, cursor: str | None = None, limit: int = LIMIT
    ) -> Page[SessionCharge]:
        """Return what each epoch asked of a session and got, the newest first."""
        piece = _Piece(f"charges of {session_id}", cursor, limit)
        before = piece.behind(is_place)
        with self._reading() as (connection, standing):
            found = (
                pages.charges_of_session(
                    connection, session_id, before=before[0] if before else None, limit=piece.wanted
                )
                if self._settles(connection)
                else []
            )
        rows, following = piece.cut(found, lambda row: (row.epoch,))
        return Page(tuple(telling.charge(row) for row in rows), following, standing)

    # Nodes

    def nodes(self, *, cursor: str | None = None, limit: int = LIMIT) -> Page[NodeView]:
        """Return nodes by address."""
        piece = _Piece("nodes", cursor, limit)
        after = piece.behind(is_address)
        with self._reading() as (connection, standing):
            found = pages.nodes(
                connection, self.contract, after=after[0] if after else None, limit=piece.wanted
            )
            rows, following = piece.cut(found, lambda row: row[:1])
            held = self._held(connection, [row[0] for row in rows])
        shown = (telling.node(*row, held=held.get(row[0], NOTHING)) for row in rows)
        return Page(tuple(shown), following, standing)

    def node(self, node: Address) -> NodeView:
        """Return one node; raises `NoNode`."""
        with self._reading() as (connection, _):
            found = queries.node(connection, self.contract, node)
            if found is None:
                raise NoNode(node)
            held = self._held(connection, [node])
        return telling.node(node, found, held=held.get(node, NOTHING))

    def _held(self, connection: Connection, accounts: Sequence[Address]) -> dict[Address, BaseUnits]:
        return pages.held(connection, accounts) if self._settles(connection) else {}

    # The network

    def network(self) -> NetworkView:
        """Return where all the money is."""
        with self._reading() as (connection, standing):
            return telling.network(connection, self.contract, standing, surplus=self.surplus())

    def days(self) -> tuple[DayTotal, ...]:
        """Return what moved on each day, in UTC, that had an event of money; the first one first."""
        with self._reading() as (connection, _):
            return tuple(queries.daily_totals(connection, self.contract))

    def movements(
        self,
        *,
        of: SessionId | Address | None = None,
        cursor: str | None = None,
        limit: int = LIMIT,
        newest_first: bool = True,
    ) -> Page[MovementView]:
        """Return the movements of a session, a node, or of all accounts together."""
        piece = _Piece(f"movements of {of}{_upwards(newest_first)}", cursor, limit)
        spot = piece.behind(is_place, is_place, is_place)
        with self._reading() as (connection, standing):
            found = pages.movements(
                connection,
                self.contract,
                of=of,
                behind=Spot(*spot) if spot else None,
                newest_first=newest_first,
                limit=piece.wanted,
            )
        rows, following = piece.cut(found, lambda row: row.spot)
        return Page(tuple(telling.movement(row, standing) for row in rows), following, standing)

    def events(
        self, *, cursor: str | None = None, limit: int = LIMIT, newest_first: bool = True
    ) -> Page[EventView]:
        """Return what the contract said."""
        piece = _Piece(f"events{_upwards(newest_first)}", cursor, limit)
        spot = piece.behind(is_place, is_place)
        with self._reading() as (connection, standing):
            found = pages.events(
                connection,
                self.contract,
                behind=LogSpot(*spot) if spot else None,
                newest_first=newest_first,
                limit=piece.wanted,
            )
        rows, following = piece.cut(found, lambda row: (row.block_number, row.log_index))
        return Page(tuple(telling.event(row, standing) for row in rows), following, standing)

    # Epochs

    def epochs(self, *, cursor: str | None = None, limit: int = LIMIT) -> Page[EpochView]:
        """Return epochs, the newest first; none where another contract is settled here."""
        piece = _Piece("epochs", cursor, limit)
        before = piece.behind(is_place)
        with self._reading() as (connection, standing):
            found = (
                pages.epochs_before(connection, before=before[0] if before else None, limit=piece.wanted)
                if self._settles(connection)
                else []
            )
            rows, following = piece.cut(found, lambda row: (row.number,))
            sealed = pages.sealed(connection, [row.number for row in rows])
        shown = (telling.epoch(row, sealed=sealed.get(row.number, (0, 0))) for row in rows)
        return Page(tuple(shown), following, standing)

    def epoch(self, number: int) -> EpochView:
        """Return one epoch; raises `NoSuchEpoch`."""
        with self._reading() as (connection, _):
            known = is_place(number) and self._settles(connection)
            found = epochs.find(connection, number) if known else None
            if found is None:
                raise NoSuchEpoch(number)
            sealed = pages.sealed(connection, [number])
        return telling.epoch(found, sealed=sealed.get(number, (0, 0)))

    def _settles(self, connection: Connection) -> bool:
        return epochs.contract_id(connection) == self.contract.id

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Standing]]:
        """Lend one state of the database, and how far the books in it are read."""
        with self.database.reading() as connection:
            found = evidence.checkpoint(connection, self.contract)
            yield connection, Standing(found.head_number, found.final_number, found.verified_number)


class _Piece:
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


def _upwards(newest_first: bool) -> str:
    return "" if newest_first else ", oldest first"
