"""What can be wrong with a database.

StoreError
├── BadDatabaseUrl    not the address of a database that this package uses
├── NoDatabase        the database cannot be opened at all
├── BadDatabase       its tables are not what this version can work with
│   └── BadValue      a row is missing, or a value in it is not what this package writes
├── DatabaseBusy      another indexer writes to it
├── NotIndexed        it does not know the contract
├── TooManyRows       a batch that no transaction can carry
└── OutboxDiffers     something else was planned before for the same part of an epoch
        )


├── NoEpoch           no epoch was ever opened in it
├── EpochClosed       the epoch that was to be closed takes no rows
├── NotKept           it could not keep a batch, such as on a full disk
├── RowsChanged       rows that were being sealed are not those that were read
└── ReporterNamed     a reporter's name is taken, or is not known
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


class EpochElsewhere(StoreError):
    """An epoch is not in the state that a step begins from, or the settlement is of another contract."""

    def __init__(self, subject: object, *, expected: str | None = None) -> None:
        """Keep what was to be changed and the state it should have been in."""
        self.subject = subject
        super().__init__(
            f"epoch {subject} is not {expected} any more: another process settles here; run one at a time"
            if expected
            else f"this database settles another contract than {subject}; use one home for each contract"
        )


class TooManyRows(StoreError):
    """A batch has no rows, or more than one transaction carries."""

    def __init__(self, purpose: str, *, rows: int, rows_max: int) -> None:
        """Keep what the batch is for, its rows and how many there may be."""
        self.purpose = purpose
        self.rows = rows
        self.rows_max = rows_max
        super().__init__(f"a batch to {purpose} has {rows} rows: cut them into batches of 1 to {rows_max}")


class OutboxDiffers(StoreError):
    """Other transactions were planned before for this purpose of this epoch; they may have been sent."""

    def __init__(self, purpose: str, *, epoch: int) -> None:
        """Keep the epoch and the purpose."""
        self.purpose = purpose
        self.epoch = epoch
        super().__init__(
            f"epoch {epoch} has other transactions to {purpose} in its outbox than those planned now: "
            "its usage or its rules changed after they were planned; restore them, nothing was overwritten"
        )


class NoEpoch(StoreError):
    """No epoch takes rows, because none was ever opened."""

    def __init__(self) -> None:
        """Say how one is opened."""
        super().__init__("no epoch is open here: `sessionpay usage import` opens the first one")


class EpochClosed(StoreError):
    """The epoch that was to be closed does not take rows."""

    def __init__(self, number: int, *, taking: int) -> None:
        """Keep the epoch that was named and the one that takes rows."""
        self.number = number
        self.taking = taking
        super().__init__(f"epoch {number} cannot be closed: epoch {taking} is the one that takes rows")


class NotKept(StoreError):
    """The database could not keep a batch; rows of it that were kept after all count once."""

    def __init__(self, database: str, *, reason: str) -> None:
        """Keep the database as far as it may be shown, and the reason."""
        self.database = database
        self.reason = reason
        super().__init__(
            f"database {database}: {reason}; no row was acknowledged, "
            "make room or wait, then send the same rows again"
        )


class RowsChanged(StoreError):
    """Rows that were being sealed are not those that were read: two sealed them at once."""

    def __init__(self, epoch: int, *, written: int, found: int) -> None:
        """Keep the epoch, how many rows the segment has and how many were to be removed for it."""
        self.epoch = epoch
        self.written = written
        self.found = found
        super().__init__(
            f"epoch {epoch}: a segment of {written} rows was written, but {found} rows wait for it; "
            "nothing was changed, run one sealer at a time"
        )


class ReporterNamed(StoreError):
    """The name of a reporter is taken already, or nobody has it."""

    def __init__(self, name: str, *, rule: str) -> None:
        """Keep the name and what is wrong with it."""
        self.name = name
        self.rule = rule
        super().__init__(f"reporter {name}: {rule}")
