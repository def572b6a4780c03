"""The first tables."""

import sqlalchemy as sa
from alembic import op

from sessionpay.store.types import WholeNumber

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first version."""
    _evidence()
    _accounts()
    _history()


def _evidence() -> None:
    op.create_table(
        "contracts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("decimals", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("withdrawal_delay", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chain_id", "address"),
    )
    op.create_table(
        "blocks",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("parent_hash", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoints",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("head_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head_hash", sa.Text(), nullable=False),
        sa.Column("final_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("final_hash", sa.Text(), nullable=False),
        sa.Column("verified_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reorganisations", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_count", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("block_hash", sa.Text(), nullable=False),
        sa.Column("transaction_hash", sa.Text(), nullable=False),
        sa.Column("transaction_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("timestamp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "block_number", "log_index"),
        sa.UniqueConstraint("chain_id", "block_hash", "log_index"),
        sqlite_with_rowid=False,
    )


def _accounts() -> None:
    op.create_table(
        "nodes",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("pending", WholeNumber(), nullable=False),
        sa.Column("earned", WholeNumber(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "node"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "roles",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "role", "account"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("session_id", WholeNumber(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("balance", WholeNumber(), nullable=False),
        sa.Column("usage", WholeNumber(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_payment_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("withdrawal_requested_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "session_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("sessions_of_owner", "sessions", ["contract_id", "owner"], unique=False)
    op.create_table(
        "treasury",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("network", WholeNumber(), nullable=False),
        sa.Column("liabilities", WholeNumber(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paused_until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_count", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id"),
        sqlite_with_rowid=False,
    )


def _history() -> None:
    op.create_table(
        "daily_totals",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deposit", WholeNumber(), nullable=False),
        sa.Column("withdrawal", WholeNumber(), nullable=False),
        sa.Column("charge", WholeNumber(), nullable=False),
        sa.Column("allocation", WholeNumber(), nullable=False),
        sa.Column("payout", WholeNumber(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "movements",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("row", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("session_id", WholeNumber(), nullable=True),
        sa.Column("node", sa.Text(), nullable=True),
        sa.Column("amount", WholeNumber(), nullable=False),
        sa.Column("balance_after", WholeNumber(), nullable=False),
        sa.Column("network_after", WholeNumber(), nullable=False),
        sa.CheckConstraint("(session_id IS NULL) <> (node IS NULL)", name="one_account"),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "block_number", "log_index", "row"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "movements_of_node",
        "movements",
        ["contract_id", "node", "block_number"],
        unique=False,
        sqlite_where=sa.text("node IS NOT NULL"),
        postgresql_where=sa.text("node IS NOT NULL"),
    )
    op.create_index(
        "movements_of_session",
        "movements",
        ["contract_id", "session_id", "block_number"],
        unique=False,
        sqlite_where=sa.text("session_id IS NOT NULL"),
        postgresql_where=sa.text("session_id IS NOT NULL"),
    )
    op.create_table(
        "undo",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contract_id"],
            ["contracts.id"],
        ),
        sa.PrimaryKeyConstraint("contract_id", "block_number", "relation", "subject"),
        sqlite_with_rowid=False,
    )
