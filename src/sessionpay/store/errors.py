"""What can be wrong with a database.

StoreError
├── BadDatabaseUrl    not the address of a database that this package uses
├── NoDatabase        the database cannot be opened at all
├── BadDatabase       its tables are not what this version can work with
├── DatabaseBusy      another indexer writes to it
├── NotIndexed        it does not know the contract
├── TooManyRows       a batch that no transaction can carry
└── OutboxDiffers     something else was planned before for the same part of an epoch
"""

from sessionpay.core.errors import SessionPayError
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
