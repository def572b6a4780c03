"""What is fast and what is not: each figure beside a baseline from the same run, as a ratio.

Times are medians of a few rounds on the machine at hand; only ratios travel to another one. Gas has no
place here, because it is exact: see gas.json.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from benchmarks.aggregation import ROWS as USAGE_ROWS
from benchmarks.aggregation import ROWS_SMALL, aggregating
from benchmarks.epoch import settling_an_epoch
from benchmarks.figures import Figure, seconds
from benchmarks.indexing import FULL, SMALL, indexing
from benchmarks.intake import taking_in
from benchmarks.lists import listing
from sessionpay.core.books import Books
from sessionpay.core.epochs import Opening, asks, settle
from sessionpay.core.events import DepositToSession
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from sessionpay.core.tally import tally
from sessionpay.core.usage import Outcome, UsageRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.indexing import Size

ROWS = 50_000
NODES = 200
SESSIONS = 500
EVENTS = 200_000


def main() -> None:
    """Print every figure as it is measured, or with --json all as one list; --small is over in seconds."""
    figures = measured(SMALL if "--small" in sys.argv[1:] else FULL)
    if "--json" in sys.argv[1:]:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    for figure in figures:
        print(figure.line(), flush=True)


def measured(size: Size) -> Iterator[Figure]:
    """Yield every figure; the longest part follows the node's history of `size`."""
    yield settling()
    yield folding()
    yield listing()
    yield from indexing(size)
    yield from aggregating(USAGE_ROWS if size is FULL else ROWS_SMALL)
    yield from settling_an_epoch(is_small=size is SMALL)
    yield from taking_in() if size is FULL else taking_in(stored=(0,), rows=2_000, single=20)


def settling() -> Figure:
    """Price, claim and allocate usage rows, beside merely adding up their tokens."""
    rows = usage()
    sheet = PriceSheet(
        {"m": ModelPrice(BaseUnits(150 * 10**12), BaseUnits(600 * 10**12))}, {"standard": Ppm(10**6)}
    )
    policy = Policy(fee_ppm=Ppm(50_000), deadline_default_ms=30_000)
    nodes = {row.node for row in rows}
    collected = asks(Opening(), tally(rows, sheet, policy))

    def epoch() -> object:
        tallies = tally(rows, sheet, policy)
        return settle(Opening(), tallies, policy, epoch=1, collected=collected, active=nodes)

    ours, least = seconds(epoch), seconds(lambda: sum(row.tokens for row in rows))
    return Figure("usage rows settled", int(ROWS / ours), "a second", least / ours, "adding up their tokens")


def folding() -> Figure:
    """Record events into balances, beside adding their amounts into a dictionary."""
    events = [DepositToSession(SessionId(number % SESSIONS), BaseUnits(1)) for number in range(EVENTS)]

    def least() -> None:
        balances: dict[int, int] = {}
        for event in events:
            balances[event.session_id] = balances.get(event.session_id, 0) + event.amount

    ours, baseline = seconds(lambda: Books().record(events, at=1)), seconds(least)
    return Figure("events recorded", int(EVENTS / ours), "a second", baseline / ours, "a bare dictionary")


def usage() -> list[UsageRecord]:
    """Return rows of many sessions and nodes, the same in every run."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        UsageRecord(
            task_id=f"t{number}",
            session_id=SessionId(number * 7919 % SESSIONS),
            node=Address(f"0x{1 + number * 104_729 % NODES:040x}"),
            model="m",
            sla="standard",
            prompt_tokens=number * 31 % 8_000,
            completion_tokens=number * 17 % 600,
            submitted_at=began + timedelta(milliseconds=number),
            latency_ms=number * 13 % 40_000,
            outcome=Outcome.FAILED if number % 50 == 0 else Outcome.COMMITTED,
            quality_ppm=Ppm(1_000_000 - number % 1_000),
        )
        for number in range(ROWS)
    ]


if __name__ == "__main__":
    main()
