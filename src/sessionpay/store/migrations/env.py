"""What Alembic runs: the steps, on the connection and in the transaction of whoever asked for them."""

from alembic import context

from sessionpay.store.settlement_tables import settlement

context.configure(
    connection=context.config.attributes["connection"],
    # One table stands for all: each knows the metadata that they share.
    target_metadata=settlement.metadata,
)
context.run_migrations()
