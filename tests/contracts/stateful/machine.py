"""The machine: all rules, all promises, and how histories are run on a stage."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from sessionpay.core.ledger import DAY
from tests.contracts.stateful.promises import Promises
from tests.contracts.stateful.rules_admin import AdminRules
from tests.contracts.stateful.rules_network import NetworkRules
from tests.contracts.stateful.rules_sessions import SessionRules
from tests.contracts.stateful.rules_strangers import StrangerRules
from tests.contracts.stateful.stage import NATIVE, TOKEN, put_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.backend import Backend

    # What happened to calls: how often each function ended with each reason, the empty one for success.
    Tally = Counter[tuple[str, str]]

DEPLOYMENTS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "native-instant": (NATIVE, (0,)),
    "native-delayed": (NATIVE, (1, 3_600, 3 * DAY, 30 * DAY)),
    "token-instant": (TOKEN, (0,)),
    "token-delayed": (TOKEN, (1, 3_600, 3 * DAY, 30 * DAY)),
}


class PaymentMachine(SessionRules, NetworkRules, AdminRules, StrangerRules, Promises):
    """The contract and its ledger in lockstep, driven by everybody at once."""


def run_histories(
    backend: Backend, deployment: str, *, profile: settings | None = None, seeded: int | None = None
) -> Tally:
    """Run histories of one deployment and return what happened to their calls; the first disagreement raises.

    With `seeded`, the same histories come again.
    """
    kind, delays = DEPLOYMENTS[deployment]
    stage = put_up(backend, kind=kind, delays=delays)
    tally: Tally = Counter()
    factory: Callable[[], PaymentMachine] = partial(PaymentMachine, stage, backend.snapshot(), tally)
    if seeded is not None:
        factory = seed(seeded)(factory)
    run_state_machine_as_test(factory, settings=profile or settings.default)
    return tally
