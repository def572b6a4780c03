"""Lists in pieces: each begins right behind a key, so that the millionth row costs what the first does.

A piece has at most `limit` rows. The key of its last row is where the next one begins, so rows that come or
go meanwhile make none appear twice. Amounts are in base units, times in unix seconds.

Statements are put together once: to do that anew for each piece takes longer than to read it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    bindparam,
    case,
    func,
    literal_column,
    select,
)
from sqlalchemy.sql.elements import BindParameter

from sessionpay.core.books import Node, Session
from sessionpay.core.events import NodesAllocated, SessionsCharged
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.movements import Kind, Movement
from sessionpay.core.wire import is_event_name, outline
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract
from sessionpay.store.settlement_tables import attempts, charges, epochs, outbox, segments
from sessionpay.store.settlement_tables import held as held_table
from sessionpay.store.tables import events as events_table
from sessionpay.store.tables import movements as movements_table
from sessionpay.store.tables import nodes as nodes_table
from sessionpay.store.tables import sessions as sessions_table

# Each row of these is a movement. Their texts are some ten thousand signs, which no list needs: the rows come
# last in them, behind a sequence and a total of at most 78 digits each.
BATCH_HEAD_MAX = 256
_BATCHES = (SessionsCharged.__name__, NodesAllocated.__name__)

_Rows = TypeVar("_Rows", bound=Select[*tuple[Any, ...]])


class Spot(NamedTuple):
    """Where a movement stands in the order of the chain; `row` counts inside one event."""

    block_number: int
    log_index: int
    row: int


class LogSpot(NamedTuple):
    """Where an event stands in the order of the chain."""

    block_number: int
    log_index: int


class Moved(NamedTuple):
    """One movement, and the transaction that made it."""

    spot: Spot
    timestamp: int
    transaction_hash: str
    movement: Movement


class Said(NamedTuple):
    """One event: its fields as texts, and how many rows a batch has, None for an event of none."""

    block_number: int
    log_index: int
    block_hash: str
    transaction_hash: str
    timestamp: int
    name: str
    arguments: tuple[tuple[str, str], ...]
    rows: int | None


class Charged(NamedTuple):
    """What one epoch asked of one session and got, None until that is final, both in base units."""

    epoch: int
    asked: BaseUnits
    collected: BaseUnits | None
    state: str
    opened_at: int
    closed_at: int | None


class Sending(NamedTuple):
    """The part of an epoch that a transaction was signed for."""

    epoch: int
    purpose: str
    position: int


def sessions(
    connection: Connection,
    contract: Contract,
    *,
    owner: Address | None = None,
    after: SessionId | None = None,
    limit: int,
) -> list[tuple[SessionId, Session]]:
    """Return sessions, or those of one owner, by id, beginning behind `after`."""
    query = _sessions(of_owner=owner is not None, is_behind=after is not None)
    values = {"contract_id": contract.id, "owner": owner, "limit": limit, **_key(after)}
    return [(SessionId(row[0]), Session(*row[1:])) for row in connection.execute(query, values).all()]


@cache
def _sessions(*, of_owner: bool, is_behind: bool) -> Select[*tuple[Any, ...]]:
    s = sessions_table.c
    query = select(
        s.session_id, s.owner, s.balance, s.usage,
        s.registered_at, s.last_payment_at, s.withdrawal_requested_at,
    ).where(s.contract_id == bindparam("contract_id"))  # fmt: skip
    if of_owner:
        query = query.where(s.owner == bindparam("owner"))
    return _cut(query, (s.session_id,), is_behind=is_behind)


def nodes(
    connection: Connection, contract: Contract, *, after: Address | None = None, limit: int
) -> list[tuple[Address, Node]]:
    """Return nodes by address, beginning behind `after`."""
    values = {"contract_id": contract.id, "limit": limit, **_key(after)}
    rows = connection.execute(_nodes(is_behind=after is not None), values).all()
    return [(Address(row[0]), Node(*row[1:])) for row in rows]


@cache
def _nodes(*, is_behind: bool) -> Select[*tuple[Any, ...]]:
    n = nodes_table.c
    query = select(n.node, n.pending, n.earned, n.last_used_at, n.payee)
    return _cut(query.where(n.contract_id == bindparam("contract_id")), (n.node,), is_behind=is_behind)


def movements(
    connection: Connection,
    contract: Contract,
    *,
    of: SessionId | Address | None = None,
    behind: Spot | None = None,
    newest_first: bool = True,
    up_to: int | None = None,
    kinds: tuple[Kind, ...] = (),
    limit: int,
) -> list[Moved]:
    """Return movements of one session, one node or all accounts, beginning behind `behind`.

    Those of blocks above `up_to` are left out, and those of other `kinds` where any are given.
    """
    query = _movements(
        of=None if of is None else "node" if isinstance(of, str) else "session_id",
        is_behind=behind is not None,
        is_bounded=up_to is not None,
        kinds=kinds,
        newest_first=newest_first,
    )
    values = {"contract_id": contract.id, "of": of, "up_to": up_to, "limit": limit, **_spot(behind)}
    return [_moved(row) for row in connection.execute(query, values).all()]


@cache
def _movements(
    *, of: str | None, is_behind: bool, is_bounded: bool, kinds: tuple[Kind, ...], newest_first: bool
) -> Select[*tuple[Any, ...]]:
    m = movements_table.c
    query = select(movements_table).where(m.contract_id == bindparam("contract_id"))
    if of is not None:
        query = query.where(m[of] == bindparam("of"))
    if is_bounded:
        query = query.where(m.block_number <= bindparam("up_to"))
    if kinds:
        query = query.where(m.kind.in_([kind.value for kind in kinds]))
    order = (m.block_number, m.log_index, m.row)
    # Cut before it is joined, because PostgreSQL may else go through all newer events to get there.
    piece = _cut(query, order, is_behind=is_behind, newest_first=newest_first).subquery()
    return _with_transactions(piece, newest_first=newest_first)


def events(
    connection: Connection,
    contract: Contract,
    *,
    behind: LogSpot | None = None,
    newest_first: bool = True,
    limit: int,
) -> list[Said]:
    """Return events, beginning behind `behind`."""
    query = _events(is_behind=behind is not None, newest_first=newest_first)
    values = {"contract_id": contract.id, "limit": limit, **_spot(behind)}
    return [_said(row) for row in connection.execute(query, values).all()]


@cache
def _events(*, is_behind: bool, newest_first: bool) -> Select[*tuple[Any, ...]]:
    e = events_table.c
    query = _entries().where(e.contract_id == bindparam("contract_id"))
    return _cut(query, (e.block_number, e.log_index), is_behind=is_behind, newest_first=newest_first)


def events_of_transaction(
    connection: Connection, contract: Contract, transaction_hash: str, *, limit: int
) -> list[Said]:
    """Return what one transaction made the contract say, in its order."""
    values = {"contract_id": contract.id, "transaction_hash": transaction_hash, "limit": limit}
    return [_said(row) for row in connection.execute(_of_transaction(), values).all()]


@cache
def _of_transaction() -> Select[*tuple[Any, ...]]:
    e = events_table.c
    query = _entries().where(
        e.contract_id == bindparam("contract_id"), e.transaction_hash == bindparam("transaction_hash")
    )
    return _cut(query, (e.block_number, e.log_index))


def sending(connection: Connection, transaction_hash: str) -> Sending | None:
    """Return which part of which epoch a transaction was signed for; None for one of somebody else."""
    row = connection.execute(_SENDING, {"transaction_hash": transaction_hash}).one_or_none()
    return None if row is None else Sending(*row)


def epochs_before(connection: Connection, *, before: int | None = None, limit: int) -> list[Epoch]:
    """Return epochs, the newest first, beginning below number `before`."""
    query = _epochs(is_behind=before is not None)
    return [Epoch(*row) for row in connection.execute(query, {"limit": limit, **_key(before)})]


@cache
def _epochs(*, is_behind: bool) -> Select[*tuple[Any, ...]]:
    return _cut(select(epochs), (epochs.c.number,), is_behind=is_behind, newest_first=True)


def charges_of_session(
    connection: Connection, session_id: SessionId, *, before: int | None = None, limit: int
) -> list[Charged]:
    """Return what epochs asked of a session, the newest first, beginning below epoch `before`."""
    values = {"session_id": session_id, "limit": limit, **_key(before)}
    rows = connection.execute(_charges(is_behind=before is not None), values)
    return [Charged(*row) for row in rows]


@cache
def _charges(*, is_behind: bool) -> Select[*tuple[Any, ...]]:
    c, of = charges.c, epochs.c
    query = (
        select(c.epoch, c.asked, c.collected, of.state, of.opened_at, of.closed_at)
        .join(epochs, of.number == c.epoch)
        .where(c.session_id == bindparam("session_id"))
    )
    return _cut(query, (c.epoch,), is_behind=is_behind, newest_first=True)


def sealed(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return how many rows are sealed of each of these epochs, and in how many segments."""
    rows = connection.execute(_SEALED, {"numbers": numbers})
    return {row[0]: (int(row[1]), row[2]) for row in rows}


