"""Kill a settlement many times: python -m tests.services.settlement_campaign [--kills 200] [--seed 0]."""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.evm.anvil import running_anvil
from tests.services.settling.stage import set_stage
from tests.services.settling.test_kill import EVERY_STEP, Campaign

# Enough that many of the kills hit what an earlier one left behind.
KILLS_PER_SETTLEMENT = 15


def main() -> None:
    """Kill at each step, then at random, until there were so many kills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = Random(options.seed)
    with TemporaryDirectory() as folder, running_anvil(history=None) as node:
        campaign = Campaign(node, set_stage(node.url, "settlement"), Path(folder))
        left, settled = set(EVERY_STEP), 0
        while left:
            campaign.kill_at_each(left)
            settled += 1
        while campaign.kills < options.kills:
            campaign.kill_at_random(random, KILLS_PER_SETTLEMENT)
            settled += 1
    told = f"killed {campaign.kills} times in {settled} settlements, at each of {len(EVERY_STEP)} steps"
    print(f"{told}: every chain and every file as if there had been no kill")  # noqa: T201 - its report


if __name__ == "__main__":
    main()
