"""Faults planted in SQL by hand, past every layer of the package: one cell of one row is another one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, select, type_coerce
from sqlalchemy.types import NullType

from sessionpay.core.ids import Address
from sessionpay.core.movements import Kind
from sessionpay.store.types import WholeNumber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Column, Connection, Table

OTHER_ACCOUNT = Address("0x" + "ee" * 20)
OTHER_HASH = "0x" + "ee" * 32
HASHES = {"hash", "parent_hash", "head_hash", "final_hash", "block_hash", "transaction_hash", "role"}
# Far enough for a changed key not to be another row's.
STRIDE = 1_000_003
LAST_DIGIT = re.compile(r'([0-9a-f])("?[\]},]*)$')


def all_rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    """Return every row by its key."""
    rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
    return [dict(row) for row in rows]


def choose(connection: Connection, column: Column[Any], number: int) -> tuple[Mapping[str, Any], Any]:
    """Return a row whose cell of `column` can be changed, the `number`th counted round, and the new value."""
    rows = all_rows(connection, column.table)
    assert rows, f"the history leaves {column.table.name} empty"
    for step in range(len(rows)):
        row = rows[(number + step) % len(rows)]
        value = changed(column, row[column.name])
        if value is not None:
            return row, value
    raise AssertionError(f"no cell of {column} can be changed")


def changed(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - the column decides
    """Return another value that the column could hold; None for a cell that has to stay."""
    if column.name == "before":
        return '{"network":0}' if value is None else _digit(value)
    if value is None:
        return None
    if isinstance(column.type, WholeNumber | Integer | BigInteger):
        return value + (STRIDE if column.primary_key else 1)
    if column.name == "kind":
        return next(kind.value for kind in Kind if kind.value != value)
    return CHANGED_TEXT[column.name](value)


def _digit(text: str) -> str | None:
    """Return JSON with its last digit another one; None where it does not end in a value."""
    found = LAST_DIGIT.search(text)
    if found is None:
        return None
    return text[: found.start()] + ("1" if found[1] != "1" else "2") + found[2]


CHANGED_TEXT: dict[str, Callable[[str], str | None]] = {
    "arguments": _digit,
    "name": {"NodeTimestampUpdated": "NodeTimestampDeleted"}.get,
    **dict.fromkeys(
        ("node", "owner", "payee", "account", "asset", "address"), lambda _account: OTHER_ACCOUNT
    ),
    **dict.fromkeys(HASHES, lambda _hash: OTHER_HASH),
    "symbol": lambda symbol: symbol + "X",
    "relation": lambda relation: "nodes" if relation != "nodes" else "sessions",
    "subject": lambda subject: subject.replace("}", ',"more":1}'),
}


def plant(connection: Connection, row: Mapping[str, Any], column: Column[Any], value: object) -> None:
    """Write `value` into one cell."""
    table = column.table
    where = [key == row[key.name] for key in table.primary_key]
    done = connection.execute(table.update().where(*where).values({column.name: value}))
    assert done.rowcount == 1


def plant_text(connection: Connection, row: Mapping[str, Any], column: Column[Any], text: str) -> None:
    """Write `text` into one cell as it is, whatever the column's type would say to it."""
    table = column.table
    where = [key == row[key.name] for key in table.primary_key]
    connection.execute(table.update().where(*where).values({column: type_coerce(text, NullType())}))
