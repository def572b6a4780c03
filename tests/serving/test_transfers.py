"""Given a random history, when each session was handed over last should be what its events say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessionpay.core.events import SessionTransferred
from sessionpay.core.ids import SessionId
from sessionpay.store.transfers import handed_over_at

if TYPE_CHECKING:
    from tests.serving.conftest import Told


def test_the_last_time_is_found(told: Told) -> None:
    last = {
        entry.event.session_id: entry.timestamp
        for entry in told.entries
        if isinstance(entry.event, SessionTransferred)
    }
    sessions = list(told.books.sessions)
    assert set(last) <= set(sessions)
    assert last
    with told.database.reading() as connection:
        for session_id in (*sessions, SessionId(10**30)):
            found = handed_over_at(connection, told.reader.contract, session_id)
            assert found == last.get(session_id, 0)
