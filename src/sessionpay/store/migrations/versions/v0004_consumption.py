"""What sessions used by day and model, and sums that nobody should add up for each reader."""

import sqlalchemy as sa
from alembic import op

from sessionpay.core.money import MICRO
from sessionpay.store.types import WholeNumber

revision = "0004"
down_revision = "0003"


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    """Make the tables, and sum up what is there; what sessions used is counted anew from their rows."""
    op.create_table(
        "consumption",
        sa.Column("session_id", WholeNumber, nullable=False),
        _number("day"),
        sa.Column("model", sa.Text, nullable=False),
        _number("epoch"),
        _number("assigned"),
        _number("committed"),
        _number("prompt_tokens"),
        _number("completion_tokens"),
        sa.PrimaryKeyConstraint("session_id", "day", "model", "epoch"),
        sqlite_with_rowid=False,
    )
    op.create_index("consumption_of_epoch", "consumption", ["epoch"])
    op.create_table(
        "work_totals",
        _number("epoch"),
        sa.Column("work_micro", WholeNumber, nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
        sqlite_with_rowid=False,
    )
    for name in ("held", "arrears"):
        op.add_column("settlement", sa.Column(name, WholeNumber))
    op.create_index("epochs_by_close", "epochs", ["closed_at"])
    op.create_index("epochs_by_state", "epochs", ["state"])
    _sum_up(op.get_bind())


def _sum_up(connection: sa.Connection) -> None:
    held = sa.table("held", sa.column("amount", WholeNumber))
    debts = sa.table("debts", sa.column("owed_micro", WholeNumber), sa.column("collected", WholeNumber))
    work = sa.table("session_work", sa.column("epoch", sa.BigInteger), sa.column("work_micro", WholeNumber))
    totals = sa.table("work_totals", sa.column("epoch", sa.BigInteger), sa.column("work_micro", WholeNumber))
    settlement = sa.table("settlement", sa.column("held", WholeNumber), sa.column("arrears", WholeNumber))
    owed = connection.execute(sa.select(debts.c.owed_micro, debts.c.collected))
    values = {
        "arrears": sum(micro // MICRO - collected for micro, collected in owed),
        "held": sum(connection.execute(sa.select(held.c.amount)).scalars()),
    }
    connection.execute(sa.update(settlement).values(values))
    by_epoch: dict[int, int] = {}
    for epoch, micro in connection.execute(sa.select(work.c.epoch, work.c.work_micro)):
        by_epoch[epoch] = by_epoch.get(epoch, 0) + micro
    if by_epoch:
        rows = [{"epoch": epoch, "work_micro": micro} for epoch, micro in by_epoch.items()]
        connection.execute(sa.insert(totals), rows)
