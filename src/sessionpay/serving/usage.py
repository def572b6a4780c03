"""What a session used, for whom the policy of each epoch shows it: by model and day, and row by row."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import NamedTuple
from weakref import finalize

from sqlalchemy import Connection
from starlette.concurrency import iterate_in_threadpool

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.ids import SessionId
from sessionpay.core.pricing import parse_price_sheet, row_price
from sessionpay.metering.consumption import Consumption, consumption, session_rows
from sessionpay.metering.segments import path_of
from sessionpay.services.budget import NoSession
from sessionpay.serving.exports import PricedRow, RowFormat, written
from sessionpay.serving.visibility import Hidden, UsageHidden, Viewer, begins_at, hidden, visibility_of
from sessionpay.store import epochs, queries, segments, transfers
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract

# As many as a month has days; older usage is among the rows.
EPOCHS_READ_MAX = 31
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
    """What a session used by model and day, the newest day first, as far as the viewer may see it.

    `epochs` counts the epochs that are shown, `hidden` says why others are not. What was submitted before
    `since`, in unix seconds, is its former owner's and left out where the policy says `owner`; 0 for none.
    """

    rows: tuple[Consumption, ...]
    epochs: int
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
        if self.hidden and not self.shown:
            raise UsageHidden(f"session {session_id}", why=self.hidden[0])


@dataclass(frozen=True, slots=True)
class UsageReader:
    """Reads usage of one contract's sessions; `folder` has the sealed segments, None where elsewhere."""

    database: Database
    contract: Contract
    folder: Path | None
    exports: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE_MAX))

    def by_day(self, session_id: SessionId, viewer: Viewer) -> SessionUsage:
        """Return what a session used in the last epochs; raises `NoSession` and `UsageElsewhere`."""
        sight = self._look(session_id, viewer, lambda listed: listed[-EPOCHS_READ_MAX:])
        return SessionUsage(
            tuple(_added_up(session_id, sight.shown)), len(sight.shown), sight.hidden, sight.since
        )

    def require_shown(self, session_id: SessionId, found: SessionUsage) -> None:
        """Raise `UsageHidden` where all usage there is, is hidden."""
        _Sight([], found.hidden if not found.epochs else ()).require_some(session_id)

    def rows(
        self, session_id: SessionId, viewer: Viewer, *, first: int | None = None, last: int | None = None
    ) -> Export:
        """Return the sealed rows of a session in epochs `first` to `last`, or all, the oldest epoch first.

        Raises `NoSession`, `UsageElsewhere`, `UsageHidden` and `ExportsBusy`.
        """
        sight = self._look(session_id, viewer, lambda listed: _between(listed, first, last))
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

    def _look(
        self,
        session_id: SessionId,
        viewer: Viewer,
        choose: Callable[[list[Epoch]], Sequence[Epoch]],
    ) -> _Sight:
        """Return which epochs a viewer sees of those that `choose` takes."""
        if self.folder is None:
            raise UsageElsewhere
        with self.database.reading() as connection:
            found = queries.session(connection, self.contract, session_id)
            if found is None:
                raise NoSession(session_id)
            if epochs.contract_id(connection) != self.contract.id:
                return _Sight([], ())
            listed = choose(epochs.listed(connection))
            policies = {
                digest: epochs.text(connection, digest) for digest in {each.policy for each in listed}
            }
            said = [(each, visibility_of(policies[each.policy])) for each in listed]
            reasons = [hidden(visibility, viewer, owner=found.owner) for _, visibility in said]
            handed_over_at = transfers.handed_over_at(connection, self.contract, session_id)
            shown = [
                _Shown(
                    each,
                    begins_at(visibility, viewer, handed_over_at=handed_over_at),
                    self._paths(connection, self.folder, each),
                )
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


def _between(listed: Sequence[Epoch], first: int | None, last: int | None) -> list[Epoch]:
    return [
        each
        for each in listed
        if (first is None or each.number >= first) and (last is None or each.number <= last)
    ]


def _added_up(session_id: SessionId, shown: Sequence[_Shown]) -> list[Consumption]:
    """Return what a session used in these epochs by model and day.

    Epochs are added up together that begin to be shown at the same time, of which there are two at most.
    """
    parts = [
        consumption(
            [path for each in shown if each.since == since for path in each.paths],
            session_id,
            since=since,
            memory_limit=MEMORY_BYTES_MAX,
            threads=1,
        )
        for since in sorted({each.since for each in shown})
    ]
    sums: dict[tuple[int, str], tuple[int, ...]] = {}
    for row in (row for part in parts for row in part):
        before = sums.get((row.day, row.model), (0,) * len(row[2:]))
        sums[row.day, row.model] = tuple(a + b for a, b in zip(before, row[2:], strict=True))
    found = [Consumption(day, model, *counts) for (day, model), counts in sums.items()]
    return sorted(found, key=lambda row: (-row.day, row.model))
