"""A settlement to take usage into: a home, and a database of each kind, with an epoch open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.intake import Intake
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from pathlib import Path

    from sessionpay.store.database import Database

__all__ = ["database", "kind", "postgresql", "url"]

NOW = 1_800_000_000
PRICES = """
[models.large]
prompt = 1_000_000
completion = 1_000_000
[sla]
standard = 1_000_000
priority = 1_500_000
"""
POLICY = """
fee_ppm = 0
[deadlines_ms]
default = 30_000
"""
RULES = Rules(PRICES, POLICY)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with nothing sealed in it."""
    made = Home(tmp_path / "settlement")
    made.make()
    return made


@pytest.fixture
def intake(database: Database) -> Intake:
    """The intake of an empty settlement, whose first epoch is open."""
    open_epoch(database, RULES, at=NOW)
    return Intake(database)
