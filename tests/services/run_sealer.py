"""A sealer in a process of its own, that kills itself before one of its steps.

It takes the steps from standard input and dies in a fork for each, because to start is what takes long.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessionpay.metering import segments as files
from sessionpay.services.home import Home
from sessionpay.services.sealing import Sealer
from sessionpay.store import epochs, segments
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable


def dying(*_: object, **__: object) -> None:
    """End as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(step: Callable[..., Any]) -> Callable[..., None]:
    """Return what does the step, and dies before its transaction is committed."""

    def stepped(*given: Any, **named: Any) -> None:  # noqa: ANN401 - whatever the step takes
        step(*given, **named)
        dying()

    return stepped


# What a sealer does, step by step, and where it dies before each.
STEPS: dict[str, tuple[Any, str, Callable[..., None]]] = {
    "write": (files, "_write", dying),
    "keep the file": (os, "fsync", dying),
    "give its name": (Path, "rename", dying),
    "keep the name": (files, "keep_names", dying),
    "enter it": (segments, "seal", dying),
    "commit": (segments, "seal", after(segments.seal)),
    "call the epoch sealed": (epochs, "mark_sealed", dying),
}


def main(url: str, home: str, rows_max: int) -> None:
    """For each step named, seal in a fork that dies before it, and tell how that ended."""
    for line in sys.stdin:
        where, name, death = STEPS[line.strip()]
        child = os.fork()
        if child == 0:
            setattr(where, name, death)
            Sealer(Database.open(url), Home(Path(home)), rows_max).seal()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - its parent reads it


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
