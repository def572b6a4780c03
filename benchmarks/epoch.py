"""A whole epoch of a large network on a local node: how long it takes, and what its gas comes to.

From sealed usage to the folder that anyone can check, with every transaction of it final.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.evm.anvil import running_anvil
from web3 import Web3

from benchmarks.figures import Figure
from benchmarks.history import Writer
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.usage import Outcome, UsageRecord, parse_timestamp
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.engine import Engine
from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.intake import Intake
from sessionpay.services.outbox import Outbox, Timing
from sessionpay.services.sealing import Sealer
from sessionpay.store import outbox, settling
from sessionpay.store.database import Database
from sessionpay.store.outbox import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSIONS, NODES = 10_000, 2_000
SESSIONS_SMALL, NODES_SMALL = 20, 5
# So that every session has work at several nodes.
ROWS_PER_SESSION = 5
BATCH_ROWS = 1_000
DEPOSIT = 10**15
# A key that everybody knows, for development alone.
SETTLEMENT_KEY = f"{0x5E5510:064x}"
# Of payFromSessionToNetwork, asserted in gas.json; and what the protocol takes of any transfer.
SINGLE_CHARGE_GAS, TRANSFER_GAS = 36_126, 21_000
AT = 1_800_000_000
MOMENT = parse_timestamp("2027-01-15T08:00:00Z")
RULES = Rules(
    prices="[models.m]\nprompt = 1_000_000_000\ncompletion = 4_000_000_000\n[sla]\nstandard = 1_000_000\n",
    policy="fee_ppm = 50_000\n[deadlines_ms]\ndefault = 30_000\n",
)


def settling_an_epoch(*, is_small: bool) -> Iterator[Figure]:
    """Settle one epoch; raises `FileNotFoundError` without Anvil."""
    sessions, nodes = (SESSIONS_SMALL, NODES_SMALL) if is_small else (SESSIONS, NODES)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        node = stack.enter_context(running_anvil())
        writer = Writer(node.url)
        writer.open_sessions(sessions, deposit=DEPOSIT)
        web3 = Web3(Web3.HTTPProvider(node.url))
        sender = Sender(web3, signer_from_key(SETTLEMENT_KEY))
        writer.give_role(sender.address)
        contract = SessionPayment(web3, writer.address, sender=sender)
        home, database = _sealed(folder, sessions=sessions, nodes=nodes)
        stack.callback(database.close)
        known = enrol(database, contract)
        with database.writing() as connection:
            settling.bind(connection, known)
        follower = Follower(database, known, [ChainSource(web3, writer.address)], confirmations=0)
        follower.catch_up()
        sending = Outbox(database, contract, confirmations=0, timing=Timing(poll_seconds=0))
        engine = Engine(database, follower, sending, home, clock=lambda: AT)
        began = time.perf_counter()
        engine.settle(1)
        took = time.perf_counter() - began
        yield from _told(database, took, sessions=sessions, nodes=nodes)


def _told(database: Database, took: float, *, sessions: int, nodes: int) -> Iterator[Figure]:
    gas: dict[Purpose, int] = {}
    count = 0
    with database.reading() as connection:
        for purpose in Purpose:
            for batch in outbox.batches(connection, 1, purpose):
                count += 1
                gas[purpose] = gas.get(purpose, 0) + (batch.landing.gas_used if batch.landing else 0)
    one_by_one = sessions + 2 * nodes
    what = f"an epoch of {sessions:,} sessions and {nodes:,} nodes"
    yield Figure(
        what, round(took), "seconds", one_by_one / count, f"fewer than {one_by_one:,} calls: {count}"
    )
    for whom, number, purpose, single, how in (
        ("session", sessions, Purpose.CHARGE, SINGLE_CHARGE_GAS, "charged alone"),
        ("node", nodes, Purpose.ALLOCATE, TRANSFER_GAS, "paid by a plain transfer"),
    ):
        each = gas[purpose] // number
        yield Figure(f"  its gas for each {whom}", each, "gas", single / each, f"less than {single:,}, {how}")


def _sealed(folder: Path, *, sessions: int, nodes: int) -> tuple[Home, Database]:
    """Take usage of every session and node into a new home, and seal it as epoch 1."""
    home = Home(folder / "home")
    home.make()
    database = Database.open(home.database_url)
    open_epoch(database, RULES, at=AT)
    intake = Intake(database)
    for start in range(0, sessions * ROWS_PER_SESSION, BATCH_ROWS):
        last = min(start + BATCH_ROWS, sessions * ROWS_PER_SESSION)
        rows = [_row(number, sessions=sessions, nodes=nodes) for number in range(start, last)]
        intake.accept(rows, source="benchmark", at=AT)
    Sealer(database, home).close(1, RULES, at=AT)
    return home, database


def _row(number: int, *, sessions: int, nodes: int) -> UsageRecord:
    return UsageRecord(
        task_id=f"task-{number}",
        session_id=SessionId(number % sessions),
        node=Address(f"0x{0xD4 << 152 | number * 7919 % nodes:040x}"),
        model="m",
        prompt_tokens=1_000 + number % 700,
        completion_tokens=100 + number % 300,
        submitted_at=MOMENT,
        latency_ms=number % 20_000,
        outcome=Outcome.COMMITTED,
    )
