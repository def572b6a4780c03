"""How fast a session is spent.

Given books of a history
  what is charged in the time that counts should be all of it, however few lines are looked at first
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.core.movements import Kind
from sessionpay.services import burning
from sessionpay.services.burning import BURN_SECONDS, burn
from tests.serving.conftest import every

if TYPE_CHECKING:
    from tests.serving.conftest import Told


@pytest.mark.parametrize("first", [1, 2, 3, 8, burning.BURN_LINES_FIRST])
def test_what_is_looked_at_first_changes_nothing(
    told: Told, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(burning, "BURN_LINES_FIRST", first)
    contract, spent = told.reader.contract, 0
    sessions = every(told.reader.sessions, 50)
    for session in sessions:
        lines = every(told.reader.movements, 50, of=session.session_id)
        moments = {line.timestamp + offset for line in lines for offset in (0, 1, BURN_SECONDS)}
        for now in sorted(moments):
            begins_at = max(session.registered_at, now - BURN_SECONDS)
            counted = [
                line.amount for line in lines if line.kind == Kind.CHARGE and line.timestamp >= begins_at
            ]
            with told.database.reading() as connection:
                found = burn(connection, contract, session.session_id, since=session.registered_at, now=now)
            assert (found.amount, found.seconds) == (sum(counted), max(0, now - begins_at))
            spent += found.amount
    assert spent
