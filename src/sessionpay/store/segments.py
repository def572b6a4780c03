"""Sealed files of usage: which there are, and how rows leave the database for one."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from sessionpay.store import epochs
from sessionpay.store.errors import RowsChanged
from sessionpay.store.settlement_tables import segments, usage_rows

_FETCH_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One sealed file, named by its SHA-256: the epoch of its rows, how many they are, and its size."""

    sha256: str
    epoch: int
    rows: int
    bytes: int


def waiting(connection: Connection, epoch: int) -> int:
    """Return how many rows of an epoch are in no segment yet."""
    query = select(func.count()).select_from(usage_rows).where(usage_rows.c.epoch == epoch)
    return connection.execute(query).scalar_one()


def last_id(connection: Connection, epoch: int, *, rows_max: int) -> int | None:
    """Return the id of the last row of the epoch's next segment; None where no row waits.

    For a transaction that writes: it waits for those that are adding rows, after which no row at or below
    that id can still appear.
    """
    epochs.hold(connection, epoch)
    first = select(usage_rows.c.id).where(usage_rows.c.epoch == epoch).order_by(usage_rows.c.id)
    found: int | None = connection.execute(select(func.max(first.limit(rows_max).subquery().c.id))).scalar()
    return found


def lines(connection: Connection, epoch: int, *, up_to: int | None = None) -> Iterator[str]:
    """Yield the waiting rows of an epoch, those up to an id where one is given."""
    query = select(usage_rows.c.row).where(usage_rows.c.epoch == epoch)
    if up_to is not None:
        query = query.where(usage_rows.c.id <= up_to)
    rows = connection.execute(
        query.order_by(usage_rows.c.id), execution_options={"yield_per": _FETCH_ROWS, "stream_results": True}
    )
    for (line,) in rows:
        yield line


def seal(connection: Connection, segment: Segment, *, up_to: int) -> None:
    """Enter a segment and remove its rows, which are those up to an id. Raises `RowsChanged`."""
    row = (segment.sha256, segment.epoch, segment.rows, segment.bytes)
    connection.execute(insert(segments).values(row))
    gone = connection.execute(
        delete(usage_rows).where(usage_rows.c.epoch == segment.epoch, usage_rows.c.id <= up_to)
    ).rowcount
    if gone != segment.rows:
        raise RowsChanged(segment.epoch, written=segment.rows, found=gone)


def listed(connection: Connection, epoch: int | None = None) -> list[Segment]:
    """Return the segments of one epoch, or all of them, by epoch and name."""
    s = segments.c
    query = select(s.sha256, s.epoch, s.rows, s.bytes).order_by(s.epoch, s.sha256)
    if epoch is not None:
        query = query.where(s.epoch == epoch)
    return [Segment(*row) for row in connection.execute(query)]
