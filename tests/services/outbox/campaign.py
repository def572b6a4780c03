"""Kill an outbox many times: python -m tests.services.outbox.campaign [--kills 200] [--seed 0]."""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sessionpay.services.outbox import STEPS
from tests.evm.anvil import running_anvil

from .scene import set_scene
from .test_kill import Campaign, Folders

# Enough that many of the kills hit what an earlier one left behind.
KILLS_PER_EPOCH = 12


def main() -> None:
    """Kill at each step, then at random, until there were so many kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = Random(options.seed)
    with TemporaryDirectory() as folder, running_anvil(history=None) as node:
        campaign = Campaign(node, set_scene(node.url, "outbox"), Folders(Path(folder)))
        left, epochs = set(STEPS), 0
        while left:
            campaign.kill_at_each(left)
            epochs += 1
        while campaign.kills < options.kills:
            campaign.kill_at_random(random, KILLS_PER_EPOCH)
            epochs += 1
    told = f"killed {campaign.kills} times in {epochs} epochs, at each of {len(STEPS)} steps"
    print(f"{told}: every chain as if there had been no kill")  # noqa: T201 - its report


if __name__ == "__main__":
    main()
