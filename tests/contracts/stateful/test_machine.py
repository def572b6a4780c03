"""Contract and ledger in lockstep.

Given a deployment of either kind of asset, without and with a withdrawal delay
    When anybody, honest or hostile, makes any call at any time
        It should end exactly as the ledger and the strangers' moods foretell: same reason, or same events
        It should leave every promise of `promises.py` kept
    When the history ends
        It should agree in every view, by replay of its events, and let everybody out
Given the rules of the machine
    It should be seen that they make every call that can change something, with success and without
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from tests.contracts.books import artifact
from tests.contracts.stateful.campaign import ROUND, run_for, seconds_asked
from tests.contracts.stateful.machine import DEPLOYMENTS, run_histories
from tests.contracts.stateful.world import Tally
from tests.evm.pyevm import PyEvm

if TYPE_CHECKING:
    from tests.evm.backend import Backend

READS: Final = ("view", "pure")
# Rounds are run until all has been seen; this many would mean that some rule is hardly ever any use.
ROUNDS_MAX: Final = 12
FEW: Final = settings(ROUND, max_examples=6, stateful_step_count=50)
# A node over HTTP is slower, and has only to show that it is no different.
ON_A_NODE: Final = settings(ROUND, max_examples=3, stateful_step_count=30)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_lockstep(backend: Backend, deployment: str) -> None:
    """Promise 17, spec_agrees, and all that is watched on the way; FUZZ_SECONDS in all, if that is set."""
    seconds = seconds_asked()
    if seconds is None:
        run_histories(backend, deployment, profile=None if isinstance(backend, PyEvm) else ON_A_NODE)
    else:
        run_for(backend, deployment, seconds=seconds / len(DEPLOYMENTS), first_seed=int(time.time()))


def test_rules_make_every_call(backend: Backend) -> None:
    """A machine that never makes a call, or only in vain, would promise nothing about it."""
    if not isinstance(backend, PyEvm):
        pytest.skip("the rules are the same on every chain")
    every = {
        f"{entry['name']}({','.join(one['type'] for one in entry['inputs'])})"
        for entry in artifact()["abi"]
        if entry["type"] == "function" and entry["stateMutability"] not in READS
    }
    tally, unseen = Tally(), every
    for seeded in range(ROUNDS_MAX):
        deployment = ("native-delayed", "token-delayed")[seeded % 2]
        run_histories(backend, deployment, profile=FEW, seeded=seeded, tally=tally)
        succeeded = {signature for signature, reason in tally.calls if not reason}
        refused = {signature for signature, reason in tally.calls if reason}
        unseen = every - (succeeded & refused)
        if not unseen:
            break
    assert unseen == set()
    assert {signature for signature, _ in tally.calls} - {"a call back"} == every
