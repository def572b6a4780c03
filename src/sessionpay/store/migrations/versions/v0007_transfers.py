"""Who hands a session over keeps what it used before to itself: such events are found without all others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Index the few events that hand a session over."""
    is_one = sa.text("name = 'SessionTransferred'")
    op.create_index(
        "events_of_transfer",
        "events",
        ["contract_id", "arguments"],
        unique=False,
        sqlite_where=is_one,
        postgresql_where=is_one,
        postgresql_ops={"arguments": "text_pattern_ops"},
    )
