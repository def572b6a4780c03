"""complete: what sessions used is counted anew where the database does not have all of it.

Given usage that is sealed, and usage that waits
  it should be noted as it comes in, each row once
  when the note was lost, or lacks a row
    it should be the same again, from segments and waiting rows
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, update

from sessionpay.core.usage import Outcome
from sessionpay.metering.consumption import consumed
from sessionpay.services.consumption import complete
from sessionpay.services.home import Home, open_epoch
from sessionpay.services.intake import Intake
from sessionpay.services.sealing import Sealer
from sessionpay.store import consumption
from sessionpay.store.settlement_tables import consumption as table
from tests.core.rows import row
from tests.services.conftest import RULES
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from pathlib import Path

    from sessionpay.store.database import Database

__all__ = ["database", "kind", "postgresql", "url"]


def test_it_is_noted_and_counted_anew(database: Database, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    open_epoch(database, RULES, at=1)
    rows = [row(task_id=f"t{number}", prompt_tokens=number) for number in range(9)]
    rows += [row(task_id="failed", outcome=Outcome.FAILED)]
    intake = Intake(database)
    intake.accept(rows[:5], source="test", at=1)
    Sealer(database, home, rows_max=3).seal()
    # Two of these came in before, and count once.
    intake.accept(rows[3:], source="test", at=1)
    expected = consumed(rows)
    with database.reading() as connection:
        assert consumption.of_epoch(connection, 1) == expected
    assert complete(database, home) == []
    for change in (delete(table), update(table).values(assigned=table.c.assigned - 1)):
        with database.writing() as connection:
            connection.execute(change)
        assert complete(database, home) == [1]
        with database.reading() as connection:
            assert consumption.of_epoch(connection, 1) == expected
    assert complete(database, home) == []
