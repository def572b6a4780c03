"""What people ask of the books. Amounts are in base units; lists are in the order of their keys."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, bindparam, func, select

from sessionpay.core.books import Node, Session
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.movements import ADDING, Kind
from sessionpay.store import tables
from sessionpay.store.derived import DAY_SECONDS
from sessionpay.store.evidence import Contract
from sessionpay.store.types import WholeNumber

_FETCH_ROWS = 2_000


class Line(NamedTuple):
    """One line of a statement: `amount` is signed as it changes the account, `balance` what it has then.

    `subject` is the session or the node that the line is about. Times are unix seconds.
    """

    block_number: int
    timestamp: int
    transaction_hash: str
    log_index: int
    row: int
    kind: Kind
    subject: SessionId | Address
    amount: int
    balance: BaseUnits


class Amount(NamedTuple):
    """One movement, as far as it says when (unix seconds), what, and how much (base units)."""

    timestamp: int
    kind: str
    amount: int


class DayTotal(NamedTuple):
    """What moved on one UTC day, which began at unix time `starts_at`."""

    starts_at: int
    deposit: int
    withdrawal: int
    charge: int
    allocation: int
    payout: int


@dataclass(frozen=True, slots=True)
class Treasury:
    """The treasury and what the contract owes, both in base units; the next batch's number."""

    network: BaseUnits
    liabilities: BaseUnits
    sequence: int
    paused_until: int


def sessions(
    connection: Connection, contract: Contract, *, owner: Address | None = None
) -> Generator[tuple[SessionId, Session], None, None]:
    """Yield every session, or those of one owner, by id."""
    s = tables.sessions.c
    query = select(
        s.session_id,
        s.owner,
        s.balance,
        s.usage,
        s.registered_at,
        s.last_payment_at,
        s.withdrawal_requested_at,
    )
    query = query.where(s.contract_id == contract.id).order_by(s.session_id)
    if owner is not None:
        query = query.where(s.owner == owner)
    for row in _streamed(connection, query):
        yield SessionId(row[0]), Session(*row[1:])


def session_count(connection: Connection, contract: Contract, *, owner: Address | None = None) -> int:
    """Return how many sessions there are, or how many of one owner."""
    s = tables.sessions.c
    query = select(func.count()).select_from(tables.sessions).where(s.contract_id == contract.id)
    if owner is not None:
        query = query.where(s.owner == owner)
    return connection.execute(query).scalar_one()


def session(connection: Connection, contract: Contract, session_id: SessionId) -> Session | None:
    """Return one session, None if it was never registered."""
    values = {"contract_id": contract.id, "session_id": session_id}
    row = connection.execute(_SESSION, values).one_or_none()
    return None if row is None else Session(*row)


def newest_of_session(
    connection: Connection, contract: Contract, session_id: SessionId, *, limit: int
) -> list[Amount]:
    """Return the newest movements of one session, the last one first; nothing but when, what and how much."""
    values = {"contract_id": contract.id, "session_id": session_id, "limit": limit}
    return [Amount(*row) for row in connection.execute(_NEWEST, values).all()]


def nodes(connection: Connection, contract: Contract) -> Iterator[tuple[Address, Node]]:
    """Yield every node by address."""
    n = tables.nodes.c
    query = select(n.node, n.pending, n.earned, n.last_used_at, n.payee)
    query = query.where(n.contract_id == contract.id).order_by(n.node)
    for row in _streamed(connection, query):
        yield Address(row[0]), Node(*row[1:])


def node(connection: Connection, contract: Contract, address: Address) -> Node | None:
    """Return one node, None if no event ever named it."""
    row = connection.execute(_NODE, {"contract_id": contract.id, "node": address}).one_or_none()
    return None if row is None else Node(*row)


def treasury(connection: Connection, contract: Contract) -> Treasury:
    """Return the treasury; zeros before the first event."""
    t = tables.treasury.c
    query = select(t.network, t.liabilities, t.sequence, t.paused_until)
    row = connection.execute(query.where(t.contract_id == contract.id)).one_or_none()
    return Treasury(BaseUnits(0), BaseUnits(0), 0, 0) if row is None else Treasury(*row)


def daily_totals(connection: Connection, contract: Contract) -> list[DayTotal]:
    """Return what moved on each day that had an event of money."""
    d = tables.daily_totals.c
    query = select(d.day, d.deposit, d.withdrawal, d.charge, d.allocation, d.payout)
    rows = connection.execute(query.where(d.contract_id == contract.id).order_by(d.day))
    return [DayTotal(row[0] * DAY_SECONDS, *row[1:]) for row in rows]


class Statement(Protocol):
    """The lines of one account up to and including block `up_to`, in the order of the chain or backwards."""

    def __call__(
        self, *, up_to: int | None = None, newest_first: bool = False
    ) -> Generator[Line, None, None]:
        """Yield the lines, a few thousand of them in memory at a time."""


def session_statement(
    connection: Connection,
    contract: Contract,
    session_id: SessionId,
    *,
    up_to: int | None = None,
    newest_first: bool = False,
) -> Generator[Line, None, None]:
    """Yield every movement of one session up to block `up_to`; the amounts add up to the last balance."""
    chosen = tables.movements.c.session_id == session_id
    return _own(connection, contract, chosen, up_to, newest_first=newest_first)


