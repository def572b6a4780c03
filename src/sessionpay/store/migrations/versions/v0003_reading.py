"""What people look for: the events of a transaction, and one owner's sessions by id."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Index events by transaction, and sessions by owner and id."""
    op.create_index("events_of_transaction", "events", ["contract_id", "transaction_hash"], unique=False)
    # A derived table may be lost; it is then made anew after this, with its index.
    if "sessions" in sa.inspect(op.get_bind()).get_table_names():
        op.drop_index("sessions_of_owner", table_name="sessions", if_exists=True)
        op.create_index("sessions_of_owner", "sessions", ["contract_id", "owner", "session_id"], unique=False)