def held(connection: Connection, accounts: Sequence[Address]) -> dict[Address, BaseUnits]:
    """Return what waits in the treasury for those of these accounts that were not active."""
    rows = connection.execute(_HELD, {"accounts": accounts})
    return {Address(row[0]): BaseUnits(row[1]) for row in rows}


def _with_transactions(piece: Subquery, *, newest_first: bool) -> Select[*tuple[Any, ...]]:
    """Return movements with the time and the transaction of their events, in the order of `_moved`."""
    m, e = piece.c, events_table.c
    place = (
        (m.contract_id == e.contract_id) & (m.block_number == e.block_number) & (m.log_index == e.log_index)
    )
    order = (m.block_number, m.log_index, m.row)
    return (
        select(
            *order, e.timestamp, e.transaction_hash,
            m.kind, m.session_id, m.node, m.amount, m.balance_after, m.network_after,
        )
        .join_from(piece, events_table, place)
        .order_by(*(column.desc() if newest_first else column for column in order))
    )  # fmt: skip


def _entries() -> Select[*tuple[Any, ...]]:
    """Return events, of batches but the beginning of their text, and how many movements their rows are."""
    e, m = events_table.c, movements_table.c
    is_batch = e.name.in_([literal_column(f"'{name}'") for name in _BATCHES])
    last = select(func.max(m.row)).where(
        m.contract_id == e.contract_id, m.block_number == e.block_number, m.log_index == e.log_index
    )
    return select(
        e.block_number, e.log_index, e.block_hash, e.transaction_hash, e.timestamp, e.name,
        case((is_batch, func.substr(e.arguments, 1, BATCH_HEAD_MAX)), else_=e.arguments),
        case((is_batch, last.scalar_subquery() + 1)),
    )  # fmt: skip


