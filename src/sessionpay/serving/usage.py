"""What a session used, for whom the policy of each epoch shows it: by day and model, and row by row."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import NamedTuple
from weakref import finalize

from sqlalchemy import Connection
from starlette.concurrency import iterate_in_threadpool

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.policy import UsageVisibility
from sessionpay.core.pricing import parse_price_sheet, row_price
from sessionpay.metering.consumption import session_rows
from sessionpay.metering.segments import path_of
from sessionpay.services.budget import NoSession
from sessionpay.serving import telling
from sessionpay.serving.cursors import is_day, is_model
from sessionpay.serving.errors import LIMIT
from sessionpay.serving.exports import PricedRow, RowFormat, written
from sessionpay.serving.pieces import Piece
from sessionpay.serving.views import Page, UsageView
from sessionpay.serving.visibility import Hidden, UsageHidden, Viewer, begins_at, hidden, visibility_of
from sessionpay.store import consumption, epochs, queries, segments, transfers
from sessionpay.store.consumption import Day
from sessionpay.store.database import Database
from sessionpay.store.derived import DAY_SECONDS
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract

# A page is not worth more of the machine than this.
MEMORY_BYTES_MAX = 256 * 2**20
# Each reads all usage there is, with so much memory; who comes later is told to come again.
EXPORTS_AT_ONCE_MAX = 4


class UsageElsewhere(InputError):
    """The sealed usage is not where this process could read it."""

    def __init__(self) -> None:
        """Say where it is."""
        super().__init__("sealed usage is not kept where this server runs: ask the one beside the settlement")


class ExportsBusy(SessionPayError):
    """As many exports are under way as may be."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(f"{EXPORTS_AT_ONCE_MAX} exports are under way: try again in a minute")


