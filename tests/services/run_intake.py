"""A reporter in a process of its own, to be killed: it takes rows in and says what became of each."""

from __future__ import annotations

import json
import sys
from random import Random

from sessionpay.core.ids import SessionId
from sessionpay.services.intake import Intake
from sessionpay.store.database import Database
from tests.core.rows import row

BATCH = 7
NOW = 1_800_000_000


def main(url: str, start: int, rows: int, seed: int) -> None:
    """Send rows `start` to `start + rows` in small batches, in an order that the seed gives."""
    records = [row(task_id=f"task-{n}", session_id=SessionId(n % 5)) for n in range(start, start + rows)]
    Random(seed).shuffle(records)
    intake = Intake(Database.open(url))
    for place in range(0, rows, BATCH):
        batch = records[place : place + BATCH]
        for record, answer in zip(batch, intake.accept(batch, source="run", at=NOW), strict=True):
            told = {"task_id": record.task_id, "verdict": answer.verdict}
            print(json.dumps(told), flush=True)  # noqa: T201 - its parent reads it


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
