"""The tables of settlement: usage on its way in, epochs, what is owed, and every transaction sent.

One database settles one contract. Amounts are in base units unless a name says micro-units, times in unix
seconds, addresses and hashes lower-case 0x hexadecimal; a SHA-256 is 64 digits without 0x.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from sessionpay.store.tables import metadata
from sessionpay.store.types import WholeNumber


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=False, autoincrement=False)


def _whole(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, WholeNumber, primary_key=key, nullable=False)


def _text(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=False)


def _serial() -> Column[int]:
    # SQLite counts up only a column of this very type; PostgreSQL's own would end at 2**31.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


# One row, of id 1: what is settled here, and what no account was named for. Usage may come in before there
# is a contract to settle it. `halted` is why nothing is paid any more, NULL while all is well. `held` and
# `arrears` are the sums of the tables `held` and `debts`, NULL for nothing.
settlement = Table(
    "settlement",
    metadata,
    _number("id", key=True),
    Column("contract_id", Integer, ForeignKey("contracts.id")),
    _whole("retained"),
    Column("halted", Text),
    Column("held", WholeNumber),
    Column("arrears", WholeNumber),
)

# Price sheets and policies as they were written, by their hash; `kind` is `prices` or `policy`.
rules = Table("rules", metadata, _text("sha256", key=True), _text("kind"), _text("text"))

# `state` is one of open, sealed, charging, charged, allocating, settled; an epoch takes rows until
# `closed_at` and is sealed when all of them are in segments. Its rules apply from the moment it opens.
# `usage_sha256` is of its rows, `manifest_sha256` of its folder's manifest.
epochs = Table(
    "epochs",
    metadata,
    _number("number", key=True),
    _text("state"),
    Column("prices", Text, ForeignKey("rules.sha256"), nullable=False),
    Column("policy", Text, ForeignKey("rules.sha256"), nullable=False),
    _number("rule_version"),
    _number("opened_at"),
    Column("closed_at", BigInteger),
    Column("settled_at", BigInteger),
    Column("usage_sha256", Text),
    Column("manifest_sha256", Text),
)
Index("epochs_by_close", epochs.c.closed_at)
Index("epochs_by_state", epochs.c.state)

# Every usage row ever accepted, by half of the SHA-256 of its key and of its content.
usage_keys = Table(
    "usage_keys",
    metadata,
    Column("key", LargeBinary(16), primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
)

# Accepted rows that are in no segment yet, each as one line of JSON; `node` is the node in it.
usage_rows = Table(
    "usage_rows",
    metadata,
    _serial(),
    _number("epoch"),
    _text("row"),
    Column("node", Text),
    sqlite_autoincrement=True,
)
Index("usage_rows_of_epoch", usage_rows.c.epoch, usage_rows.c.id)
Index("usage_rows_of_node", usage_rows.c.epoch, usage_rows.c.node, usage_rows.c.id)

# Rows that were not accepted; `line` is that of a file or the place in a batch, from 1.
rejects = Table(
    "rejects",
    metadata,
    _serial(),
    _number("received_at"),
    _text("source"),
    _number("line"),
    _text("reason"),
    _text("row"),
    sqlite_autoincrement=True,
)

# Sealed files of usage, never changed.
segments = Table(
    "segments",
    metadata,
    _text("sha256", key=True),
    _number("epoch"),
    _number("rows"),
    _number("bytes"),
)
Index("segments_of_epoch", segments.c.epoch)

# What a session used in an epoch and did not pay yet, in micro-units: the price of its committed rows.
session_work = Table(
    "session_work",
    metadata,
    _whole("session_id", key=True),
    _number("epoch", key=True),
    _number("rows"),
    _whole("work_micro"),
    sqlite_with_rowid=False,
)

# The sums of `session_work` by epoch, for whoever asks what all sessions used together.
work_totals = Table(
    "work_totals", metadata, _number("epoch", key=True), _whole("work_micro"), sqlite_with_rowid=False
)

# What sessions used, by UTC day (counted from 1970-01-01), model and epoch: of every accepted row since the
# beginning. Tokens are of committed tasks alone. In this order a session's newest days are read first.
consumption = Table(
    "consumption",
    metadata,
    _whole("session_id", key=True),
    _number("day", key=True),
    _text("model", key=True),
    _number("epoch", key=True),
    _number("assigned"),
    _number("committed"),
    _number("prompt_tokens"),
    _number("completion_tokens"),
    sqlite_with_rowid=False,
)
Index("consumption_of_epoch", consumption.c.epoch)

credit_notes = Table(
    "credit_notes",
    metadata,
    _serial(),
    _number("epoch"),
    _whole("session_id"),
    _whole("amount"),
    _text("reason"),
    _text("reference"),
    _number("created_at"),
    sqlite_autoincrement=True,
)
Index("credit_notes_of_epoch", credit_notes.c.epoch)

# `state` is one of open, settled, released; one that is open after `expires_at` counts no more.
reservations = Table(
    "reservations",
    metadata,
    _text("id", key=True),
    _whole("session_id"),
    _whole("amount"),
    _text("state"),
    _number("created_at"),
    _number("expires_at"),
)
Index("reservations_of_session", reservations.c.session_id, reservations.c.state)

# Requests that may come again, by the key that a reporter gave them; `digest` is of what was asked. Those
# that are older than a sender would try again are deleted.
request_keys = Table(
    "request_keys",
    metadata,
    _text("reporter", key=True),
    _text("key", key=True),
    _text("digest"),
    Column("reservation_id", Text, ForeignKey("reservations.id"), nullable=False),
    _number("created_at"),
    sqlite_with_rowid=False,
)
Index("request_keys_by_age", request_keys.c.created_at)

# Who may hand usage in; of the API key only the SHA-256 is kept. `signer` signs batches, where one is named.
reporters = Table(
    "reporters",
    metadata,
    _serial(),
    _text("name"),
    _text("key_sha256"),
    Column("signer", Text),
    _number("created_at"),
    Column("revoked_at", BigInteger),
    UniqueConstraint("name"),
    UniqueConstraint("key_sha256"),
)

# What an epoch asked of each session, and what the contract took of it, NULL until that is final.
charges = Table(
    "charges",
    metadata,
    _number("epoch", key=True),
    _whole("session_id", key=True),
    _whole("asked"),
    Column("collected", WholeNumber),
    sqlite_with_rowid=False,
)
Index("charges_of_session", charges.c.session_id, charges.c.epoch)

# The books between two epochs: what each session ever owed, in micro-units, and ever paid for it.
debts = Table(
    "debts",
    metadata,
    _whole("session_id", key=True),
    _whole("owed_micro"),
    _whole("collected"),
    sqlite_with_rowid=False,
)
claims = Table(
    "claims",
    metadata,
    _whole("session_id", key=True),
    _number("epoch", key=True),
    _text("node", key=True),
    _number("performance"),
    _whole("open_micro"),
    sqlite_with_rowid=False,
)
held = Table("held", metadata, _text("account", key=True), _whole("amount"), sqlite_with_rowid=False)

# One row for each transaction that an epoch needs: `purpose` is charge, mark, allocate or payout, `position`
# counts within it. `rows` is what it carries and `applied` what the contract made of it, both as JSON.
# `state` is one of prepared, sent, mined, final, failed, unknown; planned before there is a nonce.
outbox = Table(
    "outbox",
    metadata,
    _serial(),
    _number("epoch"),
    _text("purpose"),
    _number("position"),
    _text("rows"),
    _text("state"),
    Column("reason", Text),
    Column("sequence", BigInteger),
    Column("block_number", BigInteger),
    Column("block_hash", Text),
    Column("transaction_hash", Text),
    Column("gas_used", BigInteger),
    Column("applied", Text),
    UniqueConstraint("epoch", "purpose", "position"),
    sqlite_autoincrement=True,
)
# What is still on its way, and what failed, are few among all that was ever sent.
Index("outbox_of_state", outbox.c.state, outbox.c.purpose)

# Every signed form of a transaction, kept before it is sent; fees in wei for one gas, `gas` its limit.
# `state` is as in the outbox, or replaced: it cannot count any more. `final_number` was the last final
# block when it was signed, so whatever became of it stands above that.
attempts = Table(
    "attempts",
    metadata,
    _number("outbox_id", key=True),
    _number("number", key=True),
    _text("sender"),
    _number("nonce"),
    Column("sequence", BigInteger),
    _whole("max_fee"),
    _whole("priority_fee"),
    _number("gas"),
    _number("final_number"),
    _text("raw"),
    _text("transaction_hash"),
    _text("state"),
    _number("created_at"),
    ForeignKeyConstraint(["outbox_id"], ["outbox.id"]),
    UniqueConstraint("transaction_hash"),
)
Index("attempts_of_sender", attempts.c.sender, attempts.c.nonce)

SETTLEMENT = (
    settlement, rules, epochs, usage_keys, usage_rows, rejects, segments, session_work, work_totals,
    consumption, credit_notes, reservations, request_keys, reporters, charges, debts, claims, held, outbox,
    attempts,
)  # fmt: skip
