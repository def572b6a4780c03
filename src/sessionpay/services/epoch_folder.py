"""Epoch folders on disk: written once, all of it or nothing."""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.services.epoch_files import CHAIN, HASHED, MANIFEST, USAGE, EpochFiles, canonical
from sessionpay.store.outbox import Batch, Landing

# A store lists names as texts, so numbers are padded to sort as numbers do.
NUMBER_DIGITS = 6


class FolderExists(SessionPayError):
    """A folder of this epoch stands already, and it says something else."""

    def __init__(self, place: object, *, found: str, computed: str) -> None:
        """Keep the folder and both hashes."""
        self.place = place
        super().__init__(
            f"{place} exists with manifest {found}, and this epoch has {computed}; a settled epoch is never "
            "written again: find out which of the two was paid, and move the other one away"
        )


class FolderNotWritten(SessionPayError):
    """The folder of an epoch could not be written; the epoch stays where it was before."""

    def __init__(self, path: Path, *, fault: OSError) -> None:
        """Keep the folder and what the system said."""
        self.path = path
        super().__init__(
            f"cannot write {path}: {fault.strerror or fault}; nothing is paid twice, make room or set its "
            "permissions, and it is written again"
        )


class IncompleteFolder(InputError):
    """A folder lacks a file that every settled epoch has."""

    def __init__(self, path: object, *, missing: str) -> None:
        """Keep the folder and what is not in it."""
        self.path = path
        self.missing = missing
        super().__init__(f"{path} is not a complete epoch folder: there is no {missing} in it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One final transaction: `purpose` is charge, mark or allocate, and `position` counts within it."""

    purpose: str
    position: int
    sequence: int | None
    transaction_hash: str
    block_number: int
    block_hash: str
    gas_used: int

    @classmethod
    def of(cls, batch: Batch, landing: Landing) -> "Sent":
        """Return what landed as the folder tells it."""
        return cls(
            purpose=str(batch.purpose),
            position=batch.position,
            sequence=batch.sequence,
            transaction_hash=landing.transaction_hash,
            block_number=landing.block_number,
            block_hash=landing.block_hash,
            gas_used=landing.gas_used,
        )


def folder_name(epoch: int) -> str:
    """Return the name of an epoch's folder."""
    return f"{epoch:0{NUMBER_DIGITS}}"


def write_folder(
    parent: Path,
    computed: EpochFiles,
    *,
    segments: Iterable[Path],
    transactions: Iterable[Sent],
    drafted: Callable[[], None] = lambda: None,
) -> Path:
    """Write the folder of a settled epoch under `parent`, and return it; on the disk when this returns.

    One that stands with the same manifest is left as it is. `drafted` is called when everything is written
    and the folder has no name yet. Raises `FolderExists` and `FolderNotWritten`.
    """
    path = parent.joinpath(folder_name(computed.result.epoch))
    try:
        if path.exists():
            _require_same(path, computed)
            return path
        # Only a complete folder gets its name, so a crash leaves a draft that the next attempt throws away.
        draft = parent.joinpath(f".{path.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        _fill(draft, computed, segments=segments, transactions=transactions)
        drafted()
        draft.rename(path)
        _keep(parent)
    except OSError as fault:
        raise FolderNotWritten(path, fault=fault) from None
    return path


def _require_same(path: Path, computed: EpochFiles) -> None:
    manifest = path.joinpath(MANIFEST)
    found = sha256(manifest.read_bytes()).hexdigest() if manifest.exists() else "missing"
    if found != computed.manifest_sha256:
        raise FolderExists(path, found=found, computed=computed.manifest_sha256)


def _fill(
    draft: Path, computed: EpochFiles, *, segments: Iterable[Path], transactions: Iterable[Sent]
) -> None:
    usage = draft.joinpath(USAGE)
    usage.mkdir(parents=True)
    for segment in segments:
        _link(segment, usage.joinpath(segment.name))
    for name in HASHED:
        _write(draft.joinpath(name), computed.files[name])
    _write(draft.joinpath(CHAIN), chain_file(computed.manifest_sha256, transactions))
    _write(draft.joinpath(MANIFEST), computed.files[MANIFEST])
    for folder in (usage, draft):
        _keep(folder)


def chain_file(manifest_sha256: str, transactions: Iterable[Sent]) -> bytes:
    """Return what the chain said of an epoch; the only file that may differ between two equal epochs."""
    sent = sorted(transactions, key=lambda each: (each.purpose, each.position))
    return canonical({"manifest_sha256": manifest_sha256, "transactions": [asdict(each) for each in sent]})


def require_complete(path: Path) -> None:
    """Raise `IncompleteFolder` unless every file that an epoch has is there."""
    for name in (*HASHED, CHAIN, MANIFEST):
        if not path.joinpath(name).is_file():
            raise IncompleteFolder(path, missing=name)
    if not path.joinpath(USAGE).is_dir():
        raise IncompleteFolder(path, missing=USAGE)


def _write(path: Path, raw: bytes) -> None:
    with path.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _link(source: Path, target: Path) -> None:
    """Give a segment, which never changes, a second name; copy it where the disk has no such names."""
    try:
        target.hardlink_to(source)
    except OSError:
        _write(target, source.read_bytes())


def _keep(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
