"""The settlement that a command works on: its home, its database, and the epoch that takes rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from sessionpay.cli.commands import Run
from sessionpay.core.errors import InputError
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.services.home import Home, open_epoch
from sessionpay.store import epochs, evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

# Before the settlement is bound to a contract nobody knows its asset, and only base units can be meant.
UNBOUND = Asset(ZERO_ADDRESS, "base-units", 0)


class NotBound(InputError):
    """A settlement has no contract yet, so that no balance is known to it."""

    def __init__(self) -> None:
        """Say how it gets one."""
        super().__init__("this settlement has no contract yet: `sessionpay run` names it")


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


def contract_of(connection: Connection) -> Contract | None:
    """Return the contract that is settled here; None while there is none."""
    bound = epochs.contract_id(connection)
    return next((each for each in evidence.contracts(connection) if each.id == bound), None)


def asset_of(connection: Connection) -> Asset:
    """Return what the settlement's amounts are of."""
    contract = contract_of(connection)
    return UNBOUND if contract is None else contract.asset


def now() -> int:
    """Return the time in unix seconds."""
    return int(time.time())
