"""Many rows into one table, by the shortest way that each driver has.

SQLAlchemy takes longer to bind the values of a row than a database to insert it, so rows go to the driver
as tuples: to SQLite by one statement for all of them, to PostgreSQL as a COPY.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.exc import DBAPIError

from sessionpay.store.types import WholeNumber, to_digits, to_text


def insert_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows, each with a value for every column in the table's order.

    Raises `ValueError` for a number that its column cannot keep, and `IntegrityError` for a second row of
    one key.
    """
    columns = list(zip(*rows, strict=True))
    if not columns:
        return
    dialect = connection.dialect
    is_sqlite = dialect.name == "sqlite"
    written = to_text if is_sqlite else to_digits
    for place, column in enumerate(table.columns):
        if isinstance(column.type, WholeNumber):
            convert = _unless_null(written) if column.nullable else written
            columns[place] = tuple(map(convert, columns[place]))
    bound = zip(*columns, strict=True)
    if is_sqlite:
        connection.exec_driver_sql(_statement(table, dialect), list(bound))
        return
    _copy_in(connection, _copy(table, dialect), bound)


def _copy_in(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    driver: Any = connection.connection
    faults = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except faults as fault:
        # SQLAlchemy did not see the statement, and callers know its exceptions alone.
        raise DBAPIError.instance(statement, None, fault, faults) from fault


def _unless_null(written: Callable[[int], str]) -> Callable[[int | None], str | None]:
    return lambda value: None if value is None else written(value)


@cache
def _statement(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect))


@cache
def _copy(table: Table, dialect: Dialect) -> str:
    quote = dialect.identifier_preparer.quote
    return (
        f"COPY {quote(table.name)} ({', '.join(quote(column.name) for column in table.columns)}) FROM STDIN"
    )
