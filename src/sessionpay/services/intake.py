"""Usage taken in: every row is checked, priced, entered once, and on the disk before it is answered."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from sessionpay.core.errors import InputError, MissingPrice
from sessionpay.core.money import MicroUnits
from sessionpay.core.pricing import PriceSheet, parse_price_sheet, row_price
from sessionpay.core.usage import Outcome, UsageRecord, to_line
from sessionpay.metering.consumption import consumed
from sessionpay.metering.lines import ROW_BYTES_MAX, Rejected
from sessionpay.metering.records import parse_row
from sessionpay.store import consumption, epochs, intake
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch
from sessionpay.store.intake import Reject, Work

if TYPE_CHECKING:
    from sessionpay.core.ids import SessionId

# Half of a SHA-256: two of 2**40 rows share one with a chance below 2**-48.
DIGEST_BYTES = 16

DIFFERS = "another row for this task and node was accepted, and it differs; a row is corrected by a credit"


class Verdict(StrEnum):
    """What became of a row."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one row; `reason` is why it was rejected, empty otherwise."""

    verdict: Verdict
    reason: str = ""


_ACCEPTED, _REPEATED = Answer(Verdict.ACCEPTED), Answer(Verdict.REPEATED)


def key_digest(task_id: str, node: str) -> bytes:
    """Return by what the database knows the row of a task and a node, the node as lower-case 0x text."""
    return sha256(f"{task_id}\0{node}".encode()).digest()[:DIGEST_BYTES]


class _Entry(NamedTuple):
    """A good row as the database knows it."""

    record: UsageRecord
    line: str
    key: bytes
    digest: bytes

    @classmethod
    def of(cls, record: UsageRecord) -> "_Entry":
        line = to_line(record)
        key = key_digest(record.task_id, record.node)
        return cls(record, line, key, sha256(line.encode()).digest()[:DIGEST_BYTES])


@dataclass(frozen=True, slots=True)
class _Batch:
    """How many rows there are; the good ones by their place, and why others cannot be accepted."""

    size: int
    entries: dict[int, _Entry]
    reasons: dict[int, str]

    @classmethod
    def read(cls, rows: Sequence[object]) -> "_Batch":
        batch = cls(len(rows), {}, {})
        for place, row in enumerate(rows):
            if isinstance(row, Rejected):
                batch.reasons[place] = row.reason
                continue
            try:
                record = row if isinstance(row, UsageRecord) else parse_row(row)
            except InputError as fault:
                batch.reasons[place] = str(fault)
            else:
                batch.entries[place] = _Entry.of(record)
        return batch

    def price(self, sheet: PriceSheet) -> dict[int, MicroUnits]:
        """Return the prices of the good rows that have one, by place."""
        prices: dict[int, MicroUnits] = {}
        for place, entry in self.entries.items():
            try:
                prices[place] = row_price(sheet, entry.record)
            except MissingPrice as fault:
                self.reasons[place] = str(fault)
        return prices


class Intake:
    """Takes usage into one database; for any number of threads and processes at once."""

    def __init__(self, database: Database) -> None:
        """Take usage into `database`, in which an epoch is open."""
        self.database = database
        self._sheets: dict[str, PriceSheet] = {}
        # SQLite lets one write at a time; threads that queue here need not poll for it.
        self._turn = Lock()

    def accept(
        self, rows: Sequence[object], *, source: str, at: int, lines: Sequence[int] | None = None
    ) -> list[Answer]:
        """Take a batch into the open epoch and answer each row, in the order given, once it is on the disk.

        A row is a `UsageRecord`, an object as JSON has it, or a `Rejected` that is only kept; `source`
        says where rejects came from, `lines` which lines they are (else their places, from 1), `at` when,
        in unix seconds. A bad row never stops the others. Raises `NoEpoch`, and `NotKept` where nothing
        is acknowledged; to send the same rows again is always right.
        """
        batch = _Batch.read(rows)
        numbers = lines or range(1, len(rows) + 1)
        with self._turn if self.database.is_sqlite else nullcontext(), intake.keeping(self.database) as kept:
            epoch = epochs.taking(kept)
            answers = _enter(kept, epoch, batch, self._sheet(kept, epoch))
            intake.add_rejects(
                kept,
                [
                    Reject(at, source, number, answer.reason, _text(row))
                    for number, row, answer in zip(numbers, rows, answers, strict=True)
                    if answer.verdict is Verdict.REJECTED
                ],
            )
        return answers

    def _sheet(self, connection: Connection, epoch: Epoch) -> PriceSheet:
        if epoch.prices not in self._sheets:
            text = epochs.text(connection, epoch.prices)
            self._sheets[epoch.prices] = parse_price_sheet(text, source=f"prices of epoch {epoch.number}")
        return self._sheets[epoch.prices]


def _enter(connection: Connection, epoch: Epoch, batch: _Batch, sheet: PriceSheet) -> list[Answer]:
    entries, prices = batch.entries, batch.price(sheet)
    first: dict[bytes, int] = {}
    for place in prices:
        first.setdefault(entries[place].key, place)
    before = intake.remember(connection, {key: entries[place].digest for key, place in first.items()})
    # A row that was accepted under earlier prices is answered as before, though it has no price now.
    before |= intake.known(connection, [entry.key for place, entry in entries.items() if place not in prices])
    new = {place for key, place in first.items() if key not in before}
    _add(connection, epoch, {place: (entries[place], prices[place]) for place in sorted(new)})
    digests = {key: entries[place].digest for key, place in first.items()} | before
    return [_answer(batch, place, is_new=place in new, digests=digests) for place in range(batch.size)]


def _answer(batch: _Batch, place: int, *, is_new: bool, digests: Mapping[bytes, bytes]) -> Answer:
    """Answer one row; `digests` has that of the accepted row under each key."""
    entry = batch.entries.get(place)
    if is_new:
        return _ACCEPTED
    if entry is not None and digests.get(entry.key) == entry.digest:
        return _REPEATED
    return Answer(Verdict.REJECTED, batch.reasons.get(place, DIFFERS))


def _add(connection: Connection, epoch: Epoch, accepted: Mapping[int, tuple[_Entry, MicroUnits]]) -> None:
    """Add rows, and what they raise."""
    intake.add_rows(
        connection, epoch.number, [(entry.line, entry.record.node) for entry, _ in accepted.values()]
    )
    consumption.add(connection, epoch.number, consumed(entry.record for entry, _ in accepted.values()))
    work: dict[SessionId, Work] = {}
    for entry, micro in accepted.values():
        if entry.record.outcome is Outcome.COMMITTED:
            so_far = work.get(entry.record.session_id, Work(0, MicroUnits(0)))
            work[entry.record.session_id] = Work(so_far.rows + 1, MicroUnits(so_far.micro + micro))
    intake.add_work(connection, epoch.number, work)


def _text(row: object) -> str:
    """Return a row as it is kept among the rejects, cut where no good row is as long."""
    match row:
        case Rejected():
            text = row.text
        case UsageRecord():
            text = to_line(row).rstrip("\n")
        case _:
            text = json.dumps(row, default=str)
    return text[:ROW_BYTES_MAX]
