"""What sessions used, counted anew where the database does not have all of it.

It is noted with each row that is accepted. Where tables of an earlier version had rows before there was such
a note, it follows from the segments, and from rows that are in none yet.
"""

from sessionpay.core.usage import from_line
from sessionpay.metering.consumption import added, consumed, consumption
from sessionpay.metering.segments import path_of
from sessionpay.services.home import Home
from sessionpay.services.sealing import alone
from sessionpay.store import consumption as noted
from sessionpay.store import epochs, segments
from sessionpay.store.consumption import Amount, Use
from sessionpay.store.database import Database

MEMORY_BYTES_MAX = 512 * 2**20


def complete(database: Database, home: Home) -> list[int]:
    """Count anew what was used in every epoch of which the note lacks a row; return those epochs.

    Raises `BadSegment` and `NotAddedUp`.
    """
    with database.reading() as connection:
        lacking = noted.incomplete(connection)
    for epoch in lacking:
        # Nobody seals or adds rows meanwhile, so that each row is in a segment or waits, and is not both.
        with alone(home.segments), database.writing() as connection:
            epochs.hold(connection, epoch)
            sealed = [segment.sha256 for segment in segments.listed(connection, epoch)]
            waiting = consumed(map(from_line, segments.lines(connection, epoch)))
            noted.replace(connection, epoch, added(counted(home, sealed), waiting))
    return lacking


def counted(home: Home, sealed: list[str]) -> dict[Use, Amount]:
    """Return what the rows of these segments of a home add up to."""
    paths = [path_of(home.segments, name) for name in sealed]
    return consumption(paths, memory_limit=MEMORY_BYTES_MAX, threads=1)
