"""The way to a database: SQLite in a file, or PostgreSQL; its migrations, transactions and writer's lock."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from threading import local
from typing import Any, TypeVar

from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from sessionpay.store import faults, migrations, statistics
from sessionpay.store.alert_tables import ALERTING
from sessionpay.store.errors import BadDatabase, BadDatabaseUrl, DatabaseBusy, NoDatabase
from sessionpay.store.faults import shown_url
from sessionpay.store.settlement_tables import SETTLEMENT
from sessionpay.store.tables import DERIVED, EVIDENCE, metadata
from sessionpay.store.types import ADD_WHOLE, add_texts

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
# A reader of SQLite may find the file locked for as long as one batch takes to commit.
BUSY_MILLISECONDS_MAX = 10_000
CONNECT_SECONDS_MAX = 10
# Keys of usage are spread evenly over their table, so that a thousand of them touch a thousand pages. Those
# are read without copying, up to the most that SQLite maps; what is written stays in memory until the
# commit; and a page that many batches touch is copied into the file once for 64 MiB of them.
SQLITE_MAPPED_BYTES_MAX = 2**31 - 2**16
SQLITE_CACHE_KIB = 32_768
SQLITE_CHECKPOINT_PAGES = 16_384
# Any number will do, as long as every version of this package takes the same one.
WRITER_LOCK = 0x5E55_10A7
VERSION_TABLE = "alembic_version"

Found = TypeVar("Found")


class SchemaState(StrEnum):
    """What the tables of a database are, beside those that this version works with."""

    MISSING = "missing"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"
    DERIVED_LOST = "derived tables lost"
    BROKEN = "broken"


class Database:
    """One database. Every change of it is one transaction: all of it, or nothing."""

    def __init__(self, engine: Engine) -> None:
        """Wrap an engine; `Database.open` makes one."""
        self.engine = engine
        self.name = shown_url(engine.url)
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._held = local()

    @classmethod
    def open(cls, url: str) -> "Database":
        """Connect to `sqlite:///path` or `postgresql://user:password@host:port/name`.

        Raises `BadDatabaseUrl` or `NoDatabase`. Nothing is created but an empty SQLite file.
        """
        parsed = _parsed(url)
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite(parsed)
        else:
            arguments = {"connect_timeout": CONNECT_SECONDS_MAX}
            engine = create_engine(parsed, connect_args=arguments, pool_pre_ping=True)
        database = cls(engine)
        try:
            with engine.connect():
                pass
        except DBAPIError as error:
            raise NoDatabase(database.name, reason=_reason(error)) from None
        return database

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection that sees one state of the database, whatever others write meanwhile.

        Raises `BadValue` if what is read with it fails because of a value in the database.
        """
        held: Connection | None = getattr(self._held, "connection", None)
        with (
            nullcontext(held) if held is not None else self._opened() as connection,
            faults.named(connection),
        ):
            yield connection

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let every `reading` of this thread see the same state, and begin but once.

        What is read later than that, as by a generator, must have been begun after it. A fault outside of
        `reading` is no fault of the database's, and nothing is looked through for it.
        """
        with self._opened() as connection:
            self._held.connection, self._held.found = connection, {}
            try:
                yield
            finally:
                self._held.connection = None

    def once(self, connection: Connection, read: Callable[..., Found], *asked: Hashable) -> Found:
        """Return `read(connection, *asked)`; inside of `one_state` it is read but the first time."""
        found: dict[object, Found] | None = getattr(self._held, "found", None)
        if found is None or connection is not self._held.connection:
            return read(connection, *asked)
        if (read, asked) not in found:
            found[read, asked] = read(connection, *asked)
        return found[read, asked]

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            # Committed, though nothing was written: what is rolled back makes psycopg forget the statements
            # that it prepared, and to plan them anew is half of what they cost.
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a connection whose changes are committed together at the end, or not at all.

        Raises `BadValue` as `reading`.
        """
        with self.engine.connect() as connection:
            connection.execution_options(sessionpay_writes=True)
            with connection.begin(), faults.named(connection):
                yield connection

    @contextmanager
    def sole_writer(self) -> Iterator[None]:
        """Hold the right to index into this database; raises `DatabaseBusy` if somebody else has it.

        The database ends the hold when the process dies, however it dies.
        """
        with self._lock_engine().connect() as connection:
            try:
                held = self._take(connection)
            except OperationalError:
                held = False
            if not held:
                raise DatabaseBusy(self.name)
            yield

    def _lock_engine(self) -> Engine:
        path = self.engine.url.database
        if not self.is_sqlite:
            return create_engine(self.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        # A lock on the books themselves would keep readers out, so a file beside them is locked.
        return _sqlite(URL.create("sqlite+pysqlite", database=f"{path}.lock"), is_lock=True)

    def _take(self, connection: Connection) -> bool:
        if self.is_sqlite:
            connection.execute(text("SELECT 1"))
            return True
        taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": WRITER_LOCK})
        return bool(taken.scalar_one())

    # Schema

    def state(self) -> SchemaState:
        """Tell what the tables are, without changing anything."""
        with self.reading() as connection:
            found = set(inspect(connection).get_table_names())
            ours = found & {table.name for table in metadata.sorted_tables}
            if VERSION_TABLE not in found:
                return SchemaState.BROKEN if ours else SchemaState.MISSING
            version = MigrationContext.configure(connection).get_current_revision()
        versions = migrations.versions()
        if version is None:
            return SchemaState.BROKEN if ours else SchemaState.MISSING
        if version not in versions:
            return SchemaState.NEWER
        if version != versions[-1]:
            return SchemaState.OLDER
        if {table.name for table in (*EVIDENCE, *SETTLEMENT, *ALERTING)} - found:
            return SchemaState.BROKEN
        return SchemaState.DERIVED_LOST if {table.name for table in DERIVED} - found else SchemaState.CURRENT

    def migrate(self) -> SchemaState:
        """Bring the tables to this version, and return what they were before.

        Lost derived tables are created empty: whoever migrates rebuilds them. Raises `BadDatabase` for
        tables of a later version and for a database of which essential tables are missing.
        """
        before = self.state()
        if before is SchemaState.NEWER:
            rule = "its tables are of a later version of this package; update the package"
            raise BadDatabase(self.name, rule=rule)
        if before is SchemaState.BROKEN:
            rule = "tables are missing as after half a restore; restore all of it, or begin with an empty one"
            raise BadDatabase(self.name, rule=rule)
        if before is SchemaState.CURRENT:
            return before
        with self.writing() as connection:
            migrations.upgrade(connection)
            # Tables that were lost after their migration are made anew; the others stay as they are.
            metadata.create_all(connection, tables=list(DERIVED))
            statistics.tell(connection)
        return before


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        driver = DRIVERS.get(parsed.drivername)
    except (ArgumentError, NoSuchModuleError, ValueError):
        driver = None
    if driver is None or not parsed.database or parsed.database == ":memory:":
        raise BadDatabaseUrl
    return parsed.set(drivername=driver)


def _sqlite(url: URL, *, is_lock: bool = False) -> Engine:
    engine = create_engine(url, poolclass=NullPool if is_lock else None)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
        # The driver would begin transactions by its own rules, too late to be exclusive.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {0 if is_lock else BUSY_MILLISECONDS_MAX}")
        if not is_lock:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute(f"PRAGMA mmap_size = {SQLITE_MAPPED_BYTES_MAX}")
            cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
            cursor.execute(f"PRAGMA wal_autocheckpoint = {SQLITE_CHECKPOINT_PAGES}")
            connection.create_function(ADD_WHOLE, 2, add_texts, deterministic=True)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        kind = "EXCLUSIVE" if is_lock else "IMMEDIATE" if options.get("sessionpay_writes") else "DEFERRED"
        connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _reason(error: DBAPIError) -> str:
    """Say what happened in one line; a driver's text names hosts and users, never a password."""
    return " ".join(str(error.orig).split()) or "it cannot be opened"


def path_of(url: str) -> Path | None:
    """Return the file of a SQLite database, None for another one; raises `BadDatabaseUrl`."""
    parsed = _parsed(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None
