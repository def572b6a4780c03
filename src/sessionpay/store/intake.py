"""Usage on its way in: keys ever accepted, rows that are in no segment yet, work of sessions, and rejects.

Every function is a part of one transaction that takes a batch in; `keeping` is that transaction. Rows, keys
and work of sessions come by the hundred, so they go to the driver in its own form.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MicroUnits
from sessionpay.store.database import Database
from sessionpay.store.errors import NotKept
from sessionpay.store.settlement_tables import rejects, session_work, usage_rows, work_totals
from sessionpay.store.types import ADD_WHOLE, to_digits, to_text

# Two parameters for each key are far below the 32,766 that SQLite takes in one statement.
KEYS_AT_ONCE = 1_000

_KNOWN = {
    "sqlite": "SELECT key, digest FROM usage_keys WHERE key IN ({})",
    "postgresql": "SELECT key, digest FROM usage_keys WHERE key = ANY(%s::bytea[])",
}
_ENTER = {
    "sqlite": "INSERT INTO usage_keys (key, digest) VALUES {} ON CONFLICT (key) DO NOTHING RETURNING key",
    "postgresql": (
        "INSERT INTO usage_keys (key, digest) SELECT * FROM unnest(%s::bytea[], %s::bytea[]) "
        "ON CONFLICT (key) DO NOTHING RETURNING key"
    ),
}
_ADD = {
    "sqlite": 'INSERT INTO usage_rows (epoch, "row", node) VALUES (?, ?, ?)',
    "postgresql": (
        'INSERT INTO usage_rows (epoch, "row", node) SELECT %s, * FROM unnest(%s::text[], %s::text[])'
    ),
}
_RAISE_WORK = {
    "sqlite": (
        'INSERT INTO session_work (epoch, session_id, "rows", work_micro) '  # noqa: S608 - constants
        "VALUES (?, ?, ?, ?) "
        'ON CONFLICT (session_id, epoch) DO UPDATE SET "rows" = session_work."rows" + excluded."rows", '
        f"work_micro = {ADD_WHOLE}(session_work.work_micro, excluded.work_micro)"
    ),
    "postgresql": (
        'INSERT INTO session_work (epoch, session_id, "rows", work_micro) '
        "SELECT %s, * FROM unnest(%s::numeric[], %s::bigint[], %s::numeric[]) "
        'ON CONFLICT (session_id, epoch) DO UPDATE SET "rows" = session_work."rows" + excluded."rows", '
        "work_micro = session_work.work_micro + excluded.work_micro"
    ),
}

_ROWS_OF = (
    select(usage_rows.c.row)
    .where(usage_rows.c.epoch == bindparam("epoch"), usage_rows.c.node == bindparam("node"))
    .order_by(usage_rows.c.id)
    .limit(bindparam("limit", type_=BigInteger))
)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not accepted: where it came from, its line or place from 1, why, and its text.

    `received_at` is in unix seconds.
    """

    received_at: int
    source: str
    line: int
    reason: str
    row: str


class Work(NamedTuple):
    """Committed rows, how many and their price in micro-units."""

    rows: int
    micro: MicroUnits


@contextmanager
def keeping(database: Database) -> Iterator[Connection]:
    """Lend the transaction that takes a batch in; on the disk when this returns. Raises `NotKept`."""
    try:
        with database.writing() as connection:
            yield connection
    except OperationalError as fault:
        raise NotKept(database.name, reason=" ".join(str(fault.orig).split())) from None


def remember(connection: Connection, digests: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Enter the keys that are new with their digests; return those of the keys that are not new."""
    # In order, so that two writers with the same keys wait for each other in turn and never in a circle.
    keys = sorted(digests)
    new: set[bytes] = set()
    values: tuple[Any, ...]
    for some in _parts(keys):
        if connection.dialect.name == "sqlite":
            statement = _ENTER["sqlite"].format(",".join(["(?,?)"] * len(some)))
            values = tuple(value for key in some for value in (key, digests[key]))
        else:
            statement, values = _ENTER["postgresql"], (some, [digests[key] for key in some])
        new.update(bytes(row[0]) for row in connection.exec_driver_sql(statement, values))
    return known(connection, [key for key in keys if key not in new])


def known(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the digests of those keys that were accepted before."""
    found: dict[bytes, bytes] = {}
    values: tuple[Any, ...]
    for some in _parts(keys):
        if connection.dialect.name == "sqlite":
            query, values = _KNOWN["sqlite"].format(",".join("?" * len(some))), tuple(some)
        else:
            query, values = _KNOWN["postgresql"], (some,)
        found.update((bytes(key), bytes(digest)) for key, digest in connection.exec_driver_sql(query, values))
    return found


def add_rows(connection: Connection, epoch: int, lines: Sequence[tuple[str, Address]]) -> None:
    """Add accepted rows to an epoch, each as its line and its node."""
    if not lines:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_ADD["sqlite"], [(epoch, line, node) for line, node in lines])
    else:
        values = (epoch, [line for line, _ in lines], [node for _, node in lines])
        connection.exec_driver_sql(_ADD["postgresql"], values)


