"""Whose work a usage row is, so that a node can be told what it did in the epoch that is open."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# A quotation mark inside a name is written behind a backslash, so no model can be taken for the node.
_FILL = {
    "sqlite": """UPDATE usage_rows SET node = json_extract("row", '$.node')""",
    "postgresql": """UPDATE usage_rows SET node = substring("row" from '"node":"(0x[0-9a-f]{40})"')""",
}


def upgrade() -> None:
    """Add the node to each row, and an index by it."""
    op.add_column("usage_rows", sa.Column("node", sa.Text(), nullable=True))
    op.execute(_FILL[op.get_bind().dialect.name])
    op.create_index("usage_rows_of_node", "usage_rows", ["epoch", "node", "id"], unique=False)
