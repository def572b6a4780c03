"""The folders of settled epochs as people ask for them: totals, files with their hashes, one account's line.

A folder is shown only if its manifest is the one that was settled; its files are handed out by name.
"""

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from sessionpay.core.ids import Address
from sessionpay.core.money import BaseUnits, MicroUnits
from sessionpay.services.epoch_files import CHAIN, EXPLAIN, HASHED, MANIFEST, USAGE
from sessionpay.services.epoch_folder import folder_name

# A settled epoch never changes; as many as are asked for again and again.
FOLDERS_KEPT_MAX = 256
# Each keeps a file open, of which a process may have a thousand.
FILES_KEPT_MAX = 64
# An account's line begins with its address, because keys are sorted.
_LINE_BEGINS = b'{"account":"'

# What tells one state of a file from another: its place on the disk, when it was written, and its length.
Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class EpochTotals:
    """The sums of a settled epoch in base units, work in micro-units; `held` and `retained` are levels."""

    work_micro: MicroUnits
    asked: BaseUnits
    collected: BaseUnits
    arrears: BaseUnits
    fee: BaseUnits
    withheld: BaseUnits
    to_nodes: BaseUnits
    allocated: BaseUnits
    held: BaseUnits
    retained: BaseUnits


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a settled epoch: `name` below its folder; what the chain said has no hash of its own."""

    name: str
    sha256: str | None
    bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What the folder of a settled epoch says and holds."""

    totals: EpochTotals
    files: tuple[FileView, ...]


def contents(folders: Path, number: int, *, manifest_sha256: str) -> Contents | None:
    """Return what the folder of an epoch holds; None if it is not here, or not the one that was settled."""
    folder = folders / folder_name(number)
    try:
        stamp = _stamp(folder / MANIFEST)
    except FileNotFoundError:
        return None
    return _contents(folder, manifest_sha256, stamp)


@lru_cache(maxsize=FOLDERS_KEPT_MAX)
def _contents(folder: Path, digest: str, _as_of: Stamp) -> Contents | None:
    """Return what a folder holds, kept for as long as its manifest stands there unchanged."""
    manifest = _manifest(folder, digest)
    if manifest is None:
        return None
    hashes = {name: str(manifest["files"][name]) for name in HASHED}
    segments = {f"{USAGE}/{path.name}": path.stem for path in sorted((folder / USAGE).glob("*.parquet"))}
    listed: dict[str, str | None] = {MANIFEST: digest, **hashes, CHAIN: None, **segments}
    files = tuple(
        FileView(name, digest, (folder / name).stat().st_size)
        for name, digest in listed.items()
        if (folder / name).is_file()
    )
    totals = {each.name: int(manifest["totals"][each.name]) for each in fields(EpochTotals)}
    return Contents(EpochTotals(**{name: BaseUnits(amount) for name, amount in totals.items()}), files)  # type: ignore[arg-type]


def path_of(folders: Path, number: int, name: str) -> Path:
    """Return where a file of an epoch is; `name` is one that `contents` listed."""
    return folders / folder_name(number) / name


def is_usage(name: str) -> bool:
    """Tell whether a file that `contents` listed is one of usage rows."""
    return name.startswith(f"{USAGE}/")


def explanation(folders: Path, number: int, account: Address) -> str | None:
    """Return why an account got what it got in an epoch, a line of `explain.jsonl`; None if it got nothing.

    The lines are sorted by account, so a few places of the file are read, however long it is.
    """
    path = path_of(folders, number, EXPLAIN)
    try:
        stamp = _stamp(path)
        # Nothing can be mapped of an empty file.
        lines = _lines(path, stamp) if stamp[-1] else None
    except FileNotFoundError:
        return None
    return None if lines is None else _find(lines, account)


@lru_cache(maxsize=FILES_KEPT_MAX)
def _lines(path: Path, _as_of: Stamp) -> mmap:
    """Return a file as bytes that are read where they are looked at, kept for as long as it is the same."""
    with path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _manifest(folder: Path, digest: str) -> dict[str, Any] | None:
    try:
        raw = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return None
    found: dict[str, Any] | None = json.loads(raw) if sha256(raw).hexdigest() == digest else None
    return found


def _find(lines: mmap, account: Address) -> str | None:
    """Return the line that begins with `account`, by halving what it may be in."""
    wanted = _LINE_BEGINS + account.encode()
    # The wanted line begins at `low` or behind it, and before `high`; a line begins at each of the two.
    low, high = 0, len(lines)
    while low < high:
        begins = lines.rfind(b"\n", low, (low + high) // 2) + 1 or low
        ends = lines.find(b"\n", begins) + 1 or len(lines)
        found = lines[begins : begins + len(wanted)]
        if found == wanted:
            return lines[begins:ends].decode()
        low, high = (ends, high) if found < wanted else (low, begins)
    return None
