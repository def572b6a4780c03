"""Random histories that the contract could have written, and logs made of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

from eth_bloom.bloom import BloomFilter
from eth_utils.crypto import keccak

from sessionpay.chain.logs import LAYOUTS
from sessionpay.core import events as ev
from sessionpay.core.books import Books
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT = Address("0x" + "c0" * 20)
OWNERS = tuple(Address(f"0x{number:040x}") for number in (0xA1, 0xA2))
NODES = tuple(Address(f"0x{number:040x}") for number in (0xB1, 0xB2, 0xB3))
SESSIONS = tuple(SessionId(number) for number in (0, 7, 2**160 - 1, 2**63))
ROLE = "0x" + "5e" * 32
DELAY = 3_600
# Blocks are asked for many times over, and making their logs takes longest.
BLOCKS_REMEMBERED = 2_000
STARTED_AT = 1_800_000_000
SIGNATURES = {layout.event: layout for layout in LAYOUTS}


@dataclass(frozen=True, eq=False)
class MadeBlock:
    """A block with its events and the books after it."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    events: tuple[ev.Event, ...]
    books: Books


class Chain:
    """A chain with one contract: it grows, and it is reorganised; `highest` is its longest length ever."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        books = Books(withdrawal_delay=DELAY)
        self.blocks = [MadeBlock(0, digest("genesis", seed), digest("nothing"), STARTED_AT, (), books)]
        self.highest = 0

    @property
    def head(self) -> MadeBlock:
        return self.blocks[-1]

    def grow(self, count: int = 1, *, events_max: int = 4) -> None:
        """Add blocks, each with some events that can follow."""
        for _ in range(count):
            books = copied(self.head.books)
            timestamp = self.head.timestamp + self.random.choice((1, 12, 40_000))
            made: list[ev.Event] = []
            for _event in range(self.random.randint(0, events_max)):
                event = self.random.choice(MAKERS)(self.random, books, timestamp)
                if event is not None:
                    books.record((event,), timestamp)
                    made.append(event)
            number, parent = self.head.number + 1, self.head.hash
            block_hash = digest(parent, self.random.random())
            self.blocks.append(MadeBlock(number, block_hash, parent, timestamp, tuple(made), books))
            self.highest = max(self.highest, number)

    def reorganise(self, depth: int, *, longer: int = 1) -> None:
        """Replace the last `depth` blocks by as many others and `longer` more, or fewer if below zero."""
        depth = min(depth, len(self.blocks) - 1)
        del self.blocks[len(self.blocks) - depth :]
        self.grow(depth + longer)

    def by_hash(self, block_hash: str) -> MadeBlock | None:
        """Return the block of that hash, None if it is not on the chain."""
        return next((block for block in reversed(self.blocks) if block.hash == block_hash), None)

    def replayed(self) -> Books:
        """The books of the canonical chain, from nothing."""
        books = Books(withdrawal_delay=DELAY)
        for block in self.blocks:
            books.record(block.events, block.timestamp)
        return books


def digest(*parts: object) -> str:
    """Return a hash of anything."""
    return "0x" + sha256(repr(parts).encode()).hexdigest()


def copied(books: Books) -> Books:
    """Return books of their own; what they hold never changes."""
    return replace(books, sessions=dict(books.sessions), nodes=dict(books.nodes), roles=set(books.roles))


@lru_cache(maxsize=BLOCKS_REMEMBERED)
def logs_of(block: MadeBlock) -> list[dict[str, Any]]:
    """Return a block's events as a node gives them; strangers' logs take some of the places."""
    return [
        {
            **log_of(event),
            "address": CONTRACT,
            "blockNumber": hex(block.number),
            "blockHash": block.hash,
            "transactionHash": digest(block.hash, index // 2),
            "transactionIndex": hex(index // 2),
            "logIndex": hex(3 * index),
            "removed": False,
        }
        for index, event in enumerate(block.events)
    ]


def log_of(event: ev.Event) -> dict[str, Any]:
    """Return topics and data of one event."""
    layout = SIGNATURES[type(event)]
    values = [getattr(event, field.name) for field in fields(event)]
    indexed = values[: len(layout.topics)]
    data: list[str] = []
    for value in values[len(indexed) :]:
        if isinstance(value, tuple):
            words = [_row(row) for row in value]
            data += [_word((len(data) + 1) * 32), _word(len(words)), *words]
        else:
            data.append(_word(value))
    topics = [keccak(text=layout.signature).hex(), *map(_word, indexed)]
    return {"topics": ["0x" + topic for topic in topics], "data": "0x" + "".join(data)}


@lru_cache(maxsize=BLOCKS_REMEMBERED)
def bloom_of(block: MadeBlock) -> str:
    """Return the filter of a block's header, by another implementation than the package's."""
    bloom = BloomFilter()
    for log in logs_of(block):
        bloom.add(bytes.fromhex(CONTRACT[2:]))
        for topic in log["topics"]:
            bloom.add(bytes.fromhex(topic[2:]))
    return hex(int(bloom))


def _word(value: int | str) -> str:
    return f"{value:064x}" if isinstance(value, int) else value[2:].rjust(64, "0")


def _row(row: Any) -> str:  # noqa: ANN401 - an address, or a row of a batch
    if isinstance(row, str):
        return _word(row)
    key, amount = row
    return _word((int(key, 16) if isinstance(key, str) else key) << 96 | amount)


# What may happen next. Each maker gives an event that can follow the books, or None.


def _register(random: Random, books: Books, _now: int) -> ev.Event | None:
    free = [session for session in SESSIONS if session not in books.sessions]
    return ev.SessionRegistered(random.choice(free), random.choice(OWNERS)) if free else None


def _deposit(random: Random, books: Books, _now: int) -> ev.Event | None:
    amount = BaseUnits(random.choice((1, 10**18, 2**80)))
    return ev.DepositToSession(random.choice(list(books.sessions)), amount) if books.sessions else None


def _funded(books: Books) -> list[SessionId]:
    return [session_id for session_id, session in books.sessions.items() if session.balance]


def _part(random: Random, whole: int) -> BaseUnits:
    return BaseUnits(random.choice((1, whole, random.randint(1, whole))))


def _withdraw(random: Random, books: Books, _now: int) -> ev.Event | None:
    if not (funded := _funded(books)):
        return None
    session_id = random.choice(funded)
    return ev.WithdrawFromSession(session_id, _part(random, books.sessions[session_id].balance))


def _charge(random: Random, books: Books, _now: int) -> ev.Event | None:
    if not (funded := _funded(books)):
        return None
    session_id = random.choice(funded)
    return ev.PaymentToNetwork(session_id, _part(random, books.sessions[session_id].balance))


def _charge_many(random: Random, books: Books, _now: int) -> ev.Event:
    left = {session_id: books.session(session_id).balance for session_id in SESSIONS}
    rows = []
    for _ in range(random.randint(0, 5)):
        session_id = random.choice(SESSIONS)
        amount = BaseUnits(random.choice((0, left[session_id] // 2, left[session_id])))
        left[session_id] = BaseUnits(left[session_id] - amount)
        rows.append(ev.Charge(session_id, amount))
    return ev.SessionsCharged(books.sequence, BaseUnits(sum(row.amount for row in rows)), tuple(rows))


def _active(books: Books) -> list[Address]:
    return [address for address, node in books.nodes.items() if node.last_used_at]


def _allocate(random: Random, books: Books, _now: int) -> ev.Event | None:
    active = _active(books)
    if not active or not books.network:
        return None
    return ev.NodePaymentAllocated(random.choice(active), _part(random, books.network))


def _allocate_many(random: Random, books: Books, _now: int) -> ev.Event:
    left: int = books.network
    rows = []
    for node in random.choices(NODES, k=random.randint(0, 5)):
        amount = BaseUnits(random.choice((0, left // 3)) if node in _active(books) else 0)
        left -= amount
        rows.append(ev.Allocation(node, amount))
    return ev.NodesAllocated(books.sequence, BaseUnits(sum(row.amount for row in rows)), tuple(rows))


def _pay_out(random: Random, books: Books, _now: int) -> ev.Event | None:
    owed = [(address, node.pending) for address, node in books.nodes.items() if node.pending]
    return ev.NodePaymentWithdrawn(*random.choice(owed)) if owed else None


def _request(random: Random, books: Books, now: int) -> ev.Event | None:
    if not books.sessions:
        return None
    return ev.SessionWithdrawalRequested(random.choice(list(books.sessions)), now + DELAY)


def _cancel(random: Random, books: Books, _now: int) -> ev.Event | None:
    asked = [session_id for session_id, one in books.sessions.items() if one.withdrawal_requested_at]
    return ev.SessionWithdrawalCancelled(random.choice(asked)) if asked else None


def _transfer(random: Random, books: Books, _now: int) -> ev.Event | None:
    if not books.sessions:
        return None
    session_id = random.choice(list(books.sessions))
    return ev.SessionTransferred(session_id, books.sessions[session_id].owner, random.choice(OWNERS))


def _use(random: Random, _books: Books, _now: int) -> ev.Event:
    return ev.NodeTimestampUpdated(random.choice(NODES))


def _use_many(random: Random, _books: Books, _now: int) -> ev.Event:
    return ev.NodeTimestampsUpdated(tuple(random.choices(NODES, k=random.randint(0, 3))))


def _drop(random: Random, _books: Books, _now: int) -> ev.Event:
    return ev.NodeTimestampDeleted(random.choice(NODES))


def _payee(random: Random, _books: Books, _now: int) -> ev.Event:
    return ev.NodePayeeSet(random.choice(NODES), random.choice(OWNERS))


def _pause(_random: Random, books: Books, now: int) -> ev.Event | None:
    return ev.Paused(now + 60) if books.paused_until <= now else ev.Unpaused()


def _grant(random: Random, books: Books, _now: int) -> ev.Event:
    account = random.choice(OWNERS)
    changed = ev.RoleRevoked if (ROLE, account) in books.roles else ev.RoleGranted
    return changed(ROLE, account, OWNERS[0])


def _recover(_random: Random, _books: Books, _now: int) -> ev.Event:
    return ev.TokenRecovered(CONTRACT, OWNERS[0], 2**256 - 1)


MAKERS: tuple[Callable[[Random, Books, int], ev.Event | None], ...] = (
    _register, _register, _deposit, _deposit, _deposit, _withdraw, _charge, _charge_many, _charge_many,
    _allocate, _allocate_many, _allocate_many, _pay_out, _request, _cancel, _transfer, _use, _use, _use_many,
    _drop, _payee, _pause, _grant, _recover,
)  # fmt: skip
