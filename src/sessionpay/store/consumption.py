"""What sessions used, by day, model and epoch: raised with every accepted row, and read by session."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, or_, select

from sessionpay.core.ids import SessionId
from sessionpay.store.insertion import insert_rows
from sessionpay.store.settlement_tables import consumption, epochs, segments, usage_rows
from sessionpay.store.types import to_digits, to_text

_COLUMNS = "session_id, day, model, epoch, assigned, committed, prompt_tokens, completion_tokens"
_RAISE = (
    "ON CONFLICT (session_id, day, model, epoch) DO UPDATE SET "
    "assigned = consumption.assigned + excluded.assigned, "
    "committed = consumption.committed + excluded.committed, "
    "prompt_tokens = consumption.prompt_tokens + excluded.prompt_tokens, "
    "completion_tokens = consumption.completion_tokens + excluded.completion_tokens"
)
_ADD = {
    "sqlite": f"INSERT INTO consumption ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) {_RAISE}",  # noqa: S608 - constants
    "postgresql": (
        f"INSERT INTO consumption ({_COLUMNS}) SELECT * FROM unnest(%s::numeric[], %s::bigint[], "  # noqa: S608 - constants
        f"%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) {_RAISE}"
    ),
}


class Use(NamedTuple):
    """Whose, when and what: `day` counts UTC days from 1970-01-01."""

    session_id: SessionId
    day: int
    model: str


class Amount(NamedTuple):
    """How much: `assigned` counts all tasks, `committed` those charged, and tokens are of these alone."""

    assigned: int
    committed: int
    prompt_tokens: int
    completion_tokens: int


class Day(NamedTuple):
    """Where a list of one session goes on: behind this model of this day."""

    day: int
    model: str


def add(connection: Connection, epoch: int, used: Mapping[Use, Amount]) -> None:
    """Raise what sessions used in an epoch."""
    if not used:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    write = to_text if is_sqlite else to_digits
    # In order, so that two writers of the same sessions wait for each other in turn and never in a circle.
    rows = [(write(use.session_id), use.day, use.model, epoch, *used[use]) for use in sorted(used)]
    if is_sqlite:
        connection.exec_driver_sql(_ADD["sqlite"], rows)
    else:
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_ADD["postgresql"], columns)


def of_session(
    connection: Connection,
    session_id: SessionId,
    *,
    policies: Mapping[str, int],
    behind: Day | None = None,
    limit: int,
) -> list[tuple[Day, Amount]]:
    """Return what a session used in epochs under any of these policies, by day and model, the newest first.

    `policies` are SHA-256 of their texts, each with the first day that is wanted of its epochs.
    """
    c = consumption.c
    sums = (
        func.sum(c.assigned),
        func.sum(c.committed),
        func.sum(c.prompt_tokens),
        func.sum(c.completion_tokens),
    )
    query = (
        select(c.day, c.model, *sums)
        .join(epochs, epochs.c.number == c.epoch)
        .where(c.session_id == session_id, or_(false(), *_wanted(policies)))
    )
    if behind is not None:
        later = or_(c.day < behind.day, and_(c.day == behind.day, c.model < behind.model))
        query = query.where(c.day <= behind.day, later)
    query = query.group_by(c.day, c.model).order_by(c.day.desc(), c.model.desc()).limit(limit)
    return [(Day(*row[:2]), Amount(*map(int, row[2:]))) for row in connection.execute(query)]


def _wanted(policies: Mapping[str, int]) -> Iterator[ColumnElement[bool]]:
    for begins in sorted(set(policies.values())):
        alike = [digest for digest, day in policies.items() if day == begins]
        is_wanted = epochs.c.policy.in_(alike)
        yield and_(is_wanted, consumption.c.day >= begins) if begins else is_wanted


def of_epoch(connection: Connection, epoch: int) -> dict[Use, Amount]:
    """Return everything that was used in an epoch."""
    c = consumption.c
    query = select(
        c.session_id, c.day, c.model, c.assigned, c.committed, c.prompt_tokens, c.completion_tokens
    ).where(c.epoch == epoch)
    return {Use(SessionId(row[0]), row[1], row[2]): Amount(*row[3:]) for row in connection.execute(query)}


def incomplete(connection: Connection) -> list[int]:
    """Return the epochs of which not every accepted row is counted, or one too many, the oldest first."""
    counted: Counter[int] = Counter()
    kept: Counter[int] = Counter()
    for into, epoch, rows in (
        (counted, consumption.c.epoch, func.sum(consumption.c.assigned)),
        (kept, segments.c.epoch, func.sum(segments.c.rows)),
        (kept, usage_rows.c.epoch, func.count()),
    ):
        for number, found in connection.execute(select(epoch, rows).group_by(epoch)):
            into[number] += int(found)
    return sorted(epoch for epoch in {*counted, *kept} if counted[epoch] != kept[epoch])


def replace(connection: Connection, epoch: int, used: Mapping[Use, Amount]) -> None:
    """Replace everything that is noted of an epoch."""
    connection.execute(delete(consumption).where(consumption.c.epoch == epoch))
    rows = ((use.session_id, use.day, use.model, epoch, *used[use]) for use in sorted(used))
    insert_rows(connection, consumption, rows)