@dataclass(frozen=True, slots=True)
class SessionUsage:
    """A page of what a session used by day and model, the newest first, as far as the viewer may see it.

    `is_shown` is whether any of it may be seen, `hidden` says why the rest is not. What was submitted before
    `since`, in unix seconds, is its former owner's and left out where the policy says `owner`; 0 for none.
    """

    page: Page[UsageView]
    is_shown: bool
    hidden: tuple[Hidden, ...]
    since: int


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Export:
    """Rows of a session, read as they are taken; `hidden` and `since` as in `SessionUsage`.

    Whoever takes no more of them calls `end`, so that the next export has its turn.
    """

    rows: Iterator[PricedRow]
    end: Callable[[], None]
    hidden: tuple[Hidden, ...]
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Who looks at a session, and what decides what is seen; `settles` is whether epochs here are its own."""

    viewer: Viewer
    owner: Address
    handed_over_at: int
    settles: bool

    def hidden(self, visibility: UsageVisibility) -> Hidden | None:
        """Return why usage under such a policy is hidden, None where it is not."""
        return hidden(visibility, self.viewer, owner=self.owner)

    def since(self, visibility: UsageVisibility) -> int:
        """Return from which time on it is shown where it is not hidden, in unix seconds."""
        return begins_at(visibility, self.viewer, handed_over_at=self.handed_over_at)


class _Shown(NamedTuple):
    """One epoch, from which time on its usage is shown, and where its rows are."""

    epoch: Epoch
    since: int
    paths: list[Path]


class _Sight(NamedTuple):
    """What is shown to a viewer, and why the rest is not."""

    shown: list[_Shown]
    hidden: tuple[Hidden, ...]

    @property
    def since(self) -> int:
        return max((each.since for each in self.shown), default=0)

    def require_some(self, session_id: SessionId) -> None:
        """Raise `UsageHidden` where there is something and nothing of it is shown."""
        _require_some(session_id, is_shown=bool(self.shown), why=self.hidden)


@dataclass(frozen=True, slots=True)
class UsageReader:
    """Reads usage of one contract's sessions; `folder` has the sealed segments, None where elsewhere."""

    database: Database
    contract: Contract
    folder: Path | None
    exports: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE_MAX))

    def by_day(
        self, session_id: SessionId, viewer: Viewer, *, cursor: str | None = None, limit: int = LIMIT
    ) -> SessionUsage:
        """Return what a session used, as it comes in. Raises `NoSession`, `BadCursor` and `BadLimit`."""
        piece = Piece(f"usage of {session_id}", cursor, limit)
        behind = piece.behind(is_day, is_model)
        with self.database.reading() as connection:
            standing = self.database.once(connection, telling.standing, self.contract)
            look = self._look(connection, session_id, viewer)
            policies = epochs.policies(connection) if look.settles else {}
            said = {digest: visibility_of(text) for digest, text in policies.items()}
            reasons = {digest: look.hidden(visibility) for digest, visibility in said.items()}
            since = {
                digest: look.since(visibility) for digest, visibility in said.items() if not reasons[digest]
            }
            found = consumption.of_session(
                connection,
                session_id,
                policies={digest: begins // DAY_SECONDS for digest, begins in since.items()},
                behind=Day(*behind) if behind else None,
                limit=piece.wanted,
            )
        rows, following = piece.cut(found, lambda row: row[0])
        page = Page(tuple(telling.usage(*row) for row in rows), following, standing)
        why = tuple(each for each in Hidden if each in reasons.values())
        return SessionUsage(page, bool(since), why, max(since.values(), default=0))

    def require_shown(self, session_id: SessionId, found: SessionUsage) -> None:
        """Raise `UsageHidden` where all usage there is, is hidden."""
        _require_some(session_id, is_shown=found.is_shown, why=found.hidden)

    def rows(
        self, session_id: SessionId, viewer: Viewer, *, first: int | None = None, last: int | None = None
    ) -> Export:
        """Return the sealed rows of a session in epochs `first` to `last`, or all, the oldest epoch first.

        Raises `NoSession`, `UsageElsewhere`, `UsageHidden` and `ExportsBusy`.
        """
        sight = self._sight(session_id, viewer, lambda listed: _between(listed, first, last))
        sight.require_some(session_id)
        if not self.exports.acquire(blocking=False):
            raise ExportsBusy
        is_over: list[bool] = []

        def end() -> None:
            # It may be called by who reads and by who notices that nobody does.
            if not is_over:
                is_over.append(True)
                self.exports.release()

        export = Export(self._priced(session_id, sight.shown), end, sight.hidden, sight.since)
        # Whoever asked may be gone before the first row is read, and then nobody calls it.
        finalize(export, end)
        return export

    def _look(self, connection: Connection, session_id: SessionId, viewer: Viewer) -> _Look:
        found = self.database.once(connection, queries.session, self.contract, session_id)
        if found is None:
            raise NoSession(session_id)
        return _Look(
            viewer=viewer,
            owner=found.owner,
            handed_over_at=transfers.handed_over_at(connection, self.contract, session_id),
            settles=self.database.once(connection, epochs.contract_id) == self.contract.id,
        )

    def _sight(
        self,
        session_id: SessionId,
        viewer: Viewer,
        choose: Callable[[list[Epoch]], Sequence[Epoch]],
    ) -> _Sight:
        """Return which epochs a viewer sees of those that `choose` takes."""
        if self.folder is None:
            raise UsageElsewhere
        with self.database.reading() as connection:
            look = self._look(connection, session_id, viewer)
            listed = choose(epochs.listed(connection)) if look.settles else []
            policies = epochs.policies(connection)
            said = [(each, visibility_of(policies[each.policy])) for each in listed]
            reasons = [look.hidden(visibility) for _, visibility in said]
            shown = [
                _Shown(each, look.since(visibility), self._paths(connection, self.folder, each))
                for (each, visibility), why in zip(said, reasons, strict=True)
                if why is None
            ]
        return _Sight(shown, tuple(why for why in Hidden if why in reasons))

    def _paths(self, connection: Connection, folder: Path, epoch: Epoch) -> list[Path]:
        return [path_of(folder, each.sha256) for each in segments.listed(connection, epoch.number)]

    def _priced(self, session_id: SessionId, shown: Sequence[_Shown]) -> Iterator[PricedRow]:
        for each in shown:
            with self.database.reading() as connection:
                sheet = parse_price_sheet(epochs.text(connection, each.epoch.prices))
            for record in session_rows(
                each.paths, session_id, since=each.since, memory_limit=MEMORY_BYTES_MAX, threads=1
            ):
                price = sheet.models[record.model]
                yield PricedRow(
                    each.epoch.number,
                    record,
                    price.prompt,
                    price.completion,
                    sheet.sla[record.sla],
                    row_price(sheet, record),
                )


async def sent(export: Export, form: RowFormat) -> AsyncIterator[bytes]:
    """Yield an export's lines, read in another thread, and end it even if the reader goes away."""
    try:
        async for some in iterate_in_threadpool(written(export.rows, form)):
            yield some
    finally:
        export.end()


def _require_some(session_id: SessionId, *, is_shown: bool, why: Sequence[Hidden]) -> None:
    if why and not is_shown:
        raise UsageHidden(f"session {session_id}", why=why[0])


def _between(listed: Sequence[Epoch], first: int | None, last: int | None) -> list[Epoch]:
    return [
        each
        for each in listed
        if (first is None or each.number >= first) and (last is None or each.number <= last)
    ]