def node_statement(
    connection: Connection,
    contract: Contract,
    address: Address,
    *,
    up_to: int | None = None,
    newest_first: bool = False,
) -> Generator[Line, None, None]:
    """Yield every movement of what is pending of one node; the amounts add up to the last balance."""
    chosen = tables.movements.c.node == address
    return _own(connection, contract, chosen, up_to, newest_first=newest_first)


def network_statement(
    connection: Connection, contract: Contract, *, up_to: int | None = None, newest_first: bool = False
) -> Generator[Line, None, None]:
    """Yield what came into the treasury and what was allocated; the amounts add up to the last balance."""
    m = tables.movements.c
    chosen = m.kind.in_([Kind.CHARGE.value, Kind.ALLOCATION.value])
    for row in _lines(connection, contract, chosen, up_to, newest_first=newest_first):
        # What a session pays is what the treasury gets, and the other way for a node.
        signed = row.amount if row.kind == Kind.CHARGE else -row.amount
        yield _line(row, signed, row.network_after)


def balance_of(statement: Statement, *, up_to: int | None = None) -> BaseUnits:
    """Return what an account has after block `up_to`, from its last line alone; 0 without a line."""
    with closing(statement(up_to=up_to, newest_first=True)) as lines:
        last = next(lines, None)
    return BaseUnits(0) if last is None else last.balance


def _own(
    connection: Connection,
    contract: Contract,
    chosen: ColumnElement[bool],
    up_to: int | None,
    *,
    newest_first: bool = False,
) -> Generator[Line, None, None]:
    for row in _lines(connection, contract, chosen, up_to, newest_first=newest_first):
        signed = row.amount if Kind(row.kind) in ADDING else -row.amount
        yield _line(row, signed, row.balance_after)


def _lines(
    connection: Connection,
    contract: Contract,
    chosen: ColumnElement[bool],
    up_to: int | None,
    *,
    newest_first: bool,
) -> Iterator[Row[Any]]:
    m, e = tables.movements.c, tables.events.c
    place = (
        (m.contract_id == e.contract_id) & (m.block_number == e.block_number) & (m.log_index == e.log_index)
    )
    query = (
        select(
            m.block_number, e.timestamp, e.transaction_hash, m.log_index, m.row, m.kind,
            m.session_id, m.node, m.amount, m.balance_after, m.network_after,
        )
        .join_from(tables.movements, tables.events, place)
        .where(m.contract_id == contract.id, chosen)
    )  # fmt: skip
    order = (m.block_number, m.log_index, m.row)
    query = query.order_by(*((column.desc() for column in order) if newest_first else order))
    if up_to is not None:
        query = query.where(m.block_number <= up_to)
    yield from _streamed(connection, query)


def _streamed(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    """Yield rows, a few thousand of them in memory; closed at once where whoever reads them stops early."""
    with connection.execute(query, execution_options={"yield_per": _FETCH_ROWS}) as rows:
        yield from rows


def _line(row: Row[Any], signed: int, balance: int) -> Line:
    subject = row.node if row.session_id is None else row.session_id
    place = (row.block_number, row.timestamp, row.transaction_hash, row.log_index, row.row)
    return Line(*place, Kind(row.kind), subject, signed, BaseUnits(balance))


def _session() -> Select[*tuple[Any, ...]]:
    s = tables.sessions.c
    return select(
        s.owner, s.balance, s.usage, s.registered_at, s.last_payment_at, s.withdrawal_requested_at
    ).where(s.contract_id == bindparam("contract_id"), s.session_id == bindparam("session_id"))


def _node() -> Select[*tuple[Any, ...]]:
    n = tables.nodes.c
    return select(n.pending, n.earned, n.last_used_at, n.payee).where(
        n.contract_id == bindparam("contract_id"), n.node == bindparam("node")
    )


def _newest() -> Select[*tuple[Any, ...]]:
    """Return the statement of `newest_of_session`, made once because making it takes longer than running it.

    The newest rows are cut out before they are joined, so that the others are not touched.
    """
    m, e = tables.movements.c, tables.events.c
    own = (
        select(m.contract_id, m.block_number, m.log_index, m.row, m.kind, m.amount)
        .where(m.contract_id == bindparam("contract_id", type_=BigInteger))
        .where(m.session_id == bindparam("session_id", type_=WholeNumber))
        .order_by(m.block_number.desc(), m.log_index.desc(), m.row.desc())
        .limit(bindparam("limit", type_=BigInteger))
        .subquery()
    )
    place = (
        (own.c.contract_id == e.contract_id)
        & (own.c.block_number == e.block_number)
        & (own.c.log_index == e.log_index)
    )
    query = select(e.timestamp, own.c.kind, own.c.amount).select_from(own).join(tables.events, place)
    return query.order_by(own.c.block_number.desc(), own.c.log_index.desc(), own.c.row.desc())


# Put together once: to do that anew for each look takes longer than to look.
_SESSION, _NODE, _NEWEST = _session(), _node(), _newest()
