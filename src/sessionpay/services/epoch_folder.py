"""Epoch folders on disk: written once, all of it or nothing, and copied to wherever people fetch them."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from pyarrow import fs

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.services.epoch_files import CHAIN, HASHED, MANIFEST, USAGE, EpochFiles, canonical

# A store lists names as texts, so numbers are padded to sort as numbers do.
NUMBER_DIGITS = 6


class FolderExists(SessionPayError):
    """A folder of this epoch stands already, and it says something else."""

    def __init__(self, path: Path, *, found: str, computed: str) -> None:
        """Keep the folder and both hashes."""
        self.path = path
        super().__init__(
            f"{path} exists with manifest {found}, and this epoch has {computed}; a settled epoch is never "
            "written again: find out which of the two was paid, and move the other one away"
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
    """One final transaction of an epoch: `purpose` is charge, mark, allocate or payout."""

    purpose: str
    position: int
    sequence: int | None
    sender: str
    transaction_hash: str
    block_number: int
    block_hash: str
    gas_used: int


def folder_name(epoch: int) -> str:
    """Return the name of an epoch's folder."""
    return f"{epoch:0{NUMBER_DIGITS}}"


def write_folder(
    parent: Path, computed: EpochFiles, *, segments: Iterable[Path], transactions: Iterable[Sent]
) -> Path:
    """Write the folder of a settled epoch under `parent`, and return it; on the disk when this returns.

    One that stands with the same manifest is left as it is. Raises `FolderExists` and `OSError`.
    """
    path = parent / folder_name(computed.result.epoch)
    if path.exists():
        found = sha256((path / MANIFEST).read_bytes()).hexdigest()
        if found != computed.manifest_sha256:
            raise FolderExists(path, found=found, computed=computed.manifest_sha256)
        return path
    # Only a complete folder gets its name, so a crash leaves a draft that the next attempt throws away.
    draft = parent / f".{path.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    usage = draft / USAGE
    usage.mkdir(parents=True)
    for segment in segments:
        _link(segment, usage / segment.name)
    for name in HASHED:
        _write(draft / name, computed.files[name])
    _write(draft / CHAIN, chain_file(computed.manifest_sha256, transactions))
    _write(draft / MANIFEST, computed.files[MANIFEST])
    for folder in (usage, draft):
        _keep(folder)
    draft.rename(path)
    _keep(parent)
    return path


def chain_file(manifest_sha256: str, transactions: Iterable[Sent]) -> bytes:
    """Return what the chain said of an epoch; the only file that may differ between two equal epochs."""
    sent = sorted(transactions, key=lambda each: (each.purpose, each.position))
    return canonical({"manifest_sha256": manifest_sha256, "transactions": [asdict(each) for each in sent]})


def require_complete(path: Path) -> None:
    """Raise `IncompleteFolder` unless every file that an epoch has is there."""
    for name in (*HASHED, CHAIN, MANIFEST, USAGE):
        if not (path / name).exists():
            raise IncompleteFolder(path, missing=name)


def publish(folder: Path, store_uri: str) -> str:
    """Copy a folder to a store that pyarrow reaches, such as `s3://bucket/prefix`; return where it is.

    What is there with the same size stays; the manifest comes last, so whoever sees it sees all of it.
    """
    store, prefix = fs.FileSystem.from_uri(store_uri)
    target = f"{prefix.rstrip('/')}/{folder.name}"
    names = [f"{USAGE}/{segment.name}" for segment in sorted((folder / USAGE).iterdir())]
    for name in (*names, *HASHED, CHAIN, MANIFEST):
        store.create_dir(f"{target}/{Path(name).parent}".removesuffix("/."), recursive=True)
        with store.open_output_stream(f"{target}/{name}") as stream, (folder / name).open("rb") as file:
            shutil.copyfileobj(file, stream)
    return f"{store_uri.rstrip('/')}/{folder.name}"


def fetch(folder_uri: str, target: Path) -> Path:
    """Copy a folder from a store that pyarrow reaches into `target`, and return it there."""
    store, prefix = fs.FileSystem.from_uri(folder_uri)
    path = target.joinpath(str(prefix).rstrip("/").rsplit("/", 1)[-1])
    for found in store.get_file_info(fs.FileSelector(prefix, recursive=True, allow_not_found=True)):
        if found.type != fs.FileType.File:
            continue
        place = path / found.path.removeprefix(prefix.rstrip("/") + "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        with store.open_input_stream(found.path) as stream, place.open("wb") as file:
            shutil.copyfileobj(stream, file)
    return path


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
