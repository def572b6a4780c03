"""What follows from the events: balances, statements, totals; kept in step with them, or built anew.

Only the sessions and nodes that a batch of events touches are in memory. For blocks that are not final
it is noted what each row was before, so that a reorganisation puts them back without reading history.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, delete, select

from sessionpay.core import events as ev
from sessionpay.core.books import Books
from sessionpay.core.continuity import require_possible
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.movements import Kind, movements
from sessionpay.store import evidence, rows, tables
from sessionpay.store.evidence import CHUNK_ROWS, Contract, Entry
from sessionpay.store.insertion import insert_rows
from sessionpay.store.rows import State

DAY_SECONDS = 86_400

Row = tuple[Any, ...]


@dataclass(slots=True)
class Touched:
    """What some events can change; the treasury besides, always."""

    sessions: set[SessionId] = field(default_factory=set)
    nodes: set[Address] = field(default_factory=set)
    roles: set[tuple[str, Address]] = field(default_factory=set)
    days: set[int] = field(default_factory=set)

    @classmethod
    def by(cls, entries: Iterable[Entry]) -> "Touched":
        """Collect from events."""
        touched = cls()
        for entry in entries:
            touched.days.add(entry.timestamp // DAY_SECONDS)
            match entry.event:
                case ev.SessionsCharged(charges=charges):
                    touched.sessions.update(charge.session_id for charge in charges)
                case ev.NodesAllocated(allocations=allocations):
                    touched.nodes.update(allocation.node for allocation in allocations)
                case ev.NodeTimestampsUpdated(nodes=nodes):
                    touched.nodes.update(nodes)
                case ev.RoleGranted(role, account) | ev.RoleRevoked(role, account):
                    touched.roles.add((role, account))
                case event:
                    touched._add_one(event)
        return touched

    def _add_one(self, event: ev.Event) -> None:
        if (session_id := getattr(event, "session_id", None)) is not None:
            self.sessions.add(session_id)
        elif (node := getattr(event, "node", None)) is not None:
            self.nodes.add(node)


def fold(connection: Connection, contract: Contract, entries: Sequence[Entry], *, final_number: int) -> Books:
    """Carry the derived tables over `entries`, and return the books of what these touch.

    Blocks above `final_number` can be put back later. Raises `BrokenHistory` for an event that cannot
    follow; then the transaction must not be committed.
    """
    touched = Touched.by(entries)
    state = _load(connection, contract, touched)
    lines: list[Row] = []
    before: list[Row] = []
    for number, block in groupby(entries, key=lambda entry: entry.block_number):
        of_block = list(block)
        if number > final_number:
            images = _images(state, Touched.by(of_block))
            before += [(contract.id, number, *image) for image in images]
        for entry in of_block:
            lines += _record(contract, state, entry)
    insert_rows(connection, tables.movements, lines)
    insert_rows(connection, tables.undo, before)
    _save(connection, contract, state, touched)
    return state.books


def rewind(connection: Connection, contract: Contract, *, to: int) -> None:
    """Put every derived row back to what it was after block `to`, as far as that was noted."""
    u = tables.undo.c
    where = (u.contract_id == contract.id, u.block_number > to)
    query = select(u.relation, u.subject, u.before).where(*where).order_by(u.block_number)
    earliest: dict[tuple[str, str], str | None] = {}
    for row in connection.execute(query):
        earliest.setdefault((row.relation, row.subject), row.before)
    for relation, of_relation in groupby(sorted(earliest), key=lambda key: key[0]):
        codec = rows.BY_RELATION[relation]
        images = [(subject, earliest[relation, subject]) for _relation, subject in of_relation]
        gone = [codec.key(subject) for subject, _before in images]
        rows.remove(connection, codec.table, contract.id, gone)
        back = [json.loads(before) for _subject, before in images if before is not None]
        rows.insert_all(connection, codec.table, contract.id, back)
    connection.execute(delete(tables.undo).where(*where))
    m = tables.movements.c
    connection.execute(delete(tables.movements).where(m.contract_id == contract.id, m.block_number > to))


def forget_undo(connection: Connection, contract: Contract, *, up_to: int) -> None:
    """Drop what was noted for blocks that are final now."""
    u = tables.undo.c
    connection.execute(delete(tables.undo).where(u.contract_id == contract.id, u.block_number <= up_to))


def rebuild(connection: Connection, contract: Contract) -> int:
    """Build every derived row of `contract` anew from its events, and return how many these are."""
    for table in tables.DERIVED:
        connection.execute(delete(table).where(table.c.contract_id == contract.id))
    final_number = evidence.checkpoint(connection, contract).final_number
    batch: list[Entry] = []
    count = 0
    for entry in evidence.entries(connection, contract):
        # A batch ends between two blocks, because what was before a block is noted once.
        if len(batch) >= CHUNK_ROWS and entry.block_number != batch[-1].block_number:
            fold(connection, contract, batch, final_number=final_number)
            batch = []
        batch.append(entry)
        count += 1
    fold(connection, contract, batch, final_number=final_number)
    return count


def books(connection: Connection, contract: Contract) -> Books:
    """Return the books as the derived tables have them, without reading any event."""
    return _load(connection, contract, None).books


def _record(contract: Contract, state: State, entry: Entry) -> list[Row]:
    """Carry the books over one event, and return its lines in the order of their table's columns."""
    require_possible(state.books, entry.event)
    moved = movements(state.books, entry.event)
    if moved:
        day = entry.timestamp // DAY_SECONDS
        if day not in state.days:
            state.days[day] = dict.fromkeys(Kind, 0)
        totals = state.days[day]
        for movement in moved:
            totals[movement.kind] += movement.amount
    state.books.record((entry.event,), entry.timestamp)
    state.event_count += 1
    place = (contract.id, entry.block_number, entry.log_index)
    return [(*place, row, kind.value, *line) for row, (kind, *line) in enumerate(moved)]


def _load(connection: Connection, contract: Contract, touched: Touched | None) -> State:
    """Read the rows that are touched, or all of them."""
    state = State(Books(withdrawal_delay=contract.withdrawal_delay))
    wanted = _keys(touched) if touched else dict.fromkeys(rows.BY_RELATION)
    for relation, keys in wanted.items():
        codec = rows.BY_RELATION[relation]
        for row in rows.fetch(connection, codec.table, contract.id, keys):
            codec.load(state, row)
    return state


def _keys(touched: Touched) -> dict[str, list[dict[str, Any]] | None]:
    return {
        "sessions": [{"session_id": session_id} for session_id in touched.sessions],
        "nodes": [{"node": node} for node in touched.nodes],
        "roles": [{"role": role, "account": account} for role, account in touched.roles],
        "daily_totals": [{"day": day} for day in touched.days],
        "treasury": None,
    }


def _images(state: State, touched: Touched) -> Iterable[Row]:
    """Yield what the touched rows are now: relation, subject, and the row before."""
    for relation, keys in _keys(touched).items():
        codec = rows.BY_RELATION[relation]
        for key in [{}] if keys is None else keys:
            row = codec.row(state, key)
            before = None if row is None else json.dumps(row, separators=(",", ":"))
            yield relation, codec.subject(key), before


def _save(connection: Connection, contract: Contract, state: State, touched: Touched) -> None:
    for relation, keys in _keys(touched).items():
        codec = rows.BY_RELATION[relation]
        some = [{}] if keys is None else keys
        rows.remove(connection, codec.table, contract.id, some)
        made = [codec.row(state, key) for key in some]
        rows.insert_all(connection, codec.table, contract.id, [row for row in made if row is not None])
