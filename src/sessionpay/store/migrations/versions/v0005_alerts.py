"""Alerts: what is to be told to whom, how each stands, and every message about it."""

import sqlalchemy as sa
from alembic import op

from sessionpay.store.types import WholeNumber

revision = "0005"
down_revision = "0004"

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables of alerts, and index what of the outbox is under way or failed."""
    op.create_index("outbox_of_state", "outbox", ["state", "purpose"], unique=False)
    _alerts()
    _rules()
    _messages()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("allow_private", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("resumes_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )


def _rules() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("session_id", WholeNumber(), nullable=True),
        sa.Column("raise_at", WholeNumber(), nullable=False),
        sa.Column("clear_at", WholeNumber(), nullable=False),
        sa.Column("raise_seconds", sa.BigInteger(), nullable=False),
        sa.Column("clear_seconds", sa.BigInteger(), nullable=False),
        sa.Column("remind_seconds", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("alert_rules_of_alert", "alert_rules", ["alert_id"], unique=False)
    op.create_table(
        "alert_states",
        sa.Column("rule_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("is_raised", sa.BigInteger(), nullable=False),
        sa.Column("turning_since", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("episode", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rules.id"]),
        sa.PrimaryKeyConstraint("rule_id", "subject"),
        sqlite_with_rowid=False,
    )


def _messages() -> None:
    op.create_table(
        "alert_messages",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("logged_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"]),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rules.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("alert_messages_by_age", "alert_messages", ["created_at"], unique=False)
    for name, columns, where in (
        ("alert_messages_waiting", ["alert_id", "next_at"], sa.text("next_at IS NOT NULL")),
        ("alert_messages_to_log", ["id"], sa.text("logged_at IS NULL")),
    ):
        op.create_index(
            name, "alert_messages", columns, unique=False, sqlite_where=where, postgresql_where=where
        )
