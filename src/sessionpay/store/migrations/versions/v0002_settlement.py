"""Settlement: usage on its way in, epochs, what is owed, and every transaction sent."""

import sqlalchemy as sa
from alembic import op

from sessionpay.store.types import WholeNumber

revision = "0002"
down_revision = "0001"

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table of settlement."""
    _rules()
    _intake()
    _sessions()
    _sending()


def _rules() -> None:
    op.create_table(
        "rules",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "epochs",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("prices", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("usage_sha256", sa.Text(), nullable=True),
        sa.Column("manifest_sha256", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["policy"],
            ["rules.sha256"],
        ),
        sa.ForeignKeyConstraint(
            ["prices"],
            ["rules.sha256"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "settlement",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=True),
        sa.Column("retained", WholeNumber(), nullable=False),
        sa.Column("halted", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )


def _intake() -> None:
    op.create_table(
        "usage_keys",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_rows",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("usage_rows_of_epoch", "usage_rows", ["epoch", "id"], unique=False)
    op.create_table(
        "rejects",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("received_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "segments",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bytes", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_index("segments_of_epoch", "segments", ["epoch"], unique=False)
    op.create_table(
        "session_work",
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("work_micro", WholeNumber(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "epoch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reporters",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_sha256", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_sha256"),
        sa.UniqueConstraint("name"),
    )


def _sessions() -> None:
    op.create_table(
        "credit_notes",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("amount", WholeNumber(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("credit_notes_of_epoch", "credit_notes", ["epoch"], unique=False)
    op.create_table(
        "reservations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("amount", WholeNumber(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reservations_of_session", "reservations", ["session_id", "state"], unique=False)
    op.create_table(
        "charges",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("asked", WholeNumber(), nullable=False),
        sa.Column("collected", WholeNumber(), nullable=True),
        sa.PrimaryKeyConstraint("epoch", "session_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("charges_of_session", "charges", ["session_id", "epoch"], unique=False)
    op.create_table(
        "debts",
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("owed_micro", WholeNumber(), nullable=False),
        sa.Column("collected", WholeNumber(), nullable=False),
        sa.PrimaryKeyConstraint("session_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "claims",
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("performance", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("open_micro", WholeNumber(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "epoch", "node"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "held",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", WholeNumber(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
        sqlite_with_rowid=False,
    )


def _sending() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.Text(), nullable=True),
        sa.Column("transaction_hash", sa.Text(), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("applied", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("epoch", "purpose", "position"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "attempts",
        sa.Column("outbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("max_fee", WholeNumber(), nullable=False),
        sa.Column("priority_fee", WholeNumber(), nullable=False),
        sa.Column("gas", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("final_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("transaction_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["outbox_id"],
            ["outbox.id"],
        ),
        sa.PrimaryKeyConstraint("outbox_id", "number"),
        sa.UniqueConstraint("transaction_hash"),
    )
    op.create_index("attempts_of_sender", "attempts", ["sender", "nonce"], unique=False)
