"""A server in a process of its own, that kills itself before or after it keeps one batch."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from sessionpay.api import Serving, application, serving
from sessionpay.services.intake import Intake
from sessionpay.store import evidence
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from sessionpay.services.intake import Answer

_accept = Intake.accept


def main(url: str, moment: str, batches: int) -> None:
    """Serve the first contract of the books, and die at batch number `batches`."""
    left = [batches]

    def dying(intake: Intake, rows: Any, **named: Any) -> list[Answer]:  # noqa: ANN401 - as it is
        left[0] -= 1
        if left[0] == 0 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answers = _accept(intake, rows, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answers

    Intake.accept = dying  # type: ignore[assignment,method-assign]
    database = Database.open(url)
    with database.reading() as connection:
        [contract] = evidence.contracts(connection)
    served = Serving(database, contract, lambda: int(time.time()))
    with serving(application(served), "127.0.0.1:0") as server:
        print(server.url, flush=True)  # noqa: T201 - its parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
