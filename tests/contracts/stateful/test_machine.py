"""Contract and ledger in lockstep.

Given a deployment of either kind of asset, without and with a withdrawal delay
    When anybody, honest or hostile, makes any call at any time
        It should end exactly as the ledger and the strangers' moods foretell: same reason, or same events
        It should leave every promise of `promises.py` kept
    When the history ends
        It should agree in every view, by replay of its events, and let everybody out
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.contracts.books import artifact
from tests.contracts.stateful import calls
from tests.contracts.stateful.machine import DEPLOYMENTS, run_histories

if TYPE_CHECKING:
    from tests.evm.backend import Backend

READS = ("view", "pure")


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_lockstep(backend: Backend, deployment: str) -> None:
    run_histories(backend, deployment)
