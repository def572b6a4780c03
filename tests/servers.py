"""Servers that tests start: each ends with the process that started it, however that ends."""

from __future__ import annotations

import shutil


def ends_with_parent(signal: str, *, user: str | None = None) -> list[str]:
    """Return the beginning of a command that gets `signal` when its parent dies, and runs as `user`.

    Nothing where util-linux is not installed and nobody else is to run it.
    """
    if user is None and shutil.which("setpriv") is None:
        return []
    as_user = [] if user is None else ["--reuid", user, "--regid", user, "--init-groups"]
    # The kernel forgets the signal when the user changes, so one program does both in the right order.
    return ["setpriv", *as_user, "--pdeathsig", signal, "--"]
