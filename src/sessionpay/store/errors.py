"""What can be wrong with a database.

StoreError
├── BadDatabaseUrl    not the address of a database that this package uses
├── NoDatabase        the database cannot be opened at all
├── BadDatabase       its tables are not what this version can work with
│   └── BadValue      a row is missing, or a value in it is not what this package writes
├── DatabaseBusy      another indexer writes to it
└── NotIndexed        it does not know the contract
"""

from collections.abc import Mapping

from sessionpay.core.errors import SessionPayError, shown
from sessionpay.core.ids import Address, checksum_address


class StoreError(SessionPayError):
    """The database is not as it should be."""


class BadDatabaseUrl(StoreError):
    """Not the address of a database that this package uses; it may hold a password and is not kept."""

    def __init__(self) -> None:
        """Say the form."""
        super().__init__(
            "the database address has the wrong form: "
            "write sqlite:///path/to/books.db or postgresql://user@host/name"
        )


class NoDatabase(StoreError):
    """The database cannot be opened."""

    def __init__(self, database: str, *, reason: str) -> None:
        """Keep the database as far as it may be shown, and the reason."""
        self.database = database
        self.reason = reason
        super().__init__(f"database {database}: {reason}; check its address and that it can be written")


class BadDatabase(StoreError):
    """The tables of a database are not what this version can work with."""

    def __init__(self, database: str, *, rule: str) -> None:
        """Keep the database as far as it may be shown, and what to do."""
        self.database = database
        self.rule = rule
        super().__init__(f"database {database}: {rule}")


class BadValue(BadDatabase):
    """A row is missing, or a value in it cannot be read: somebody changed it by hand, or a disk failed."""

    def __init__(
        self, database: str, *, table: str, key: Mapping[str, object], column: str | None, rule: str
    ) -> None:
        """Keep the place: table, the row's key by column, and the column, None if the row is missing."""
        self.table = table
        self.key = dict(key)
        self.column = column
        row = ", ".join(f"{name} {shown(value)}" for name, value in key.items())
        place = f"table {table}, row {row}" + (f", column {column}" if column else "")
        super().__init__(database, rule=f"{place}: {rule}")


class DatabaseBusy(StoreError):
    """Another indexer writes to the database; two at once would only undo each other."""

    def __init__(self, database: str) -> None:
        """Keep the database as far as it may be shown."""
        self.database = database
        super().__init__(f"database {database}: another indexer is running on it; stop that one first")


class NotIndexed(StoreError):
    """The database does not know the contract."""

    def __init__(self, address: Address, *, chain_id: int) -> None:
        """Keep the contract and its chain."""
        self.address = address
        self.chain_id = chain_id
        super().__init__(
            f"the database does not know contract {checksum_address(address)} on chain {chain_id}: "
            "index it first"
        )
