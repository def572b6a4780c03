"""Requests that may come again: by the key that their sender gave them, and what they made."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table of keys."""
    op.create_table(
        "request_keys",
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["reservation_id"], ["reservations.id"]),
        sa.PrimaryKeyConstraint("reporter", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("request_keys_by_age", "request_keys", ["created_at"], unique=False)
