"""A copy of a whole settlement, of one moment, taken while it works.

The database is copied first: whatever it names is never changed or removed, so that files copied after it
have all of it.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.metering.segments import keep_names, path_of, require_sealed
from sessionpay.services.epoch_folder import folder_name
from sessionpay.services.home import Home
from sessionpay.services.wholeness import require_whole
from sessionpay.store import epochs, segments
from sessionpay.store.database import Database

DATABASE = "books.db"


class BadTarget(InputError):
    """A backup is never written over something else."""

    def __init__(self, path: Path) -> None:
        """Keep the folder."""
        self.path = path
        super().__init__(f"{path} exists already: name a folder that does not")


class NotCopied(SessionPayError):
    """A backup could not be written to its end; what there is of it is no backup."""

    def __init__(self, path: Path, *, reason: str) -> None:
        """Keep the folder and why."""
        self.path = path
        super().__init__(f"cannot back up to {path}: {reason}; make room and name the folder again")


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup has: where it is, whether the database is in it, and how many files of each kind."""

    path: Path
    has_database: bool
    segments: int
    epochs: int


def back_up(database: Database, home: Home, target: Path) -> Backup:
    """Copy a settlement into the folder `target`, which is made, and checked when all of it is there.

    Of PostgreSQL only the files are copied: `pg_dump` has to come before. Raises `BadTarget`, `NotCopied`,
    `NotWhole` and `BadSegment`.
    """
    if target.exists():
        raise BadTarget(target)
    draft = Home(target.with_name(f"{target.name}.partial"))
    try:
        shutil.rmtree(draft.path, ignore_errors=True)
        draft.make()
        found = _copy(database, home, draft)
        draft.path.rename(target)
        keep_names(target.parent)
    except (OSError, sqlite3.Error) as fault:
        raise NotCopied(target, reason=str(fault)) from None
    return Backup(target, database.is_sqlite, *found)


def _copy(database: Database, home: Home, draft: Home) -> tuple[int, int]:
    copy = database
    if database.is_sqlite:
        _copy_database(database, draft.path.joinpath(DATABASE))
        copy = Database.open(draft.database_url)
    try:
        with copy.reading() as connection:
            sealed = [segment.sha256 for segment in segments.listed(connection)]
            settled = [each.number for each in epochs.listed(connection) if each.manifest_sha256]
        for source, folder in _files(home, draft, sealed, settled):
            shutil.copytree(source, folder) if source.is_dir() else shutil.copy2(source, folder)
        for name in sealed:
            require_sealed(path_of(draft.segments, name))
        if database.is_sqlite:
            require_whole(copy, draft)
    finally:
        if copy is not database:
            copy.close()
    for path in (draft.path, *draft.path.rglob("*")):
        _keep(path)
    return len(sealed), len(settled)


def _files(home: Home, draft: Home, sealed: list[str], settled: list[int]) -> Iterator[tuple[Path, Path]]:
    yield from ((home.prices, draft.prices), (home.policy, draft.policy))
    for name in sealed:
        yield path_of(home.segments, name), path_of(draft.segments, name)
    for number in settled:
        yield home.epochs.joinpath(folder_name(number)), draft.epochs.joinpath(folder_name(number))


def _copy_database(database: Database, target: Path) -> None:
    """Write one state of a SQLite database into a file of its own, while others go on writing."""
    with closing(sqlite3.connect(str(database.engine.url.database))) as source:
        source.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite3.connect(target)) as copy:
        [[found]] = copy.execute("PRAGMA integrity_check(1)").fetchall()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {found}")


def _keep(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
