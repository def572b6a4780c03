"""The part of checking an epoch that asks the chain: its transactions, and what their events add up to."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessionpay.chain import logs, rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.core.events import Event, NodesAllocated, NodeTimestampsUpdated, SessionsCharged
from sessionpay.services.epoch_files import ALLOCATIONS, APPLIED, CHAIN, MANIFEST, EpochInputs
from sessionpay.services.epoch_folder import Sent, chain_file
from sessionpay.store.outbox import Purpose

HASH_DIGITS = 64


@dataclass(frozen=True, slots=True)
class _Seen:
    """A transaction as the chain has it: `key` is what its first row is about."""

    purpose: Purpose
    key: int
    sequence: int | None
    receipt: Mapping[str, Any]


def on_chain(
    path: Path, inputs: EpochInputs, contract: SessionPayment, *, manifest_sha256: str
) -> tuple[int, list[str]]:
    """Return how many transactions a folder names, and what the chain has otherwise than the folder.

    Raises `ChainError`s where the node does not answer.
    """
    chain_id = rpc.chain_id(contract.web3)
    if (chain_id, contract.address) != (inputs.chain_id, inputs.contract):
        asked = f"asked was {contract.address} on chain {chain_id}"
        return 0, [f"{MANIFEST}: it is of contract {inputs.contract} on chain {inputs.chain_id}, {asked}"]
    hashes = _hashes(path.joinpath(CHAIN).read_bytes())
    if hashes is None:
        return 0, [f"{CHAIN} cannot be read as what was written"]
    return len(hashes), list(_apart(path, hashes, contract, manifest_sha256))


def _apart(path: Path, hashes: Sequence[str], contract: SessionPayment, manifest: str) -> Iterator[str]:
    seen: list[_Seen] = []
    charged: dict[str, int] = {}
    allocated: dict[str, int] = {}
    for transaction_hash in hashes:
        receipt = rpc.ask(contract.web3, "eth_getTransactionReceipt", transaction_hash)
        if receipt is None or int(receipt["status"], 16) != 1:
            yield f"{CHAIN}: transaction {transaction_hash} is not on the chain, or failed there"
            continue
        for event in logs.decode_all(receipt["logs"], contract.address):
            found = _of_event(event, receipt)
            seen += [found] if found else []
            if isinstance(event, SessionsCharged):
                _add(charged, ((str(row.session_id), row.amount) for row in event.charges))
            elif isinstance(event, NodesAllocated):
                _add(allocated, ((row.node, row.amount) for row in event.allocations))
    yield from _rows_apart(path, APPLIED, ("session_id", "collected"), charged)
    yield from _rows_apart(path, ALLOCATIONS, ("account", "amount"), allocated)
    rebuilt = chain_file(manifest, _told(seen))
    if path.joinpath(CHAIN).read_bytes() != rebuilt:
        yield f"{CHAIN}: the chain says {rebuilt.decode().strip()}"


def _of_event(event: Event, receipt: Mapping[str, Any]) -> _Seen | None:
    """Return what one event of an epoch's transaction says that it was; None for any other event."""
    match event:
        case SessionsCharged(sequence=sequence, charges=charges):
            return _Seen(Purpose.CHARGE, charges[0].session_id, sequence, receipt)
        case NodesAllocated(sequence=sequence, allocations=allocations):
            return _Seen(Purpose.ALLOCATE, int(allocations[0].node, 16), sequence, receipt)
        case NodeTimestampsUpdated(nodes=nodes):
            return _Seen(Purpose.MARK, int(nodes[0], 16), None, receipt)
    return None


def _told(seen: Iterable[_Seen]) -> Iterator[Sent]:
    """Give each transaction its place: the rows of one purpose rise from batch to batch."""
    places: dict[Purpose, int] = {}
    for one in sorted(seen, key=lambda each: (each.purpose, each.key)):
        position = places.setdefault(one.purpose, 0)
        places[one.purpose] += 1
        yield Sent(
            purpose=str(one.purpose),
            position=position,
            sequence=one.sequence,
            transaction_hash=one.receipt["transactionHash"],
            block_number=int(one.receipt["blockNumber"], 16),
            block_hash=one.receipt["blockHash"],
            gas_used=int(one.receipt["gasUsed"], 16),
        )


def _hashes(raw: bytes) -> list[str] | None:
    """Return the transactions that chain.json names, None if it names them in no form of its own."""
    try:
        found = [transaction["transaction_hash"] for transaction in json.loads(raw)["transactions"]]
    except (ValueError, LookupError, TypeError):
        return None
    return found if all(_is_hash(each) for each in found) else None


def _is_hash(text: object) -> bool:
    if not isinstance(text, str) or len(text) != HASH_DIGITS + 2 or not text.startswith("0x"):
        return False
    return all(digit in "0123456789abcdef" for digit in text[2:])


def _add(sums: dict[str, int], rows: Iterable[tuple[str, int]]) -> None:
    for key, amount in rows:
        sums[key] = sums.get(key, 0) + amount


def _rows_apart(path: Path, name: str, columns: tuple[str, str], chain: Mapping[str, int]) -> Iterator[str]:
    """Yield each key whose amount in a file is not what the events add up to."""
    key, amount = columns
    written = {
        str(row[key]): int(row[amount])
        for row in map(json.loads, path.joinpath(name).read_bytes().splitlines())
    }
    for each in sorted({*written, *chain}):
        if written.get(each, 0) != chain.get(each, 0):
            yield f"{name}: {each} has {written.get(each, 0)}, the chain's events {chain.get(each, 0)}"
