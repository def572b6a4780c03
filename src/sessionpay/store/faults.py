"""Values in the database that this package never wrote: found, and named by table, row and column.

Reading does not look at each value first, because that would slow every reader down for the sake of a
rare accident. What cannot be read raises some error; only then is the database gone through for the value
that is at fault.
"""

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import URL, BigInteger, Column, Connection, Integer, RowMapping, Table, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from sessionpay.core.errors import shown
from sessionpay.core.ids import is_address
from sessionpay.core.movements import Kind
from sessionpay.core.wire import from_json, is_event_name
from sessionpay.store.errors import BadDatabase, BadValue
from sessionpay.store.tables import DERIVED, EVIDENCE, contracts
from sessionpay.store.types import WholeNumber

# What reading a value of the wrong kind raises, wherever it is first used.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
ANEW = "restore it from a copy, or index the contract anew from the chain into a new database"
REBUILD = "run `sessionpay index rebuild`"

_FETCH_ROWS = 2_000
_HASH = re.compile(r"0x[0-9a-f]{64}")
_HASHES = frozenset({"hash", "parent_hash", "block_hash", "transaction_hash", "role"})
# A contract of which nothing is read yet has no hashes.
_HASHES_OR_NONE = frozenset({"head_hash", "final_hash"})
_ADDRESSES = frozenset({"address", "asset", "owner", "node", "payee", "account"})


@contextmanager
def named(connection: Connection) -> Iterator[None]:
    """Turn an error in reading into `BadValue` where the database holds a value to blame for it."""
    try:
        yield
    except UNREADABLE:
        found = first_fault(connection)
        if found is None:
            raise
        raise found from None


def first_fault(connection: Connection) -> BadDatabase | None:
    """Return the first value that cannot be what this package wrote, None if there is none."""
    try:
        with closing(_faults(connection)) as found:
            return next(found, None)
    except DBAPIError as error:
        rule = f"{' '.join(str(error.orig).split())}; {ANEW}"
        return BadDatabase(shown_url(connection.engine.url), rule=rule)


def require_owners(connection: Connection) -> None:
    """Raise `BadValue` if a table holds rows of a contract that is not in the database any more."""
    known = set(connection.execute(select(contracts.c.id)).scalars())
    for table in (*EVIDENCE[1:], *DERIVED):
        for orphan in connection.execute(select(table.c.contract_id).distinct()).scalars():
            if orphan not in known:
                raise missing(connection, contracts, {"id": orphan}, why=f"{table.name} has rows of it")


def missing(connection: Connection, table: Table, key: Mapping[str, object], *, why: str) -> BadValue:
    """Return the error for a row that must be there."""
    return BadValue(
        shown_url(connection.engine.url),
        table=table.name,
        key=key,
        column=None,
        rule=f"is missing, but {why}; {ANEW}",
    )


def bad_value(
    connection: Connection, column: Column[Any], key: Mapping[str, object], value: object
) -> BadValue:
    """Return the error for `value`, and what to do: what follows from events can be built anew."""
    remedy = REBUILD if column.table in DERIVED else ANEW
    return BadValue(
        shown_url(connection.engine.url),
        table=column.table.name,
        key=key,
        column=column.name,
        rule=f"{shown(value)} is {_wanted(column)}; {remedy}",
    )


def shown_url(url: URL) -> str:
    """Return the address of a database as people write it, without its password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _faults(connection: Connection) -> Generator[BadValue, None, None]:
    for table in (*EVIDENCE, *DERIVED):
        # Every value as the driver gives it, because the columns' own types would refuse what is sought.
        raw = [type_coerce(column, NullType()).label(column.name) for column in table.c]
        tests = {column.name: _test(column, connection) for column in table.c}
        # Closed by hand, because a cursor on the server outlives an iteration that ends early.
        with connection.execute(select(*raw), execution_options={"yield_per": _FETCH_ROWS}) as found:
            for row in found.mappings():
                for column in table.c:
                    if not _passes(tests[column.name], row[column.name], row):
                        key = {part.name: _key(part, row, connection) for part in table.primary_key}
                        yield bad_value(connection, column, key, row[column.name])


def _key(part: Column[Any], row: RowMapping, connection: Connection) -> object:
    """Return one part of a row's key as people write it, or as it stands if that is what is broken."""
    value = row[part.name]
    if isinstance(part.type, WholeNumber) and _passes(_test(part, connection), value, row):
        return part.type.process_result_value(value, connection.dialect)
    return value


Test = Callable[[Any, RowMapping], bool]


def _passes(test: Test, value: object, row: RowMapping) -> bool:
    try:
        return test(value, row)
    except UNREADABLE:
        return False


def _test(column: Column[Any], connection: Connection) -> Test:
    """Return a function that is false, or fails, for what `column` never holds."""
    kind, name = column.type, column.name
    if isinstance(kind, WholeNumber):
        whole = kind

        def is_whole(value: Any, _row: RowMapping) -> bool:  # noqa: ANN401 - as the driver gives it
            return (whole.process_result_value(value, connection.dialect) is None) <= bool(column.nullable)

        return is_whole
    if isinstance(kind, Integer | BigInteger):
        return lambda value, _row: type(value) is int
    if name in _HASHES or name in _HASHES_OR_NONE:
        is_optional = name in _HASHES_OR_NONE
        return lambda value, _row: bool(_HASH.fullmatch(value)) or (is_optional and value == "")
    if name in _ADDRESSES:
        return lambda value, _row: is_address(value) or (value is None and bool(column.nullable))
    return _TESTS_BY_NAME.get((column.table.name, name), lambda value, _row: isinstance(value, str))


def _is_event(_value: object, row: RowMapping) -> bool:
    return from_json(row["name"], row["arguments"]) is not None


def _is_event_name(value: object, _row: RowMapping) -> bool:
    return is_event_name(str(value))


def _is_object(value: Any, _row: RowMapping) -> bool:  # noqa: ANN401 - as the driver gives it
    return value is None or isinstance(json.loads(value), dict)


_TESTS_BY_NAME: dict[tuple[str, str], Test] = {
    ("events", "name"): _is_event_name,
    ("events", "arguments"): _is_event,
    ("movements", "kind"): lambda value, _row: Kind(value) is not None,
    ("undo", "before"): _is_object,
    ("undo", "subject"): _is_object,
}
_WANTED = {
    "name": "the name of no event",
    "arguments": "not the arguments of such an event",
    "kind": "no kind of movement",
    "before": "no row as JSON",
    "subject": "no key as JSON",
}


def _wanted(column: Column[Any]) -> str:
    if isinstance(column.type, WholeNumber | Integer | BigInteger):
        return "no number as this package writes them"
    if column.name in _HASHES | _HASHES_OR_NONE:
        return "no 32 bytes as hexadecimal"
    if column.name in _ADDRESSES:
        return "no address"
    return _WANTED.get(column.name, "no text")
