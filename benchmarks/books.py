"""Large books, written straight into tables: sessions, nodes, events, and epochs with their folders.

The same numbers give the same rows every time. What is derived from events is what the package would derive
from them, and epochs are computed as it computes them; only the ways of a node and of its chain are left out.

    python -m benchmarks.books FOLDER [--database URL] [--events 5000000] [--sessions 100000] [--nodes 10000]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from benchmarks.book_epochs import Epochs
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import Asset
from sessionpay.core.movements import Kind
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services.home import Home, open_epoch
from sessionpay.store import evidence, settling, tables
from sessionpay.store.database import Database
from sessionpay.store.insertion import insert_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Index

    from sessionpay.store.evidence import Contract

CHAIN_ID = 31_337
CONTRACT = Address("0x" + "5e" * 20)
OPERATOR = Address("0x" + "a1" * 20)
BEGINS_AT = 1_700_000_000
DAY_SECONDS = 86_400
EVENTS_PER_BLOCK = 20
ROWS_AT_ONCE = 50_000
BATCH_ROWS = 512
DEPOSIT = 10**18
# Some sessions and nodes have a thousand times as many movements as others.
HOT, HOT_SHARE = 50, 0.1
SESSIONS_PER_OWNER = 5
SEED = 20_261_122


@dataclass(frozen=True, slots=True)
class Size:
    """How large books are; `days` is how long their history lasts, and the last `epochs` days have one each.

    `rows` are usage rows in each epoch.
    """

    sessions: int = 100_000
    nodes: int = 10_000
    events: int = 5_000_000
    days: int = 400
    epochs: int = 12
    rows: int = 100_000


SMALL = Size(sessions=400, nodes=60, events=6_000, days=40, epochs=3, rows=600)


def session_of(number: int) -> SessionId:
    """Return the id of a session; they are spread over all that there can be."""
    return SessionId(int.from_bytes(blake2b(b"session %d" % number, digest_size=20).digest()))


def node_of(number: int) -> Address:
    """Return the address of a node."""
    return Address("0x" + blake2b(b"node %d" % number, digest_size=20).hexdigest())


def owner_of(number: int) -> Address:
    """Return who owns a session; the first owner has a tenth of all, others a few."""
    owner = 0 if number % 10 == 0 else number // SESSIONS_PER_OWNER
    return Address("0x" + blake2b(b"owner %d" % owner, digest_size=20).hexdigest())


class Writer:
    """Writes events and their lines in the order of the chain, and keeps what they add up to."""

    def __init__(self, connection: Connection, contract: Contract, size: Size) -> None:
        """Begin at the first block, with nothing in the books."""
        self.connection, self.contract, self.size = connection, contract, size
        self.draw = random.Random(SEED)  # noqa: S311 - the same rows every time are wanted
        self.session_ids = [session_of(number) for number in range(size.sessions)]
        self.node_ids = sorted(node_of(number) for number in range(size.nodes))
        self.places = {session_id: number for number, session_id in enumerate(self.session_ids)}
        self.node_places = {node: number for number, node in enumerate(self.node_ids)}
        self.balance, self.usage, self.paid_at, self.since = ([0] * size.sessions for _ in range(4))
        self.pending, self.earned = [0] * size.nodes, [0] * size.nodes
        self.network = self.liabilities = self.sequence = self.count = 0
        self.days: dict[int, dict[Kind, int]] = {}
        self.block, self.log, self.transaction = 1, 0, ""
        self.block_seconds = size.days * DAY_SECONDS / max(1, size.events // EVENTS_PER_BLOCK)
        self._events: list[tuple[Any, ...]] = []
        self._lines: list[tuple[Any, ...]] = []

    @property
    def now(self) -> int:
        """When the block was made, in unix seconds."""
        return BEGINS_AT + int(self.block * self.block_seconds)

    @property
    def block_hash(self) -> str:
        """The hash of the block; they rise, so that a database need not look for their places."""
        return f"0x{self.block:016x}{self.block * 0x9E3779B97F4A7C15 % 2**192:048x}"

    def logged(self, name: str, arguments: str) -> tuple[int, int]:
        """Add an event in a transaction of its own, and return its place."""
        if self.log == EVENTS_PER_BLOCK:
            self.block, self.log = self.block + 1, 0
        place = self.block, self.log
        self.transaction = "0x" + blake2b(b"%d %d" % place, digest_size=32).hexdigest()
        self._events.append(
            (
                *(self.contract.id, *place, CHAIN_ID, self.block_hash, self.transaction, self.log, self.now),
                *(name, arguments),
            )
        )
        self.log += 1
        self.count += 1
        if len(self._events) >= ROWS_AT_ONCE:
            self.flush()
        return place

    def flush(self) -> None:
        """Hand what is collected over to the database."""
        insert_rows(self.connection, tables.events, self._events)
        insert_rows(self.connection, tables.movements, self._lines)
        self._events.clear()
        self._lines.clear()

    def charge(self, place: tuple[int, int], row: int, number: int, amount: int) -> None:
        """Move money from a session into the treasury."""
        self.balance[number] -= amount
        self.usage[number] += amount
        self.paid_at[number] = self.now
        self.network += amount
        self._line(place, row, Kind.CHARGE, amount, self.balance[number], session=self.session_ids[number])

    def allocate(self, place: tuple[int, int], row: int, number: int, amount: int) -> None:
        """Move money from the treasury to a node."""
        self.pending[number] += amount
        self.earned[number] += amount
        self.network -= amount
        self._line(place, row, Kind.ALLOCATION, amount, self.pending[number], node=self.node_ids[number])

    def deposit(self, number: int, amount: int) -> None:
        """Pay into a session."""
        session_id = self.session_ids[number]
        place = self.logged("DepositToSession", f'{{"session_id":"{session_id}","amount":"{amount}"}}')
        self.balance[number] += amount
        self.liabilities += amount
        self._line(place, 0, Kind.DEPOSIT, amount, self.balance[number], session=session_id)

    def pay(self, number: int, amount: int) -> None:
        """Let one session pay into the treasury."""
        session_id = self.session_ids[number]
        place = self.logged("PaymentToNetwork", f'{{"session_id":"{session_id}","amount":"{amount}"}}')
        self.charge(place, 0, number, amount)

    def give(self, number: int, amount: int) -> None:
        """Allocate to one node."""
        node = self.node_ids[number]
        place = self.logged("NodePaymentAllocated", f'{{"node":"{node}","amount":"{amount}"}}')
        self.allocate(place, 0, number, amount)

    def pay_out(self, number: int) -> None:
        """Send a node what is pending."""
        node, amount = self.node_ids[number], self.pending[number]
        place = self.logged("NodePaymentWithdrawn", f'{{"node":"{node}","amount":"{amount}"}}')
        self.pending[number] = 0
        self.liabilities -= amount
        self._line(place, 0, Kind.PAYOUT, amount, 0, node=node)

    def _line(
        self,
        place: tuple[int, int],
        row: int,
        kind: Kind,
        amount: int,
        after: int,
        *,
        session: SessionId | None = None,
        node: Address | None = None,
    ) -> None:
        day = self.now // DAY_SECONDS
        if day not in self.days:
            self.days[day] = dict.fromkeys(Kind, 0)
        self.days[day][kind] += amount
        line = (self.contract.id, *place, row, kind.value, session, node, amount, after, self.network)
        self._lines.append(line)

    def finish(self) -> None:
        """Write what follows from the events."""
        self.flush()
        contract, connection = self.contract.id, self.connection
        numbers = sorted(range(self.size.sessions), key=self.session_ids.__getitem__)
        insert_rows(
            connection,
            tables.sessions,
            (
                (
                    *(contract, self.session_ids[number], owner_of(number), self.balance[number]),
                    *(self.usage[number], self.since[number], self.paid_at[number], 0),
                )
                for number in numbers
            ),
        )
        nodes = zip(self.node_ids, self.pending, self.earned, strict=True)
        insert_rows(
            connection,
            tables.nodes,
            ((contract, node, pending, earned, BEGINS_AT, ZERO_ADDRESS) for node, pending, earned in nodes),
        )
        insert_rows(connection, tables.roles, [(contract, SESSION_CONTRACT_ROLE, OPERATOR)])
        sums = (self.network, self.liabilities, self.sequence, 0, self.count)
        insert_rows(connection, tables.treasury, [(contract, *sums)])
        days = ((contract, day, *totals.values()) for day, totals in sorted(self.days.items()))
        insert_rows(connection, tables.daily_totals, days)
        insert_rows(connection, tables.blocks, [(contract, self.block, self.block_hash, "0x", self.now)])
        head = (self.block, self.block_hash)
        evidence.set_checkpoint(
            connection, self.contract, evidence.Checkpoint(*head, *head, self.block, 0, self.count)
        )


def fill(database: Database, home: Home, size: Size) -> None:
    """Write books of this size into an empty database and an empty home."""
    home.make()
    home.keep_rules()
    home.policy.write_text('usage_visibility = "public"\n' + home.policy.read_text(), encoding="utf-8")
    open_epoch(database, home.rules(), at=BEGINS_AT)
    with database.writing() as connection:
        contract = evidence.enrol(
            connection,
            chain_id=CHAIN_ID,
            address=CONTRACT,
            asset=Asset(ZERO_ADDRESS, "ETH", 18),
            withdrawal_delay=DAY_SECONDS,
            first_block=0,
        )
        settling.bind(connection, contract)
        # Keys in no order are quicker to sort once than to put each into its place.
        later = [index for table in (tables.events, tables.movements) for index in table.indexes]
        _drop(connection, later)
        writer = Writer(connection, contract, size)
        work = Epochs(writer, home)
        _begin(writer)
        _go_on(writer, work)
        writer.finish()
        work.finish()
        for index in later:
            index.create(connection)
    _tidy(database)


def _begin(writer: Writer) -> None:
    """Register everybody, and pay something into each session."""
    role = f'{{"role":"{SESSION_CONTRACT_ROLE}","account":"{OPERATOR}","sender":"{OPERATOR}"}}'
    writer.logged("RoleGranted", role)
    writer.block_seconds, pace = 0, writer.block_seconds
    for start in range(0, writer.size.nodes, BATCH_ROWS):
        nodes = ",".join(f'"{node}"' for node in writer.node_ids[start : start + BATCH_ROWS])
        writer.logged("NodeTimestampsUpdated", f'{{"nodes":[{nodes}]}}')
    writer.block_seconds = pace
    for number, session_id in enumerate(writer.session_ids):
        writer.logged("SessionRegistered", f'{{"session_id":"{session_id}","owner":"{owner_of(number)}"}}')
        writer.since[number] = writer.now
        writer.deposit(number, DEPOSIT)


def _go_on(writer: Writer, work: Epochs) -> None:
    """Let single payments come and go until there are enough events, and settle an epoch on each last day."""
    draw, size = writer.draw, writer.size
    first = BEGINS_AT + (size.days - size.epochs) * DAY_SECONDS
    while writer.count < size.events - work.events_left:
        if work.number <= size.epochs and writer.now >= first + work.number * DAY_SECONDS:
            work.settle()
        share, amount = draw.random(), draw.randrange(10**9, 10**15)
        session, node = _one_of(draw, size.sessions), _one_of(draw, size.nodes)
        if share < 0.45 or writer.balance[session] < amount:  # noqa: PLR2004 - about half of all
            writer.deposit(session, amount)
        elif share < 0.8 or writer.network < amount:  # noqa: PLR2004 - most of the others
            writer.pay(session, amount)
        elif share < 0.95 or not writer.pending[node]:  # noqa: PLR2004 - as before
            writer.give(node, amount)
        else:
            writer.pay_out(node)
    while work.number <= size.epochs:
        work.settle()


def _one_of(draw: random.Random, count: int) -> int:
    return int(draw.random() * min(count, HOT if draw.random() < HOT_SHARE else count))


def _drop(connection: Connection, indexes: Iterable[Index]) -> None:
    for index in indexes:
        index.drop(connection)


def _tidy(database: Database) -> None:
    """Let the database look at what it has, as it does by itself after a while."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("PRAGMA optimize" if database.is_sqlite else "VACUUM ANALYZE"))


def main() -> None:
    """Write books as the command line says."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.books")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--database")
    for name in Size.__slots__:
        asked.add_argument(f"--{name}", type=int, default=getattr(Size(), name))
    given = vars(asked.parse_args())
    home = Home(given.pop("folder"))
    home.path.mkdir(parents=True, exist_ok=True)
    database = Database.open(given.pop("database") or home.database_url)
    began = time.perf_counter()
    fill(database, home, Size(**given))
    database.close()
    print(f"{given['events']:,} events in {time.perf_counter() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
