"""A sealer in a process of its own, that kills itself before one of its steps."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sessionpay.metering import segments as files
from sessionpay.services.home import Home
from sessionpay.services.sealing import Sealer
from sessionpay.store import epochs, segments
from sessionpay.store.database import Database


def dying(*_: object, **__: object) -> None:
    """End as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(step: Callable[..., Any]) -> Callable[..., None]:
    """Return what does the step, and dies before its transaction is committed."""

    def stepped(*given: Any, **named: Any) -> None:  # noqa: ANN401 - whatever the step takes
        step(*given, **named)
        dying()

    return stepped


def main(url: str, home: str, step: str, rows_max: int) -> None:
    """Seal, and die before `step`."""
    match step:
        case "create":
            files._write = dying  # type: ignore[assignment]
        case "fsync":
            os.fsync = dying
        case "rename":
            Path.rename = dying  # type: ignore[assignment]
        case "folder fsync":
            files.keep_names = dying
        case "enter":
            segments.seal = after(segments.seal)
        case "mark":
            epochs.mark_sealed = dying  # type: ignore[assignment]
    Sealer(Database.open(url), Home(Path(home)), rows_max).seal()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
