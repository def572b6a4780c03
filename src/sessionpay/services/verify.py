"""Anyone's check of an epoch: everything computed again from its folder, every byte compared.

It needs no key, no network and no database; with a contract it looks the transactions up as well.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sessionpay.chain.client import SessionPayment
from sessionpay.core.epochs import Opening
from sessionpay.core.errors import SessionPayError
from sessionpay.services.epoch_files import (
    CHAIN,
    HASHED,
    MANIFEST,
    OPENING,
    USAGE,
    EpochInputs,
    compute,
    opening_file,
    read_inputs,
)
from sessionpay.services.epoch_folder import folder_name, require_complete
from sessionpay.services.epoch_usage import add_up
from sessionpay.services.verify_chain import on_chain


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
    manifest_sha256 = sha256(path.joinpath(MANIFEST).read_bytes()).hexdigest()
    # A file that was changed is named as itself; only then is it worth computing from.
    differences = list(_changed(path))
    inputs = None
    if not differences:
        try:
            inputs = read_inputs(lambda name: path.joinpath(name).read_bytes())
            differences = list(_computed(path, inputs))
        except SessionPayError as fault:
            differences = [str(fault)]
    looked_up = None
    if contract is not None and inputs is not None:
        looked_up, found = on_chain(path, inputs, contract, manifest_sha256=manifest_sha256)
        differences += found
    return Verdict(inputs.epoch if inputs else None, manifest_sha256, tuple(differences), looked_up)


def _changed(path: Path) -> Iterator[str]:
    """Yield each file that is not the one the manifest, its own name or chain.json says."""
    manifest = path.joinpath(MANIFEST).read_bytes()
    hashes, noted = _field(manifest, "files"), _field(path.joinpath(CHAIN).read_bytes(), "manifest_sha256")
    if not isinstance(hashes, dict) or not isinstance(noted, str):
        yield f"{MANIFEST} or {CHAIN} cannot be read as what was written"
        return
    if noted != sha256(manifest).hexdigest():
        yield f"{MANIFEST}: its SHA-256 is {sha256(manifest).hexdigest()}, {CHAIN} says {noted}"
    for name in HASHED:
        found = sha256(path.joinpath(name).read_bytes()).hexdigest()
        if found != hashes.get(name):
            yield f"{name}: its SHA-256 is {found}, {MANIFEST} says {hashes.get(name)}"
    for segment in sorted(path.joinpath(USAGE).iterdir()):
        if not segment.is_file():
            yield f"{USAGE}/{segment.name}: it is not a file"
        elif segment.name != f"{_hash_of(segment)}.parquet":
            yield f"{USAGE}/{segment.name}: its SHA-256 is {_hash_of(segment)}"


def _computed(path: Path, inputs: EpochInputs) -> Iterator[str]:
    """Yield each file that does not follow from the others, or from the epoch before."""
    usage = add_up(sorted(path.joinpath(USAGE).iterdir()), inputs.prices, inputs.policy)
    computed = compute(inputs, usage)
    for name in (*HASHED, MANIFEST):
        found = path.joinpath(name).read_bytes()
        if found != computed.files[name]:
            yield f"{name}: {_first_line(found, computed.files[name])}"
    if inputs.previous is None:
        if inputs.opening != Opening():
            yield f"{OPENING}: it is not empty, and {MANIFEST} names no epoch before this one"
        return
    before = path.parent.joinpath(folder_name(inputs.epoch - 1), MANIFEST)
    if before.exists():
        yield from _follows(before.read_bytes(), inputs)


def _follows(before: bytes, inputs: EpochInputs) -> Iterator[str]:
    """Yield what does not go on where the epoch before ended, by that epoch's manifest."""
    found = sha256(before).hexdigest()
    if found != inputs.previous:
        yield f"{MANIFEST}: the epoch before has manifest {found}, this one follows {inputs.previous}"
    closing, opening = _field(before, "closing_sha256"), sha256(opening_file(inputs.opening)).hexdigest()
    if closing != opening:
        yield f"{OPENING}: its SHA-256 is {opening}, the epoch before ended with {closing}"


def _field(raw: bytes, name: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return one field of a JSON object, None where there is no such object or field."""
    try:
        return json.loads(raw)[name]
    except (ValueError, LookupError, TypeError):
        return None


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
