"""Whether a home and its database belong together: after a restore of one without the other they do not.

Settling on with an older database would charge a second time, and seal over usage that it does not know. So
whoever finds more in the home than the database knows, or less, stops before anything is changed.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq

from sessionpay.core.errors import SessionPayError
from sessionpay.metering.errors import BadSegment
from sessionpay.metering.segments import path_of, require_sealed
from sessionpay.services.epoch_files import MANIFEST
from sessionpay.services.epoch_folder import folder_name
from sessionpay.services.home import Home
from sessionpay.services.intake import key_digest
from sessionpay.store import epochs, intake, segments
from sessionpay.store.database import Database

_ADVICE = "restore the database and the whole home from one backup"
# Rows of a file in memory at a time.
ROWS_AT_ONCE = 10_000


class NotWhole(SessionPayError):
    """A home and its database are not of one moment."""

    def __init__(self, path: Path, *, reason: str) -> None:
        """Keep what shows it, and why."""
        self.path = path
        super().__init__(f"{path}: {reason}; nothing was changed, {_ADVICE}")


def require_whole(database: Database, home: Home) -> None:
    """Raise `NotWhole` unless the home has all that the database names, and no epoch that it does not."""
    with database.reading() as connection:
        known = {epoch.number: epoch for epoch in epochs.listed(connection)}
        sealed = segments.listed(connection)
    for segment in sealed:
        path = path_of(home.segments, segment.sha256)
        if not path.is_file():
            raise NotWhole(path, reason=f"the segment of epoch {segment.epoch} is missing")
        if path.stat().st_size != segment.bytes:
            raise NotWhole(path, reason=f"the segment has {path.stat().st_size} bytes, not {segment.bytes}")
    for number, epoch in known.items():
        path = home.epochs.joinpath(folder_name(number))
        if epoch.manifest_sha256 is None:
            # A folder is written in the last state before an epoch is settled, and never sooner.
            if path.exists() and epoch.state != "allocating":
                reason = f"the database has epoch {number} as {epoch.state}, so it is older"
                raise NotWhole(path, reason=reason)
        elif _manifest(path) != epoch.manifest_sha256:
            reason = f"it is missing, or its manifest is not {epoch.manifest_sha256}"
            raise NotWhole(path, reason=reason)
    for path in sorted(home.epochs.glob("[0-9]*")):
        if path.name.isdecimal() and int(path.name) not in known:
            raise NotWhole(path, reason="the database does not know this epoch, so it is older")


def require_known(database: Database, path: Path) -> None:
    """Raise `NotWhole` unless every row of a segment was accepted into this database.

    A segment that the database does not name is what a crash left, and its rows still wait; unless the
    database is older, and the file the only place where they are. One that was never sealed is nobody's.
    """
    try:
        require_sealed(path)
    except BadSegment:
        return
    for some in _keys(path):
        with database.reading() as connection:
            found = intake.known(connection, some)
        if len(found) < len(set(some)):
            raise NotWhole(path, reason="it has usage rows that the database does not know, so it is older")


def _keys(path: Path) -> Iterator[list[bytes]]:
    """Yield the keys of a segment's rows, some at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=["task_id", "node"]):
            tasks, nodes = (column.to_pylist() for column in batch.columns)
            yield [key_digest(task, f"0x{node.hex()}") for task, node in zip(tasks, nodes, strict=True)]


def _manifest(folder: Path) -> str | None:
    try:
        return sha256(folder.joinpath(MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return None
