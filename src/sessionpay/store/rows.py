"""How the books stand in the derived tables: one codec for each table of accounts."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, bindparam, delete, select

from sessionpay.core.books import Books, Node, Session
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.movements import Kind
from sessionpay.store import tables
from sessionpay.store.insertion import insert_rows

Row = dict[str, Any]
# Databases bound the number of parameters of one statement; SQLite's oldest bound is 999.
KEYS_AT_ONCE = 400


@dataclass(slots=True)
class State:
    """The part of the books that some events touch, the totals of their days, and how many events are in."""

    books: Books
    days: dict[int, dict[Kind, int]] = field(default_factory=dict)
    event_count: int = 0


@dataclass(frozen=True, slots=True)
class Codec:
    """How one table and one part of the books become each other.

    `row` gives the columns without the contract for a key, None where the books have nothing there.
    """

    table: Table
    load: Callable[[State, RowMapping], None]
    row: Callable[[State, Mapping[str, Any]], Row | None]

    def subject(self, key: Mapping[str, Any]) -> str:
        """Return the key as a text; numbers stay exact in Python's JSON."""
        return json.dumps(key, separators=(",", ":"), sort_keys=True)

    def key(self, subject: str) -> Row:
        """Return the key that `subject` wrote."""
        key: Row = json.loads(subject)
        return key


def fetch(
    connection: Connection, table: Table, contract_id: int, keys: Sequence[Row] | None
) -> Iterable[RowMapping]:
    """Yield the rows of these keys, or every row."""
    query = select(table).where(table.c.contract_id == contract_id)
    if keys is None:
        yield from connection.execute(query).mappings()
        return
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        names = list(some[0])
        if len(names) == 1:
            chosen = table.c[names[0]].in_([key[names[0]] for key in some])
            yield from connection.execute(query.where(chosen)).mappings()
        else:
            for key in some:
                exact = and_(*(table.c[name] == key[name] for name in names))
                yield from connection.execute(query.where(exact)).mappings()


def remove(connection: Connection, table: Table, contract_id: int, keys: Sequence[Row]) -> None:
    """Delete the rows of these keys."""
    if not keys:
        return
    names = list(keys[0])
    where = [table.c[name] == bindparam(f"key_{name}", type_=table.c[name].type) for name in names]
    statement = delete(table).where(table.c.contract_id == contract_id, *where)
    connection.execute(statement, [{f"key_{name}": key[name] for name in names} for key in keys])


def insert_all(connection: Connection, table: Table, contract_id: int, made: Sequence[Row]) -> None:
    """Insert rows of one contract."""
    _contract_id, *names = table.columns.keys()
    insert_rows(connection, table, ((contract_id, *(row[name] for name in names)) for row in made))


def _load_session(state: State, row: RowMapping) -> None:
    state.books.sessions[SessionId(row["session_id"])] = Session(
        owner=Address(row["owner"]),
        balance=BaseUnits(row["balance"]),
        usage=BaseUnits(row["usage"]),
        registered_at=row["registered_at"],
        last_payment_at=row["last_payment_at"],
        withdrawal_requested_at=row["withdrawal_requested_at"],
    )


def _session(state: State, key: Mapping[str, Any]) -> Row | None:
    session = state.books.sessions.get(key["session_id"])
    if session is None:
        return None
    return {
        **key,
        "owner": session.owner,
        "balance": session.balance,
        "usage": session.usage,
        "registered_at": session.registered_at,
        "last_payment_at": session.last_payment_at,
        "withdrawal_requested_at": session.withdrawal_requested_at,
    }


def _load_node(state: State, row: RowMapping) -> None:
    state.books.nodes[Address(row["node"])] = Node(
        pending=BaseUnits(row["pending"]),
        earned=BaseUnits(row["earned"]),
        last_used_at=row["last_used_at"],
        payee=Address(row["payee"]),
    )


def _node(state: State, key: Mapping[str, Any]) -> Row | None:
    node = state.books.nodes.get(key["node"])
    if node is None:
        return None
    return {
        **key,
        "pending": node.pending,
        "earned": node.earned,
        "last_used_at": node.last_used_at,
        "payee": node.payee,
    }


def _load_role(state: State, row: RowMapping) -> None:
    state.books.roles.add((row["role"], Address(row["account"])))


def _role(state: State, key: Mapping[str, Any]) -> Row | None:
    return dict(key) if (key["role"], key["account"]) in state.books.roles else None


def _load_treasury(state: State, row: RowMapping) -> None:
    state.books.network = BaseUnits(row["network"])
    state.books.liabilities = BaseUnits(row["liabilities"])
    state.books.sequence = row["sequence"]
    state.books.paused_until = row["paused_until"]
    state.event_count = row["event_count"]


def _treasury(state: State, _key: Mapping[str, Any]) -> Row:
    return {
        "network": state.books.network,
        "liabilities": state.books.liabilities,
        "sequence": state.books.sequence,
        "paused_until": state.books.paused_until,
        "event_count": state.event_count,
    }


def _load_day(state: State, row: RowMapping) -> None:
    state.days[row["day"]] = {kind: row[kind.value] for kind in Kind}


def _day(state: State, key: Mapping[str, Any]) -> Row | None:
    totals = state.days.get(key["day"])
    return None if totals is None else {**key, **{kind.value: total for kind, total in totals.items()}}


BY_RELATION = {
    "sessions": Codec(tables.sessions, _load_session, _session),
    "nodes": Codec(tables.nodes, _load_node, _node),
    "roles": Codec(tables.roles, _load_role, _role),
    "treasury": Codec(tables.treasury, _load_treasury, _treasury),
    "daily_totals": Codec(tables.daily_totals, _load_day, _day),
}
