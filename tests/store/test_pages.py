"""How lists are read: given any of them, from any place, each database should go through an index.

Of events, movements, sessions and nodes there are millions, so not one page may look at all of them.
"""

from __future__ import annotations

from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text

from sessionpay.core.ids import Address, SessionId
from sessionpay.store import flows, pages, queries, reservations, transfers
from sessionpay.store.outbox import Purpose
from sessionpay.store.pages import LogSpot, Spot
from tests.store.test_database import HASH, OWNER, filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

LARGE = ("events", "movements", "sessions", "nodes", "attempts", "charges", "held")
SESSION, NODE, SPOT = SessionId(7), Address("0x" + "0b" * 20), Spot(5, 1, 0)
READS: dict[str, Callable[[Connection, Contract], Any]] = {
    "sessions": partial(pages.sessions, limit=5),
    "sessions behind": partial(pages.sessions, after=SESSION, limit=5),
    "sessions of": partial(pages.sessions, owner=OWNER, limit=5),
    "sessions of, behind": partial(pages.sessions, owner=OWNER, after=SESSION, limit=5),
    "session": lambda connection, contract: queries.session(connection, contract, SESSION),
    "budget": lambda connection, contract: reservations.spending(connection, contract, SESSION, now=1),
    "nodes": partial(pages.nodes, limit=5),
    "nodes behind": partial(pages.nodes, after=NODE, limit=5),
    "node": lambda connection, contract: queries.node(connection, contract, NODE),
    "held": lambda connection, _: pages.held(connection, [NODE]),
    "movements": partial(pages.movements, limit=5),
    "movements behind": partial(pages.movements, behind=SPOT, limit=5),
    "movements upwards": partial(pages.movements, behind=SPOT, newest_first=False, limit=5),
    "final movements": partial(pages.movements, behind=SPOT, newest_first=False, up_to=9, limit=5),
    "final movements of a node": partial(
        pages.movements, of=NODE, behind=SPOT, newest_first=False, up_to=9, limit=5
    ),
    "movements of a session": partial(pages.movements, of=SESSION, limit=5),
    "movements of a session, behind": partial(pages.movements, of=SESSION, behind=SPOT, limit=5),
    "movements of a node": partial(pages.movements, of=NODE, limit=5),
    "movements of a node, behind": partial(
        pages.movements, of=NODE, behind=SPOT, newest_first=False, limit=5
    ),
    "events": partial(pages.events, limit=5),
    "events behind": partial(pages.events, behind=LogSpot(5, 1), limit=5),
    "events of a transaction": partial(pages.events_of_transaction, transaction_hash=HASH, limit=5),
    "sending": lambda connection, _: pages.sending(connection, HASH),
    "charges of a session": lambda connection, _: pages.charges_of_session(connection, SESSION, limit=5),
    "charges of a session, behind": lambda connection, _: pages.charges_of_session(
        connection, SESSION, before=3, limit=5
    ),
    "handing over": lambda connection, contract: transfers.handed_over_at(connection, contract, SESSION),
    "treasury": queries.treasury,
    "days": queries.daily_totals,
    "earmarks": partial(flows.earmarks, under_way=0),
    "planned": lambda connection, _: flows.planned(connection),
    "under way": partial(flows.under_way, purposes={HASH: Purpose.CHARGE}),
}  # fmt: skip


def plans(database: Database, contract: Contract, read: Callable[[Connection, Contract], Any]) -> list[str]:
    """Return how the database goes about everything that `read` asks."""
    found: list[str] = []
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.reading() as connection:
        if not database.is_sqlite:
            # No index is worth while for tables this small, so one is taken wherever there is one.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        asked: list[tuple[str, Any]] = []

        def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401
            asked.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", hear)
        read(connection, contract)
        event.remove(connection, "before_cursor_execute", hear)
        assert asked
        for statement, parameters in asked:
            rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
            found += [str(row[-1]) for row in rows]
    return found


def scanned(lines: list[str], *, is_sqlite: bool) -> list[str]:
    """Return the lines of a plan that go through all of a large table."""
    begins = "SCAN" if is_sqlite else "Seq Scan on"
    return [line for line in lines if any(f"{begins} {table}" in line for table in LARGE)]


def test_no_list_goes_through_a_whole_table(database: Database) -> None:
    contract = filled(database)
    for name, read in READS.items():
        lines = plans(database, contract, read)
        assert not scanned(lines, is_sqlite=database.is_sqlite), (name, lines)
        # A list that is sorted anew is read to its end; a page that is cut already may be.
        if database.is_sqlite and name != "budget":
            uncut = list(takewhile(lambda line: not line.startswith("SCAN anon"), lines))
            assert not [line for line in uncut if "TEMP B-TREE" in line], (name, lines)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_list_that_does_is_found_out(database: Database) -> None:
    def read(connection: Connection, _contract: Contract) -> None:
        connection.execute(text("SELECT * FROM sessions WHERE usage = '0'")).all()

    assert scanned(plans(database, filled(database), read), is_sqlite=True)
