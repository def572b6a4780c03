"""How a database goes about every statement of every page and answer, on books of any size.

python -m benchmarks.plans FOLDER [--database URL]
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text

from benchmarks.asking import STREAM, Known, deep, filled, known_of, paths
from benchmarks.books import Size
from benchmarks.pages import everything, site_of
from sessionpay.api import serving
from sessionpay.services.home import Home
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

LARGE = (
    "events", "movements", "sessions", "nodes", "charges", "consumption", "session_work", "debts", "claims",
    "held", "outbox", "attempts", "usage_keys", "usage_rows", "reservations",
)  # fmt: skip
_ANY = "|".join(LARGE)
_SCAN = re.compile(rf"\bSCAN ({_ANY})\b")
# All rows of a contract are all rows, too, unless they are what is wanted, in their order, and cut.
_SCAN = re.compile(rf"\bSCAN ({_ANY})\b")
_WHOLE = re.compile(rf"\bSCAN ({_ANY})\b|\bSEARCH ({_ANY}) .*\(contract_id=\?\)$")
_CUT = re.compile(r"WHERE \w+\.contract_id = \? ORDER BY [^?]+ LIMIT")
_SEQUENTIAL = re.compile(rf"\bSeq Scan on ({_ANY})\b")
ROUNDS = 2
FIRST_BYTES = 65_536

Asked = dict[str, Any]


@contextmanager
def heard(database: Database) -> Iterator[Asked]:
    """Collect every statement that anybody sends to the database, with the values of one time."""
    asked: Asked = {}

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
        asked.setdefault(statement, parameters)

    event.listen(database.engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(database.engine, "before_cursor_execute", hear)


def scanned(database: Database, asked: Asked, *, is_small: bool = False) -> list[str]:
    """Return the steps of these statements that go through a whole table that grows.

    In a database that `is_small` PostgreSQL is kept from it wherever there is another way.
    """
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    found = []
    with database.reading() as connection:
        if is_small and not database.is_sqlite:
            # No index is worth while for tables this small, so one is taken wherever there is one.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, parameters in asked.items():
            if statement.startswith(("SELECT", "WITH")):
                rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
                is_cut = _CUT.search(" ".join(statement.split()))
                whole = _SEQUENTIAL if not database.is_sqlite else _SCAN if is_cut else _WHOLE
                found += [f"{row[-1]}: {statement}" for row in rows if whole.search(str(row[-1]))]
    return found


def addresses(api: FastAPI, known: Known) -> list[tuple[str, str]]:
    """Return every address, and the name of its page."""
    draw = random.Random(1)  # noqa: S311 - ids need not be secret
    found = []
    for _ in range(ROUNDS):
        found += [(path, filled(path, known, draw)) for path in paths(api)]
        found += deep(known, draw).items()
    return found


def main() -> None:
    """Print every step that goes through a whole table; exit code 1 where there is one."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.plans")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--database")
    given = asked.parse_args()
    home, found, statements = Home(given.folder), 0, 0
    with closing(Database.open(given.database or home.database_url)) as database:
        known, (app, api) = known_of(database, Size()), everything(site_of(database, home))
        with serving(app, "127.0.0.1:0") as server:
            for name, address in addresses(api, known):
                if address == STREAM:
                    continue
                with heard(database) as statement:
                    connection = HTTPConnection(server.url.removeprefix("http://"))
                    connection.request("GET", address, headers=known.headers)
                    connection.getresponse().read(FIRST_BYTES)
                    connection.close()
                statements += len(statement)
                for line in scanned(database, statement):
                    found += 1
                    print(f"{name}: {line}", flush=True)
    print(f"{statements} statements, {found} steps through a whole table", file=sys.stderr)
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
