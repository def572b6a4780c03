"""What follows from events counted anew, and held row by row against what SQL keeps of it.

Every column of every derived table is looked at: the tables of accounts after the last event, the lines of
statements and the rows for taking blocks back while the events go by.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from sessionpay.core.books import Books
from sessionpay.core.events import RoleGranted, RoleRevoked
from sessionpay.core.ids import Address
from sessionpay.core.movements import Kind, movements
from sessionpay.services.findings import Tally, Value, aligned
from sessionpay.store import kept
from sessionpay.store.derived import DAY_SECONDS, Touched
from sessionpay.store.evidence import Contract, Entry
from sessionpay.store.kept import MovementRow, UndoRow
from sessionpay.store.rows import BY_RELATION, Codec, State

EVENTS, BOOKS, STATEMENTS, UNDO = "events", "books", "statements", "undo"

Row = Mapping[str, Any]


@dataclass(slots=True)
class Count:
    """Everything that events add up to, counted as they go by; and every role that ever was given."""

    state: State
    roles_seen: set[tuple[str, Address]] = field(default_factory=set)

    @classmethod
    def empty(cls, *, withdrawal_delay: int) -> "Count":
        """Begin before the first event; the delay in seconds."""
        return cls(State(Books(withdrawal_delay=withdrawal_delay)))

    @property
    def books(self) -> Books:
        """The books after the last event."""
        return self.state.books

    def add(self, entry: Entry) -> list[MovementRow]:
        """Carry everything over one event, and return the lines that it makes."""
        state = self.state
        moved = movements(state.books, entry.event)
        for movement in moved:
            totals = state.days.setdefault(entry.timestamp // DAY_SECONDS, dict.fromkeys(Kind, 0))
            totals[movement.kind] += movement.amount
        if isinstance(entry.event, RoleGranted | RoleRevoked):
            self.roles_seen.add((entry.event.role, entry.event.account))
        state.books.record((entry.event,), entry.timestamp)
        state.event_count += 1
        place = entry.block_number, entry.log_index
        return [
            MovementRow(
                *place,
                row,
                movement.kind.value,
                movement.session_id,
                movement.node,
                movement.amount,
                movement.balance_after,
                movement.network_after,
            )
            for row, movement in enumerate(moved)
        ]


def hold_lines(
    entries: Iterator[Entry],
    there: Iterator[MovementRow],
    *,
    count: Count,
    lines: Tally,
    undo: "UndoCheck | None" = None,
) -> None:
    """Count `entries` and hold each line that follows against the one that is `there` in SQL.

    `undo`, where given, holds what each block changed against what is noted for taking it back.
    """
    for ours, theirs in aligned(_lines(entries, count, undo), there, key=_place):
        if ours is None or theirs is None:
            present = ours or theirs
            if present is not None:
                told = f"{present.kind} {present.amount} of {_account(present)}"
                lines.hold(_line(present), told if ours else None, told if theirs else None)
            continue
        if ours == theirs:
            lines.count += 1
            continue
        for name in MovementRow._fields:
            lines.hold(f"{_line(ours)} {name}", getattr(ours, name), getattr(theirs, name))
    if undo is not None:
        undo.finish()


def hold_tables(connection: Connection, contract: Contract, count: Count, *, tally: Tally) -> Books:
    """Hold the tables of accounts against a count of all events; return the books as they are kept."""
    there = State(Books(withdrawal_delay=contract.withdrawal_delay))
    for relation, codec in BY_RELATION.items():
        missing = _keys(count.state, relation)
        with closing(kept.table_rows(connection, contract, codec.table)) as rows:
            for row in rows:
                codec.load(there, row)
                found = {name: value for name, value in row.items() if name != "contract_id"}
                key = _key_of(codec, found)
                missing.discard(tuple(key.values()))
                hold_row(tally, _subject(relation, key), codec.row(count.state, key), found)
        for values in sorted(missing):
            key = dict(zip(_key_names(codec), values, strict=True))
            hold_row(tally, _subject(relation, key), codec.row(count.state, key), None)
    return there.books


def hold_row(tally: Tally, name: str, ours: Row | None, theirs: Row | None) -> None:
    """Hold two rows against each other, column by column; None for one that is not there."""
    if ours is None or theirs is None:
        tally.hold(name, _whole(ours), _whole(theirs))
        return
    for column in (*ours, *(column for column in theirs if column not in ours)):
        tally.hold(f"{name} {column}", ours.get(column), theirs.get(column))


class UndoCheck:
    """Holds the rows for taking blocks back against what each block above the final one changed."""

    def __init__(self, there: Iterator[UndoRow], *, final_number: int, tally: Tally) -> None:
        """Begin with the rows that are `there` in SQL, by block."""
        self._final_number = final_number
        self._tally = tally
        self._noted = groupby(there, key=lambda row: row.block_number)
        self._next: tuple[int, list[UndoRow]] | None = None
        self._advance()

    def before(self, number: int, state: State, block: list[Entry]) -> None:
        """Hold what is noted for block `number`, of which `block` are all events, against `state`."""
        if number <= self._final_number:
            return
        self._surplus(below=number)
        noted: dict[tuple[str, str], str | None] = {}
        if self._next is not None and self._next[0] == number:
            noted = {(row.relation, row.subject): row.before for row in self._next[1]}
            self._advance()
        expected = _images(state, Touched.by(block))
        for relation, subject in sorted({*noted, *expected}):
            self._hold(number, (relation, subject), expected, noted)

    def finish(self) -> None:
        """Name what is noted for blocks of which there is no event."""
        self._surplus(below=None)

    def _hold(
        self,
        number: int,
        key: tuple[str, str],
        expected: Mapping[tuple[str, str], Row | None],
        noted: Mapping[tuple[str, str], str | None],
    ) -> None:
        name = f"what {key[0]} {key[1]} was before block {number}"
        if key not in expected or key not in noted:
            self._tally.hold(name, *("noted" if key in side else None for side in (expected, noted)))
            return
        text = noted[key]
        hold_row(self._tally, name, expected[key], None if text is None else json.loads(text))

    def _surplus(self, *, below: int | None) -> None:
        while self._next is not None and (below is None or self._next[0] < below):
            for row in self._next[1]:
                name = f"what {row.relation} {row.subject} was before block {row.block_number}"
                self._tally.hold(name, None, "noted")
            self._advance()

    def _advance(self) -> None:
        number, of_block = next(self._noted, (0, None))
        self._next = None if of_block is None else (number, list(of_block))


def _lines(entries: Iterator[Entry], count: Count, undo: UndoCheck | None) -> Iterator[MovementRow]:
    for number, block in groupby(entries, key=lambda entry: entry.block_number):
        of_block = list(block)
        if undo is not None:
            undo.before(number, count.state, of_block)
        for entry in of_block:
            yield from count.add(entry)


def _images(state: State, touched: Touched) -> dict[tuple[str, str], Row | None]:
    """Return what the rows that a block touches are now, by relation and key."""
    keys: dict[str, list[Row]] = {
        "sessions": [{"session_id": session_id} for session_id in touched.sessions],
        "nodes": [{"node": node} for node in touched.nodes],
        "roles": [{"role": role, "account": account} for role, account in touched.roles],
        "daily_totals": [{"day": day} for day in touched.days],
        "treasury": [{}],
    }
    return {
        (relation, BY_RELATION[relation].subject(key)): BY_RELATION[relation].row(state, key)
        for relation, of_relation in keys.items()
        for key in of_relation
    }


def _keys(state: State, relation: str) -> set[tuple[Any, ...]]:
    """Return the keys of the rows that a table of accounts should have."""
    match relation:
        case "sessions":
            return {(session_id,) for session_id in state.books.sessions}
        case "nodes":
            return {(node,) for node in state.books.nodes}
        case "roles":
            return set(state.books.roles)
        case "daily_totals":
            return {(day,) for day in state.days}
        case _:
            return {()}  # The treasury has one row, whose key is the contract alone.


def _key_names(codec: Codec) -> list[str]:
    return [column.name for column in codec.table.primary_key if column.name != "contract_id"]


def _key_of(codec: Codec, row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _key_names(codec)}


def _subject(relation: str, key: Row) -> str:
    match relation:
        case "sessions":
            return f"session {key['session_id']}"
        case "nodes":
            return f"node {key['node']}"
        case "roles":
            return f"role {key['role']} of {key['account']}"
        case "daily_totals":
            return f"day {key['day']} from 1970-01-01"
        case _:
            return relation


def _whole(row: Row | None) -> Value:
    return None if row is None else " ".join(f"{name} {value}" for name, value in row.items()) or "there"


def _line(row: MovementRow) -> str:
    return f"line {row.row} of event {row.log_index} of block {row.block_number} ({_account(row)})"


def _account(row: MovementRow) -> str:
    return f"node {row.node}" if row.session_id is None else f"session {row.session_id}"


def _place(row: MovementRow) -> tuple[int, int, int]:
    return row.block_number, row.log_index, row.row
