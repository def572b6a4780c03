"""The settlement that a command works on: its home, its database, and the epoch that takes rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sessionpay.cli.commands import Run
from sessionpay.services.home import Home, open_epoch
from sessionpay.store.database import Database


@contextmanager
def settled(
    run: Run, *, prices: Path | None = None, policy: Path | None = None
) -> Iterator[tuple[Home, Database]]:
    """Lend the home and its database, in which an epoch takes rows; all of it is made if it is not there.

    A price sheet and a policy that are named are kept in the home, for the next epoch to be opened.
    """
    home = run.wiring.home(run.home)
    home.make()
    built_in = home.keep_rules(prices=prices, policy=policy)
    if built_in:
        names = " and ".join(str(path) for path in built_in)
        run.screen.note(f"new settlement in {home.path} with built-in trial rules: edit {names}")
    database = run.wiring.home_database(home, run.database)
    try:
        open_epoch(database, home.rules(), at=now())
        yield home, database
    finally:
        database.close()


def now() -> int:
    """Return the time in unix seconds."""
    return int(time.time())
