"""Ending a process between two steps, and not in the middle of one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Lend a function that says whether the process was asked to end."""
    asked = Event()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: asked.set()) for kind in kinds]
    try:
        yield asked.is_set
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
