"""Anyone's check of an epoch: everything computed again from its folder, every byte compared.

It needs no key, no network and no database; with a contract it looks the transactions up as well.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sessionpay.chain import logs, rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.core.errors import SessionPayError
from sessionpay.core.events import NodesAllocated, SessionsCharged
from sessionpay.services.epoch_files import (
    ALLOCATIONS,
    APPLIED,
    CHAIN,
    HASHED,
    MANIFEST,
    USAGE,
    EpochInputs,
    compute,
    read_inputs,
)
from sessionpay.services.epoch_folder import folder_name, require_complete
from sessionpay.services.epoch_usage import add_up


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: every difference in a sentence, none if the epoch is what it says.

    `transactions` is how many were looked up on the chain, None where no chain was asked.
    """

    epoch: int | None
    manifest_sha256: str
    differences: tuple[str, ...]
    transactions: int | None


def verify_folder(path: Path, *, contract: SessionPayment | None = None) -> Verdict:
    """Compute an epoch again from its folder; raises `IncompleteFolder` where files are missing."""
    require_complete(path)
    manifest_sha256 = sha256((path / MANIFEST).read_bytes()).hexdigest()
    # A file that was changed is named as itself; only then is it worth computing from.
    differences = list(_changed(path))
    inputs = None
    if not differences:
        try:
            inputs = read_inputs(lambda name: (path / name).read_bytes())
            differences = list(_computed(path, inputs))
        except SessionPayError as fault:
            differences = [str(fault)]
    looked_up = None
    if contract is not None and inputs is not None:
        sent = _sent(path)
        looked_up = len(sent)
        differences += _on_chain(path, inputs, sent, contract)
    return Verdict(inputs.epoch if inputs else None, manifest_sha256, tuple(differences), looked_up)


def _changed(path: Path) -> Iterator[str]:
    """Yield each file that is not the one the manifest, its own name or chain.json says."""
    manifest = (path / MANIFEST).read_bytes()
    try:
        hashes = json.loads(manifest)["files"]
        noted = json.loads((path / CHAIN).read_bytes())["manifest_sha256"]
    except (ValueError, KeyError, TypeError):
        yield f"{MANIFEST} or {CHAIN} cannot be read as what was written"
        return
    if noted != sha256(manifest).hexdigest():
        yield f"{MANIFEST}: its SHA-256 is {sha256(manifest).hexdigest()}, {CHAIN} says {noted}"
    for name in HASHED:
        found = sha256((path / name).read_bytes()).hexdigest()
        if found != hashes.get(name):
            yield f"{name}: its SHA-256 is {found}, {MANIFEST} says {hashes.get(name)}"
    for segment in sorted((path / USAGE).iterdir()):
        found = _hash_of(segment)
        if segment.name != f"{found}.parquet":
            yield f"{USAGE}/{segment.name}: its SHA-256 is {found}"


def _computed(path: Path, inputs: EpochInputs) -> Iterator[str]:
    """Yield each file that does not follow from the others."""
    usage = add_up(sorted((path / USAGE).iterdir()), inputs.prices, inputs.policy)
    computed = compute(inputs, usage)
    for name in (*HASHED, MANIFEST):
        found = (path / name).read_bytes()
        if found != computed.files[name]:
            yield f"{name}: {_first_line(found, computed.files[name])}"
    before = path.parent / folder_name(inputs.epoch - 1) / MANIFEST
    if before.exists() and sha256(before.read_bytes()).hexdigest() != inputs.previous:
        yield f"{MANIFEST}: the folder of the epoch before has another manifest than {inputs.previous}"


def _sent(path: Path) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.loads((path / CHAIN).read_bytes())["transactions"]
    return found


def _on_chain(
    path: Path, inputs: EpochInputs, sent: list[Mapping[str, Any]], contract: SessionPayment
) -> Iterator[str]:
    """Yield what the chain has otherwise than the folder: each transaction, and the rows of all together."""
    chain_id = rpc.chain_id(contract.web3)
    if (chain_id, contract.address) != (inputs.chain_id, inputs.contract):
        yield (
            f"{MANIFEST}: it is of contract {inputs.contract} on chain {inputs.chain_id}, "
            f"asked was {contract.address} on chain {chain_id}"
        )
        return
    charged: dict[str, int] = {}
    allocated: dict[str, int] = {}
    for transaction in sent:
        receipt = rpc.ask(contract.web3, "eth_getTransactionReceipt", transaction["transaction_hash"])
        told = f"{CHAIN}: transaction {transaction['transaction_hash']}"
        if receipt is None or int(receipt["status"], 16) != 1:
            yield f"{told} is not on the chain, or failed there"
            continue
        for name, key in (("block_number", "blockNumber"), ("gas_used", "gasUsed")):
            if int(receipt[key], 16) != transaction[name]:
                yield f"{told}: its {name} is {int(receipt[key], 16)}, not {transaction[name]}"
        if receipt["blockHash"] != transaction["block_hash"] or receipt["from"] != transaction["sender"]:
            yield f"{told}: its block or sender is another one on the chain"
        for event in logs.decode_all(receipt["logs"], contract.address):
            if isinstance(event, SessionsCharged):
                _add(charged, ((str(row.session_id), row.amount) for row in event.charges))
            elif isinstance(event, NodesAllocated):
                _add(allocated, ((row.node, row.amount) for row in event.allocations))
    yield from _rows_apart(path, APPLIED, ("session_id", "collected"), charged)
    yield from _rows_apart(path, ALLOCATIONS, ("account", "amount"), allocated)


def _add(sums: dict[str, int], rows: Iterable[tuple[str, int]]) -> None:
    for key, amount in rows:
        sums[key] = sums.get(key, 0) + amount


def _rows_apart(path: Path, name: str, columns: tuple[str, str], chain: Mapping[str, int]) -> Iterator[str]:
    """Yield each key whose amount in a file is not what the events add up to."""
    key, amount = columns
    written = {
        str(row[key]): int(row[amount]) for row in map(json.loads, (path / name).read_bytes().splitlines())
    }
    for each in sorted({*written, *chain}):
        if written.get(each, 0) != chain.get(each, 0):
            yield f"{name}: {each} has {written.get(each, 0)}, the chain's events {chain.get(each, 0)}"


def _first_line(found: bytes, computed: bytes) -> str:
    lines = zip(found.splitlines(), computed.splitlines(), strict=False)
    for number, (left, right) in enumerate(lines, start=1):
        if left != right:
            return (
                f"line {number} is {left.decode(errors='replace')}, computed {right.decode(errors='replace')}"
            )
    return f"it has {len(found.splitlines())} lines, computed {len(computed.splitlines())}"


def _hash_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
