"""A long campaign: histories under one seed after another, until the time is over.

python -m tests.contracts.stateful.campaign --minutes 10
python -m tests.contracts.stateful.campaign --deployment token-delayed --seed 7 --rounds 1
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, settings

from tests.contracts.stateful.machine import DEPLOYMENTS, run_histories
from tests.contracts.stateful.world import Tally
from tests.evm import open_backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.evm.backend import Backend

# A round is a few seconds long, so that a campaign ends near its time, and a failure is near its seed.
ROUND: Final = settings(
    max_examples=12,
    stateful_step_count=100,
    deadline=None,
    database=None,
    print_blob=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
SECONDS: Final = "FUZZ_SECONDS"
MODULE: Final = "tests.contracts.stateful.campaign"


def seconds_asked() -> float | None:
    """Tell how long the tests shall go on, if the environment asks for more than a profile's examples."""
    asked = os.environ.get(SECONDS)
    return float(asked) if asked else None


def run_for(backend: Backend, deployment: str, *, seconds: float, first_seed: int) -> Tally:
    """Run rounds of one deployment until the time is over; a failure says how to see it again."""
    until, tally = time.monotonic() + seconds, Tally()
    for seeded in count(first_seed):
        run_round(backend, deployment, seeded, tally)
        if time.monotonic() >= until:
            break
    return tally


def run_round(backend: Backend, deployment: str, seeded: int, tally: Tally) -> None:
    """Run the histories of one seed."""
    before = backend.snapshot()
    try:
        run_histories(backend, deployment, profile=ROUND, seeded=seeded, tally=tally)
    except BaseException as failure:
        again = f"python -m {MODULE} --deployment {deployment} --seed {seeded} --rounds 1"
        failure.add_note(f"To see it again: {again}")
        raise
    finally:
        backend.restore(before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign over the deployments in turn; returns 1 if anything was found."""
    options = _options(arguments)
    deployments = [options.deployment] if options.deployment else list(DEPLOYMENTS)
    until, tally, found = time.monotonic() + options.minutes * 60, Tally(), 0
    with open_backend(options.backend) as backend, suppress(KeyboardInterrupt):
        for done in count():
            if time.monotonic() >= until or done == options.rounds:
                break
            deployment = deployments[done % len(deployments)]
            try:
                run_round(backend, deployment, options.seed + done // len(deployments), tally)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding, and the campaign goes on
                found += 1
                traceback.print_exc()
    sys.stdout.write(
        f"{tally.histories} histories, {tally.steps} steps, {sum(tally.calls.values())} calls, "
        f"{found} rounds with a finding\n"
    )
    return int(found > 0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=MODULE, description="Drive contract and ledger in lockstep.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to go on")
    parser.add_argument("--rounds", type=int, default=-1, help="end after so many rounds, whatever the time")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the first round")
    parser.add_argument("--deployment", choices=DEPLOYMENTS, help="one of them instead of all in turn")
    parser.add_argument("--backend", default="pyevm", help="chain to run on")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
