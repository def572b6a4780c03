"""What is fast and what is not: each figure beside a baseline from the same run, as a ratio.

Times are medians of a few rounds on the machine at hand; only ratios travel to another one. Gas has no
place here, because it is exact: see gas.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aggregation import aggregating
from eth_abi.abi import encode
from intake import taking_in
from web3 import Web3

from sessionpay.chain import logs
from sessionpay.chain.artifacts import load
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
    from collections.abc import Callable

    from web3.types import LogReceipt

ROUNDS = 5
LOGS = 2_000
ROWS = 50_000
NODES = 200
SESSIONS = 500
EVENTS = 200_000
CONTRACT = Address("0x" + "11" * 20)


def main() -> None:
    """Print every figure, as a table or with --json as one object."""
    figures = [decoding(), settling(), folding(), aggregating(), *taking_in()]
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures, indent=2))
        return
    for figure in figures:
        print(f"{figure['what']}: {figure['per_second']:,} per second; {figure['against']}")


def decoding() -> dict[str, Any]:
    """Turn logs into events by slicing words, beside web3.py's process_log."""
    raw = [deposit_log(number) for number in range(LOGS)]
    event = Web3().eth.contract(address=None, abi=load("SessionPayment").abi).events.DepositToSession()
    ours = seconds(lambda: [logs.decode(log) for log in raw])
    theirs = seconds(lambda: [event.process_log(log) for log in raw])
    return {
        "what": "logs decoded",
        "per_second": int(LOGS / ours),
        "against": f"{theirs / ours:.0f} times web3.py's process_log",
    }


def settling() -> dict[str, Any]:
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
    return {
        "what": "usage rows settled",
        "per_second": int(ROWS / ours),
        "against": f"{ours / least:.0f} times the seconds of adding up their tokens",
    }


def folding() -> dict[str, Any]:
    """Record events into balances, beside adding their amounts into a dictionary."""
    events = [DepositToSession(SessionId(number % SESSIONS), BaseUnits(1)) for number in range(EVENTS)]

    def least() -> None:
        balances: dict[int, int] = {}
        for event in events:
            balances[event.session_id] = balances.get(event.session_id, 0) + event.amount

    ours, baseline = seconds(lambda: Books().record(events, at=1)), seconds(least)
    return {
        "what": "events recorded",
        "per_second": int(EVENTS / ours),
        "against": f"{ours / baseline:.0f} times the seconds of a bare dictionary",
    }


def seconds(work: Callable[[], object]) -> float:
    """Return the median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def deposit_log(number: int) -> LogReceipt:
    """Return one log as web3.py gives it."""
    topic = Web3.keccak(text="DepositToSession(uint256,uint256)")
    log: Any = {
        "address": Web3.to_checksum_address(CONTRACT),
        "topics": [topic, number.to_bytes(32)],
        "data": encode(["uint256"], [10**15 + number]),
        "blockNumber": number,
        "transactionHash": number.to_bytes(32),
        "transactionIndex": 0,
        "blockHash": number.to_bytes(32),
        "logIndex": 0,
        "removed": False,
    }
    return log  # type: ignore[no-any-return]


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
