"""Usage on its way out of the database: into segments that never change, and epochs closed behind it.

A segment is whole and on the disk before the database knows of it, and its rows leave the database in the
transaction that enters it. So a crash leaves each row in one of both, and at most a file that nobody knows.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sessionpay.core.errors import SessionPayError
from sessionpay.metering.segments import PARTIAL, SUFFIX, Written, write_segment
from sessionpay.services.home import Home, Rules
from sessionpay.services.wholeness import require_known
from sessionpay.store import epochs, segments
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch
from sessionpay.store.segments import Segment

# About 40 MB as Parquet: few enough files for an epoch of 100 million rows, and a second's work to read one.
SEGMENT_ROWS_MAX = 1_000_000


class NotSealed(SessionPayError):
    """A segment could not be written; its rows are still in the database."""

    def __init__(self, folder: Path, *, fault: OSError) -> None:
        """Keep the folder and what the system said."""
        self.folder = folder
        super().__init__(
            f"cannot seal usage into {folder}: {fault.strerror or fault}; nothing is lost, "
            "make room or set its permissions and run it again"
        )


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals the usage of one database into the segments of one home, `rows_max` rows in each at most."""

    database: Database
    home: Home
    rows_max: int = SEGMENT_ROWS_MAX

    def close(self, number: int, rules: Rules, *, at: int) -> Epoch:
        """Close epoch `number`, open the next one under `rules`, and seal; `at` is now in unix seconds.

        Raises `EpochClosed` and what `seal` raises.
        """
        with self.database.writing() as connection:
            following = epochs.close(connection, number, prices=rules.prices, policy=rules.policy, at=at)
        self.seal()
        return following

    def seal(self) -> list[Segment]:
        """Seal all rows of closed epochs, and of the open one what fills whole segments.

        Waits while another process does it. Raises `NotSealed`, and `NotWhole` where the database is older
        than the segments.
        """
        try:
            with alone(self.home.segments):
                self._clean()
                return list(self._seal())
        except OSError as fault:
            raise NotSealed(self.home.segments, fault=fault) from None

    def _seal(self) -> Iterator[Segment]:
        with self.database.reading() as connection:
            closed, taking = epochs.unsealed(connection), epochs.current(connection)
        for epoch in closed:
            while segment := self._seal_some(epoch.number):
                yield segment
            with self.database.writing() as connection:
                epochs.mark_sealed(connection, epoch.number)
        while taking and self._waiting(taking.number) >= self.rows_max:
            segment = self._seal_some(taking.number)
            if segment is None:
                break
            yield segment

    def _waiting(self, number: int) -> int:
        with self.database.reading() as connection:
            return segments.waiting(connection, number)

    def _seal_some(self, number: int) -> Segment | None:
        with self.database.writing() as connection:
            up_to = segments.last_id(connection, number, rows_max=self.rows_max)
        if up_to is None:
            return None
        with self.database.reading() as connection:
            written: Written = write_segment(
                self.home.segments, segments.lines(connection, number, up_to=up_to)
            )
        segment = Segment(written.sha256, number, written.rows, written.bytes)
        with self.database.writing() as connection:
            segments.seal(connection, segment, up_to=up_to)
        return segment

    def _clean(self) -> None:
        """Remove what a crash left: files that were not finished, and segments that were never entered."""
        with self.database.reading() as connection:
            known = {f"{segment.sha256}{SUFFIX}" for segment in segments.listed(connection)}
        for path in self.home.segments.iterdir():
            if path.suffix == SUFFIX and path.name not in known:
                require_known(self.database, path)
                path.unlink()
            elif path.suffix == PARTIAL:
                path.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process however that ends."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