def rows_of(connection: Connection, epoch: int, node: Address, *, limit: int) -> list[str]:
    """Return the first rows of a node in an epoch that are in no segment yet, `limit` at most."""
    values = {"epoch": epoch, "node": node, "limit": limit}
    return list(connection.execute(_ROWS_OF, values).scalars().all())


def count_of(connection: Connection, epoch: int, node: Address) -> int:
    """Return how many rows of a node in an epoch are in no segment yet."""
    u = usage_rows.c
    query = select(func.count()).select_from(usage_rows).where(u.epoch == epoch, u.node == node)
    return connection.execute(query).scalar_one()


def add_work(connection: Connection, epoch: int, work: Mapping[SessionId, Work]) -> None:
    """Raise what sessions used in an epoch."""
    if not work:
        return
    # In order for the same reason as the keys.
    parts = sorted(work.items())
    if connection.dialect.name == "sqlite":
        rows = [(epoch, to_text(session_id), part.rows, to_text(part.micro)) for session_id, part in parts]
        connection.exec_driver_sql(_RAISE_WORK["sqlite"], rows)
    else:
        sessions = [to_digits(session_id) for session_id, _ in parts]
        counts, amounts = [part.rows for _, part in parts], [to_digits(part.micro) for _, part in parts]
        connection.exec_driver_sql(_RAISE_WORK["postgresql"], (epoch, sessions, counts, amounts))
    _add_total(connection, epoch, sum(part.micro for part in work.values()))


def _add_total(connection: Connection, epoch: int, micro: int) -> None:
    """Raise what all sessions used in an epoch; the last change of a batch, so that others wait shortly."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    query = dialect.insert(work_totals).values(epoch=epoch, work_micro=micro)
    old, new = work_totals.c.work_micro, query.excluded.work_micro
    # Spelled out, because the column's type is that of a text and texts would be joined.
    is_sqlite = connection.dialect.name == "sqlite"
    added = getattr(func, ADD_WHOLE)(old, new) if is_sqlite else old.op("+")(new)
    connection.execute(query.on_conflict_do_update(index_elements=["epoch"], set_={"work_micro": added}))


def work(connection: Connection, epoch: int) -> dict[SessionId, Work]:
    """Return what each session used in an epoch."""
    w = session_work.c
    query = select(w.session_id, w.rows, w.work_micro).where(w.epoch == epoch).order_by(w.session_id)
    return {SessionId(row[0]): Work(row[1], MicroUnits(row[2])) for row in connection.execute(query)}


def add_rejects(connection: Connection, made: Iterable[Reject]) -> None:
    """Keep rows that were not accepted; characters that no database takes are written as escapes."""
    rows = [
        {
            "received_at": each.received_at,
            "source": each.source,
            "line": each.line,
            "reason": _storable(each.reason),
            "row": _storable(each.row),
        }
        for each in made
    ]
    if rows:
        connection.execute(insert(rejects), rows)


def rejected(connection: Connection, *, newest: int) -> list[Reject]:
    """Return the `newest` rows that were not accepted, the last one first."""
    r = rejects.c
    query = select(r.received_at, r.source, r.line, r.reason, r.row).order_by(r.id.desc()).limit(newest)
    return [Reject(*row) for row in connection.execute(query)]


def _parts(keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield list(keys[start : start + KEYS_AT_ONCE])


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def work_by_session(connection: Connection) -> dict[SessionId, MicroUnits]:
    """Return what each session used in epochs that are not settled, in micro-units."""
    c = session_work.c
    work: dict[SessionId, MicroUnits] = {}
    for session_id, amount in connection.execute(select(c.session_id, c.work_micro).order_by(c.session_id)):
        work[SessionId(session_id)] = MicroUnits(work.get(SessionId(session_id), 0) + amount)
    return work
