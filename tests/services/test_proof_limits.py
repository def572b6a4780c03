"""The audit of a node that cannot be asked about everything, and of a history that is long.

Given a node that dropped old logs, or takes only few blocks at once, or is behind, or is reorganised
  when the books are audited
    it should find its way, or say that it could not check, and why
Given a history many times as long
  when the books are audited
    it should take no more memory
"""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from sessionpay.core.events import DepositToSession, Event, SessionRegistered
from sessionpay.core.ids import SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.services.proof import CannotAudit, audit_books, audit_chain
from sessionpay.services.provenance import NoHistory
from sessionpay.store import evidence, kept
from sessionpay.store.database import Database
from tests.indexer.history import OWNERS, Chain, MadeBlock, copied, digest

from .made_contract import FIRST_BLOCK, Archive, grown
from .test_proof import Indexed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from web3.types import RPCEndpoint, RPCResponse

    from sessionpay.services.proof import Audit

BLOCKS = 80
EVENTS_PER_BLOCK = 5
CHUNK = 50
# The larger history is some megabytes as objects; what may remain is noise of the interpreter.
GROWTH_BYTES_MAX = 200_000


@pytest.fixture
def indexed(tmp_path: Path) -> Iterator[Indexed]:
    """Books that are right, with a node of their own."""
    database = Database.open(f"sqlite:///{tmp_path / 'books.db'}")
    yield Indexed(database, Archive(grown(5, blocks=BLOCKS)))
    database.close()


def audit(indexed: Indexed, *, block: int | None = None) -> Audit:
    with indexed.database.reading() as connection:
        return audit_books(indexed.node.contract, connection, indexed.contract, block=block)


def test_a_node_that_takes_few_blocks_at_once(indexed: Indexed) -> None:
    indexed.node.range_max = 3
    indexed.node.requests.clear()
    assert audit(indexed).difference == 0
    assert indexed.node.requests.count("eth_getLogs") >= BLOCKS // 3
    assert audit_chain(indexed.node.contract).difference == 0


@pytest.mark.parametrize("refuses", [True, False], ids=["and says so", "and says nothing"])
def test_a_node_that_dropped_old_logs_cannot_be_asked(indexed: Indexed, refuses: bool) -> None:
    indexed.node.dropped_below = BLOCKS // 2
    indexed.node.refuses = refuses
    with pytest.raises(NoHistory, match="ask an archive node"):
        audit(indexed)
    if refuses:
        with pytest.raises(NoHistory, match=r"it refuses the logs of block 1, .*pruned history unavailable"):
            audit_chain(indexed.node.contract)
    else:
        # Without books nobody knows what is missing, but the sums of the contract do not come out.
        assert audit_chain(indexed.node.contract).difference > 0


def test_an_event_before_all_logs_is_forged_where_its_block_had_none(indexed: Indexed) -> None:
    first = next(block.number for block in indexed.node.chain.blocks if block.events)
    with indexed.tampered() as connection:
        connection.exec_driver_sql(
            "INSERT INTO events SELECT contract_id, 0, 0, chain_id, ?, transaction_hash, transaction_index, "
            "timestamp, name, arguments FROM events WHERE block_number = ? LIMIT 1",
            (indexed.node.chain.blocks[0].hash, first),
        )
        found = indexed.audit(connection)
    assert found.first_difference is not None
    assert found.first_difference.name.startswith("event 0 of block 0 ")


def test_a_node_that_is_behind_cannot_be_asked(indexed: Indexed) -> None:
    del indexed.node.chain.blocks[-5:]
    with pytest.raises(CannotAudit, match=f"has no block {BLOCKS}; it is behind"):
        audit(indexed)
    assert audit(indexed, block=BLOCKS - 6).difference == 0


def test_a_block_that_was_taken_back_cannot_be_compared(indexed: Indexed) -> None:
    indexed.node.chain.reorganise(3)
    with pytest.raises(CannotAudit, match=f"block {BLOCKS} of the books is not on the node's chain"):
        audit(indexed)
    assert audit(indexed, block=BLOCKS - 4).difference == 0


class Restless(Archive):
    """Takes its last blocks back while it is asked for logs."""

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """Answer, and be reorganised."""
        answer = super().make_request(method, params)
        if method == "eth_getLogs":
            self.chain.reorganise(1)
        return answer


def test_a_block_that_is_taken_back_meanwhile_cannot_be_compared(indexed: Indexed) -> None:
    indexed.node = Restless(indexed.node.chain)
    with pytest.raises(CannotAudit, match=f"block {BLOCKS} was taken back during the audit"):
        audit(indexed)
    with pytest.raises(CannotAudit, match="was taken back during the audit"):
        audit_chain(indexed.node.contract)


def long_chain(blocks: int) -> Chain:
    """Return a chain with many deposits to one session, so that nothing but its history is large."""
    chain = Chain(0)
    books = copied(chain.head.books)
    for number in range(1, blocks + 1):
        events: tuple[Event, ...] = (DepositToSession(SessionId(7), BaseUnits(5)),) * EVENTS_PER_BLOCK
        if number == FIRST_BLOCK:
            events = (SessionRegistered(SessionId(7), OWNERS[0]), *events)
        timestamp = chain.head.timestamp + 1
        books.record(events, timestamp)
        parent = chain.head.hash
        chain.blocks.append(MadeBlock(number, digest(parent), parent, timestamp, events, copied(books)))
    return chain


def test_memory_does_not_grow_with_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = []
    for blocks in (80, 320):
        database = Database.open(f"sqlite:///{tmp_path / f'{blocks}.db'}")
        indexed = Indexed(database, Archive(long_chain(blocks)))
        # What is read at once is as little for the short history as for the long one.
        monkeypatch.setattr(evidence, "CHUNK_ROWS", CHUNK)
        monkeypatch.setitem(kept.STREAMED, "yield_per", CHUNK)
        indexed.node.range_max = 4
        # The first time the test's own node remembers its logs.
        assert audit(indexed).difference == 0
        tracemalloc.start()
        assert audit(indexed).difference == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        monkeypatch.undo()
        database.close()
    assert peaks[1] - peaks[0] < GROWTH_BYTES_MAX
