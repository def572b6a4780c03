"""The machine: all rules, all promises, and how histories are run on a stage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from sessionpay.core.ledger import DAY
from tests.contracts.stateful.promises import Promises
from tests.contracts.stateful.rules_admin import AdminRules
from tests.contracts.stateful.rules_network import NetworkRules
from tests.contracts.stateful.rules_sessions import SessionRules
from tests.contracts.stateful.rules_strangers import StrangerRules
from tests.contracts.stateful.stage import NATIVE, TOKEN, put_up
from tests.contracts.stateful.world import Tally

if TYPE_CHECKING:
    from tests.evm.backend import Backend


DEPLOYMENTS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "native-instant": (NATIVE, (0,)),
    "native-delayed": (NATIVE, (1, 3_600, 3 * DAY, 30 * DAY)),
    "token-instant": (TOKEN, (0,)),
    "token-delayed": (TOKEN, (1, 3_600, 3 * DAY, 30 * DAY)),
}


class PaymentMachine(SessionRules, NetworkRules, AdminRules, StrangerRules, Promises):
    """The contract and its ledger in lockstep, driven by everybody at once."""


def run_histories(
    backend: Backend,
    deployment: str,
    *,
    profile: settings | None = None,
    seeded: int | None = None,
    tally: Tally | None = None,
) -> Tally:
    """Run histories of one deployment and return what happened in them; the first disagreement raises.

    With `seeded`, the same histories come again; a `tally` that is given is continued.
    """
    kind, delays = DEPLOYMENTS[deployment]
    stage = put_up(backend, kind=kind, delays=delays)
    tally = tally or Tally()
    # Typed as the class that it stands for, which is what the runner asks for and never needs.
    factory = cast("type[PaymentMachine]", partial(PaymentMachine, stage, backend.snapshot(), tally))
    if seeded is not None:
        factory = seed(seeded)(factory)
    run_state_machine_as_test(factory, settings=profile or default_profile())
    return tally


def default_profile() -> settings:
    """Lengthen the profile's histories: to open one and to get everybody out costs twenty calls itself."""
    chosen = settings.default
    assert chosen is not None
    return settings(chosen, stateful_step_count=chosen.stateful_step_count * 3 // 2)