def _cut(
    query: _Rows, order: Sequence[Column[Any]], *, is_behind: bool = False, newest_first: bool = False
) -> _Rows:
    """Return a query for the first `limit` rows in this order, or for those behind the key of `_key`."""
    if is_behind:
        query = query.where(*_behind(order, newest_first=newest_first))
    query = query.order_by(*(column.desc() if newest_first else column for column in order))
    return query.limit(bindparam("limit", type_=BigInteger))


def _behind(order: Sequence[Column[Any]], *, newest_first: bool) -> tuple[ColumnElement[bool], ...]:
    """Return what holds of the rows behind a key.

    Its first part stands by itself, because neither database would look the key up in an index otherwise.
    """
    bounds = [BindParameter(f"behind_{place}", type_=column.type) for place, column in enumerate(order)]
    *others, last = zip(order, bounds, strict=True)
    found = last[0] < last[1] if newest_first else last[0] > last[1]
    for column, bound in reversed(others):
        beyond = column < bound if newest_first else column > bound
        found = beyond | ((column == bound) & found)
    if not others:
        return (found,)
    first, bound = others[0]
    return (first <= bound if newest_first else first >= bound, found)


def _key(*key: object) -> dict[str, object]:
    """Return the parts of a key as values of a query; none of nothing."""
    return {f"behind_{place}": part for place, part in enumerate(key) if part is not None}


def _spot(spot: Spot | LogSpot | None) -> dict[str, object]:
    return {} if spot is None else _key(*spot)


def _said(row: Sequence[Any]) -> Said:
    number, log_index, block_hash, transaction_hash, timestamp, name, text, moved = row
    if not (type(number) is type(log_index) is type(timestamp) is int and is_event_name(name)):
        raise TypeError("a block, a log or a time that is no number, or an event that the contract has not")
    arguments, rows = outline(text)
    if rows and moved is None and name in _BATCHES:
        raise TypeError("a batch whose movements are missing")
    counted = rows if moved is None else moved
    return Said(number, log_index, block_hash, transaction_hash, timestamp, name, arguments, counted)


def _moved(row: Sequence[Any]) -> Moved:
    kind, session_id, node, *amounts = row[5:]
    return Moved(Spot(*row[:3]), row[3], row[4], Movement(Kind(kind), session_id, node, *amounts))


_SENDING = (
    select(outbox.c.epoch, outbox.c.purpose, outbox.c.position)
    .join(attempts, attempts.c.outbox_id == outbox.c.id)
    .where(attempts.c.transaction_hash == bindparam("transaction_hash"))
)
_SEALED = (
    select(segments.c.epoch, func.sum(segments.c.rows), func.count())
    .where(segments.c.epoch.in_(bindparam("numbers", expanding=True)))
    .group_by(segments.c.epoch)
)
_HELD = select(held_table.c.account, held_table.c.amount).where(
    held_table.c.account.in_(bindparam("accounts", expanding=True))
)
