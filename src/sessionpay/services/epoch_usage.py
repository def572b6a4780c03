"""The usage of an epoch, added up from its segments by the rules in force."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from sessionpay.core.policy import parse_policy
from sessionpay.core.pricing import parse_price_sheet
from sessionpay.metering.aggregate import tallies
from sessionpay.metering.digest import usage_digest
from sessionpay.services.epoch_files import POLICY, PRICES, Usage

# What the database that adds up may use before it goes to the disk.
MEMORY_BYTES_MAX = 2 * 2**30
THREADS = 2


def add_up(paths: Sequence[Path], prices: str, policy: str) -> Usage:
    """Return what the rows of `paths` add up to by the texts of a price sheet and a policy.

    Raises `BadPriceSheet`, `BadPolicy`, `MissingPrice`, `RepeatedUsage`, `BadSegment` and `NotAddedUp`.
    """
    sheet = parse_price_sheet(prices, source=PRICES)
    rules = parse_policy(policy, source=POLICY)
    added = tallies(paths, sheet, rules, memory_limit=MEMORY_BYTES_MAX, threads=THREADS)
    digest = usage_digest(paths, memory_limit=MEMORY_BYTES_MAX, threads=THREADS)
    return Usage(rows=sum(pq.read_metadata(path).num_rows for path in paths), sha256=digest, tallies=added)
