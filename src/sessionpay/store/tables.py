"""Every table. `EVIDENCE` is what the chain said; `DERIVED` follows from it and can be rebuilt.

Amounts are in base units, times in unix seconds, hashes and addresses lower-case 0x hexadecimal.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from sessionpay.store.types import WholeNumber

metadata = MetaData()


def _contract() -> Column[int]:
    return Column("contract_id", Integer, ForeignKey("contracts.id"), primary_key=True)


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=False, autoincrement=False)


def _whole(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, WholeNumber, primary_key=key, nullable=False)


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


contracts = Table(
    "contracts",
    metadata,
    Column("id", Integer, primary_key=True),
    _number("chain_id"),
    _text("address"),
    _text("asset"),
    _text("symbol"),
    _number("decimals"),
    _number("withdrawal_delay"),
    _number("first_block"),
    UniqueConstraint("chain_id", "address"),
)

# The blocks behind the head that a reorganisation could still take back, and the last final one.
blocks = Table(
    "blocks",
    metadata,
    _contract(),
    _number("number", key=True),
    _text("hash"),
    _text("parent_hash"),
    _number("timestamp"),
    sqlite_with_rowid=False,
)

# `verified_number` is the last block at which the contract's own counters agreed with the replay.
checkpoints = Table(
    "checkpoints",
    metadata,
    _contract(),
    _number("head_number"),
    _text("head_hash"),
    _number("final_number"),
    _text("final_hash"),
    _number("verified_number"),
    _number("reorganisations"),
    _number("event_count"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    _contract(),
    _number("block_number", key=True),
    _number("log_index", key=True),
    _number("chain_id"),
    _text("block_hash"),
    _text("transaction_hash"),
    _number("transaction_index"),
    _number("timestamp"),
    _text("name"),
    _text("arguments"),
    UniqueConstraint("chain_id", "block_hash", "log_index"),
    sqlite_with_rowid=False,
)
Index("events_of_transaction", events.c.contract_id, events.c.transaction_hash)
# Among millions of events few hand a session over; their texts begin with the session.
TRANSFERRED = "SessionTransferred"
Index(
    "events_of_transfer",
    events.c.contract_id,
    events.c.arguments,
    sqlite_where=events.c.name == TRANSFERRED,
    postgresql_where=events.c.name == TRANSFERRED,
    postgresql_ops={"arguments": "text_pattern_ops"},
)

movements = Table(
    "movements",
    metadata,
    _contract(),
    _number("block_number", key=True),
    _number("log_index", key=True),
    _number("row", key=True),
    _text("kind"),
    Column("session_id", WholeNumber),
    Column("node", Text),
    _whole("amount"),
    _whole("balance_after"),
    _whole("network_after"),
    CheckConstraint("(session_id IS NULL) <> (node IS NULL)", name="one_account"),
    sqlite_with_rowid=False,
)
Index(
    "movements_of_session",
    movements.c.contract_id,
    movements.c.session_id,
    movements.c.block_number,
    sqlite_where=movements.c.session_id.is_not(None),
    postgresql_where=movements.c.session_id.is_not(None),
)
Index(
    "movements_of_node",
    movements.c.contract_id,
    movements.c.node,
    movements.c.block_number,
    sqlite_where=movements.c.node.is_not(None),
    postgresql_where=movements.c.node.is_not(None),
)

sessions = Table(
    "sessions",
    metadata,
    _contract(),
    _whole("session_id", key=True),
    _text("owner"),
    _whole("balance"),
    _whole("usage"),
    _number("registered_at"),
    _number("last_payment_at"),
    _number("withdrawal_requested_at"),
    sqlite_with_rowid=False,
)
Index("sessions_of_owner", sessions.c.contract_id, sessions.c.owner, sessions.c.session_id)

nodes = Table(
    "nodes",
    metadata,
    _contract(),
    _text("node", key=True),
    _whole("pending"),
    _whole("earned"),
    _number("last_used_at"),
    _text("payee"),
    sqlite_with_rowid=False,
)

roles = Table(
    "roles",
    metadata,
    _contract(),
    _text("role", key=True),
    _text("account", key=True),
    sqlite_with_rowid=False,
)

# `event_count` says how many events the derived tables of the contract hold.
treasury = Table(
    "treasury",
    metadata,
    _contract(),
    _whole("network"),
    _whole("liabilities"),
    _number("sequence"),
    _number("paused_until"),
    _number("event_count"),
    sqlite_with_rowid=False,
)

# Sums of one UTC day; `day` counts from 1970-01-01.
daily_totals = Table(
    "daily_totals",
    metadata,
    _contract(),
    _number("day", key=True),
    _whole("deposit"),
    _whole("withdrawal"),
    _whole("charge"),
    _whole("allocation"),
    _whole("payout"),
    sqlite_with_rowid=False,
)

# What a row of another derived table was before a block that is not final, as JSON; NULL if it did not exist.
undo = Table(
    "undo",
    metadata,
    _contract(),
    _number("block_number", key=True),
    _text("relation", key=True),
    _text("subject", key=True),
    Column("before", Text),
    sqlite_with_rowid=False,
)

EVIDENCE = (contracts, blocks, checkpoints, events)
DERIVED = (movements, sessions, nodes, roles, treasury, daily_totals, undo)
