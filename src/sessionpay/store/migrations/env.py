"""What Alembic runs: the steps, on the connection and in the transaction of whoever asked for them."""

from alembic import context

from sessionpay.store import settlement_tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=settlement_tables.metadata
)
context.run_migrations()
