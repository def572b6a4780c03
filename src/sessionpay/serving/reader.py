"""The books as people ask for them: each answer from one state of the database."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from sessionpay.core.ids import SESSION_ID_DIGITS_MAX, SESSION_ID_LIMIT, Address, SessionId, is_address
from sessionpay.core.money import NOTHING, BaseUnits
from sessionpay.services.budget import NoSession, budget_of
from sessionpay.services.burning import burn
from sessionpay.serving import folders, telling
from sessionpay.serving.cursors import is_place, is_session
from sessionpay.serving.errors import LIMIT, LIMIT_MAX, NoNode, NoSuchEpoch, NoSuchFile
from sessionpay.serving.folders import FileView
from sessionpay.serving.keeping import Kept
from sessionpay.serving.pieces import Piece
from sessionpay.serving.so_far import SoFar, so_far
from sessionpay.serving.views import (
    EpochContents,
    EpochView,
    EventView,
    Hit,
    HitKind,
    MovementView,
    NetworkView,
    NodeView,
    Page,
    SessionAccount,
    SessionCharge,
    SessionView,
    Standing,
    TransactionView,
)
from sessionpay.serving.visibility import NOBODY, UsageHidden, Viewer, hidden, visibility_of
from sessionpay.store import epochs, flows, pages, queries
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract
from sessionpay.store.pages import LogSpot, Spot
from sessionpay.store.queries import DayTotal

_HASH = re.compile(r"0x[0-9a-f]{64}")
_DIGITS = re.compile(f"[0-9]{{1,{SESSION_ID_DIGITS_MAX}}}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the books of one contract; `clock` gives unix seconds.

    `surplus` is what the contract was last seen to hold beyond what it owes, in base units, None where nobody
    looked. A list is read in pages: `cursor` is where one begins, as the page before it said, and `limit` how
    many rows it has, 1 to `LIMIT_MAX`. Those methods raise `BadCursor` and `BadLimit`. `folders` is where the
    folders of settled epochs are, None where they are elsewhere. `kept` is shared by readers of the same
    books.
    """

    database: Database
    contract: Contract
    clock: Callable[[], int]
    surplus: Callable[[], int | None] = lambda: None
    folders: Path | None = None
    kept: Kept = field(default_factory=Kept)

    def standing(self) -> Standing:
        """Return how far the books are read."""
        with self._reading() as (_, standing):
            return standing

    # Sessions

    def sessions(
        self, *, owner: Address | None = None, cursor: str | None = None, limit: int = LIMIT
    ) -> Page[SessionView]:
        """Return sessions, or those of one owner, by id."""
        piece = Piece(f"sessions of {owner}" if owner else "sessions", cursor, limit)
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
            found = self.database.once(connection, queries.session, self.contract, session_id)
            if found is None:
                raise NoSession(session_id)
            since = found.registered_at
            return SessionAccount(
                telling.session(self.contract, session_id, found),
                budget_of(connection, self.contract, session_id, now=now),
                burn(connection, self.contract, session_id, since=since, now=now),
            )

    def session_charges(
        self, session_id: SessionId, *, cursor: str | None = None, limit: int = LIMIT
    ) -> Page[SessionCharge]:
        """Return what each epoch asked of a session and got, the newest first."""
        piece = Piece(f"charges of {session_id}", cursor, limit)
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
        piece = Piece("nodes", cursor, limit)
        after = piece.behind(is_address)
        with self._reading() as (connection, standing):
            found = pages.nodes(
                connection, self.contract, after=after[0] if after else None, limit=piece.wanted
            )
            rows, following = piece.cut(found, lambda row: row[:1])
            held = self._held(connection, [row[0] for row in rows])
        told = (telling.node(*row, held=held.get(row[0], NOTHING)) for row in rows)
        return Page(tuple(told), following, standing)

    def node(self, node: Address) -> NodeView:
        """Return one node; raises `NoNode`."""
        with self._reading() as (connection, _):
            found = queries.node(connection, self.contract, node)
            if found is None:
                raise NoNode(node)
            held = self._held(connection, [node])
        return telling.node(node, found, held=held.get(node, NOTHING))

    def so_far(self, node: Address) -> SoFar | None:
        """Return what a node did in the open epoch, as an estimate; None where none is open here."""
        with self._reading() as (connection, _):
            return so_far(connection, node) if self._settles(connection) else None

    def _held(self, connection: Connection, accounts: Sequence[Address]) -> dict[Address, BaseUnits]:
        return pages.held(connection, accounts) if self._settles(connection) else {}

    # The network

    def network(self) -> NetworkView:
        """Return where all the money is."""
        return self.network_by_day()[0]

    def network_by_day(self) -> tuple[NetworkView, tuple[DayTotal, ...]]:
        """Return where all the money is, and what moved on each day, of one moment."""
        with self._reading() as (connection, standing):
            days = self.kept.days(connection, self.contract)
            under_way = self.kept.under_way(connection, self.contract)
            marks = flows.earmarks(connection, self.contract, under_way=under_way)
            found = telling.network(
                connection, self.contract, standing, days, marks=marks, surplus=self.surplus()
            )
        return found, days

    def days(self) -> tuple[DayTotal, ...]:
        """Return what moved on each day, in UTC, that had an event of money; the first one first."""
        with self._reading() as (connection, _):
            return self.kept.days(connection, self.contract)

    def movements(
        self,
        *,
        of: SessionId | Address | None = None,
        cursor: str | None = None,
        limit: int = LIMIT,
        newest_first: bool = True,
    ) -> Page[MovementView]:
        """Return the movements of a session, a node, or of all accounts together."""
        piece = Piece(f"movements of {of}{_upwards(newest_first)}", cursor, limit)
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

    def final_movements(
        self, *, of: SessionId | Address | None = None, behind: Spot
    ) -> tuple[MovementView, ...]:
        """Return the next movements behind a place that can be taken back no more, `LIMIT_MAX` at most."""
        with self._reading() as (connection, standing):
            found = pages.movements(
                connection,
                self.contract,
                of=of,
                behind=behind,
                newest_first=False,
                up_to=standing.final,
                limit=LIMIT_MAX,
            )
        return tuple(telling.movement(row, standing) for row in found)

    def events(
        self, *, cursor: str | None = None, limit: int = LIMIT, newest_first: bool = True
    ) -> Page[EventView]:
        """Return what the contract said."""
        piece = Piece(f"events{_upwards(newest_first)}", cursor, limit)
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
        with self._reading() as (connection, standing):
            rows, following = self._epochs(connection, cursor, limit)
            sealed = pages.sealed(connection, [row.number for row in rows])
        told = (telling.epoch(row, sealed=sealed.get(row.number, (0, 0))) for row in rows)
        return Page(tuple(told), following, standing)

    def _epochs(
        self, connection: Connection, cursor: str | None, limit: int
    ) -> tuple[Sequence[Epoch], str | None]:
        piece = Piece("epochs", cursor, limit)
        before = piece.behind(is_place)
        found = (
            pages.epochs_before(connection, before=before[0] if before else None, limit=piece.wanted)
            if self._settles(connection)
            else []
        )
        return piece.cut(found, lambda row: (row.number,))

    def epoch(self, number: int) -> EpochContents:
        """Return one epoch and what its folder holds; raises `NoSuchEpoch`."""
        with self._reading() as (connection, _):
            known = is_place(number) and self._settles(connection)
            found = epochs.find(connection, number) if known else None
            if found is None:
                raise NoSuchEpoch(number)
            sealed = pages.sealed(connection, [number])
        told = telling.epoch(found, sealed=sealed.get(number, (0, 0)))
        if self.folders is None or found.manifest_sha256 is None:
            return EpochContents(told, None)
        held = folders.contents(self.folders, number, manifest_sha256=found.manifest_sha256)
        return EpochContents(told, held)

    def epoch_file(self, number: int, name: str, *, viewer: Viewer = NOBODY) -> tuple[FileView, Path]:
        """Return a file of a settled epoch and where it is.

        Segments have rows of many sessions. Raises `NoSuchEpoch`, `NoSuchFile`, and `UsageHidden`.
        """
        found = self.epoch(number)
        listed = {each.name: each for each in found.contents.files} if found.contents else {}
        if self.folders is None or name not in listed:
            raise NoSuchFile(number, name)
        if folders.is_usage(name):
            with self.database.reading() as connection:
                policy = epochs.text(connection, found.epoch.policy)
            why = hidden(visibility_of(policy), viewer, owner=None)
            if why is not None:
                raise UsageHidden(f"all sessions in epoch {number}", why=why)
        return listed[name], folders.path_of(self.folders, number, name)

    def explanation(self, number: int, account: Address) -> str | None:
        """Return why an account got what it got in an epoch, as the folder's file of explanations has it.

        None where the epoch gave it nothing, or is not settled. Raises `NoSuchEpoch`.
        """
        if self.folders is None or self.epoch(number).contents is None:
            return None
        return folders.explanation(self.folders, number, account)

    def explanations(
        self, account: Address, *, cursor: str | None = None, limit: int
    ) -> Page[tuple[int, str]]:
        """Return what `explanation` does, each with its epoch's number, for all epochs that gave anything.

        The newest first; `limit` is how many epochs are looked through.
        """
        with self._reading() as (connection, standing):
            rows, following = self._epochs(connection, cursor, limit)
        told = [(each.number, self.line(each, account)) for each in rows]
        found = tuple((number, line) for number, line in told if line is not None)
        return Page(found, following, standing)

    def line(self, epoch: Epoch | EpochView, account: Address) -> str | None:
        """Return what `explanation` does, of an epoch that was read already."""
        if self.folders is None or epoch.manifest_sha256 is None:
            return None
        if folders.contents(self.folders, epoch.number, manifest_sha256=epoch.manifest_sha256) is None:
            return None
        return folders.explanation(self.folders, epoch.number, account)

    # Search

    def owns_any(self, address: Address) -> bool:
        """Tell whether an address has a session."""
        with self._reading() as (connection, _):
            return bool(pages.sessions(connection, self.contract, owner=address, limit=1))

    def transaction(self, transaction_hash: str) -> TransactionView:
        """Return what one transaction did, `transaction_hash` being 0x and 64 lower-case digits."""
        with self._reading() as (connection, standing):
            found = pages.events_of_transaction(connection, self.contract, transaction_hash, limit=LIMIT_MAX)
            signed = pages.sending(connection, transaction_hash)
        return TransactionView(
            transaction_hash, tuple(telling.event(each, standing) for each in found), signed
        )

    def search(self, text: str) -> tuple[Hit, ...]:
        """Return what a session's number, an address or a transaction's hash names in the books."""
        wanted = text.strip().lower()
        if _HASH.fullmatch(wanted):
            found = self.transaction(wanted)
            known = found.events or found.sending
            return (Hit(HitKind.TRANSACTION, wanted),) if known else ()
        with self._reading() as (connection, _):
            return tuple(self._named(connection, wanted))

    def _named(self, connection: Connection, wanted: str) -> Iterator[Hit]:
        if is_address(wanted):
            address = Address(wanted)
            if queries.node(connection, self.contract, address) is not None:
                yield Hit(HitKind.NODE, wanted)
            if pages.sessions(connection, self.contract, owner=address, limit=1):
                yield Hit(HitKind.OWNER, wanted)
        elif _DIGITS.fullmatch(wanted) and int(wanted) < SESSION_ID_LIMIT:
            session_id = SessionId(int(wanted))
            if queries.session(connection, self.contract, session_id) is not None:
                yield Hit(HitKind.SESSION, str(session_id))

    def _settles(self, connection: Connection) -> bool:
        return self.database.once(connection, epochs.contract_id) == self.contract.id

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Standing]]:
        """Lend one state of the database, and how far the books in it are read."""
        with self.database.reading() as connection:
            yield connection, self.database.once(connection, telling.standing, self.contract)


def _upwards(newest_first: bool) -> str:
    return "" if newest_first else ", oldest first"
