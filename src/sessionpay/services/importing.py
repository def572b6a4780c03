"""Usage files taken into a settlement: streamed into the open epoch, or cut into epochs of their own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from sessionpay.metering.lines import Rejected, Row, Taken
from sessionpay.metering.records import cut_epochs
from sessionpay.services.home import Rules
from sessionpay.services.intake import Intake, Verdict
from sessionpay.services.sealing import Sealer
from sessionpay.store import epochs

if TYPE_CHECKING:
    from sessionpay.core.ids import Address
    from sessionpay.core.usage import UsageRecord

# Large enough for the cost of a commit not to matter, and a few megabytes.
BATCH_ROWS = 5_000
# What a person reads; every reject is in the database.
LINES_TOLD_MAX = 20
REASONS_TOLD_MAX = 100

# A row, and the file that it came from.
Sourced = tuple[str, Row]


@dataclass(slots=True)
class Reason:
    """Why rows were rejected: how many, and where the first of them stand, as `file:line`."""

    rows: int = 0
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What became of rows; `reasons` has the first hundred of them, `epochs` are those that were closed."""

    accepted: int = 0
    repeated: int = 0
    rejected: int = 0
    reasons: dict[str, Reason] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows there were."""
        return self.accepted + self.repeated + self.rejected

    def reject(self, reason: str, *, place: str) -> None:
        """Count a rejected row."""
        self.rejected += 1
        if reason in self.reasons or len(self.reasons) < REASONS_TOLD_MAX:
            told = self.reasons.setdefault(reason, Reason())
            told.rows += 1
            if len(told.lines) < LINES_TOLD_MAX:
                told.lines.append(place)


@dataclass(slots=True)
class Importer:
    """Takes rows of files in by large batches; `now` gives unix seconds, `progress` hears of rows done."""

    intake: Intake
    sealer: Sealer
    now: Callable[[], int]
    progress: Callable[[int], None]
    outcome: Outcome = field(default_factory=Outcome)

    def stream(self, rows: Iterable[Sourced]) -> Outcome:
        """Take rows into the open epoch, sealing whole segments on the way.

        Raises `NotKept` and `NotSealed`; what was taken by then stays, and the same files may come again.
        """
        unsealed = 0
        for batch in _batches(rows):
            unsealed += self._take(batch)
            if unsealed >= self.sealer.rows_max:
                self.sealer.seal()
                unsealed = 0
        self.sealer.seal()
        return self.outcome

    def cut(self, rows: Iterable[Sourced], count: int, rules: Rules) -> Outcome:
        """Cut rows into `count` runs by time as `cut_epochs` does; close and seal an epoch after each run.

        All rows are held in memory. A run of which nothing is new closes no epoch, so that the same files
        may come again. Raises `BadCut`, and what `stream` raises.
        """
        kept: dict[tuple[str, Address], Sourced] = {}
        records: list[UsageRecord] = []
        others: list[Sourced] = []
        for source, row in rows:
            if isinstance(row, Taken) and row.record.key not in kept:
                kept[row.record.key] = (source, row)
                records.append(row.record)
            else:
                others.append((source, row))
        runs = cut_epochs(records, count)
        for number, run in enumerate(runs, 1):
            came = [kept[record.key] for record in run] + (others if number == len(runs) else [])
            if sum(map(self._take, _batches(came))):
                self.outcome.epochs.append(self._close(rules))
        return self.outcome

    def _close(self, rules: Rules) -> int:
        with self.sealer.database.reading() as connection:
            taking = epochs.current(connection)
        number = taking.number if taking else epochs.FIRST
        self.sealer.close(number, rules, at=self.now())
        return number

    def _take(self, batch: list[Sourced]) -> int:
        """Take a batch in, file by file, and return how many rows of it were new."""
        before = self.outcome.accepted
        by_source: dict[str, list[Row]] = {}
        for source, row in batch:
            by_source.setdefault(source, []).append(row)
        for source, rows in by_source.items():
            self._take_from(source, rows)
        self.progress(self.outcome.rows)
        return self.outcome.accepted - before

    def _take_from(self, source: str, rows: list[Row]) -> None:
        lines = [row.line for row in rows]
        given = [row if isinstance(row, Rejected) else row.record for row in rows]
        answers = self.intake.accept(given, source=source, at=self.now(), lines=lines)
        for line, answer in zip(lines, answers, strict=True):
            match answer.verdict:
                case Verdict.ACCEPTED:
                    self.outcome.accepted += 1
                case Verdict.REPEATED:
                    self.outcome.repeated += 1
                case Verdict.REJECTED:
                    self.outcome.reject(answer.reason, place=f"{source}:{line}")


def _batches(rows: Iterable[Sourced]) -> Iterator[list[Sourced]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch
