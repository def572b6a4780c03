"""Audits of a process that only shows books: one at the start, and one more after each settled epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event, Thread

from sqlalchemy.exc import DBAPIError

from sessionpay.chain.errors import ChainError
from sessionpay.core.errors import SessionPayError
from sessionpay.services.proof import Audit
from sessionpay.store import epochs
from sessionpay.store.database import Database

# An epoch is settled once in minutes or hours; a chain that was away is asked again as often.
LOOK_SECONDS = 30


@dataclass(slots=True)
class Auditor:
    """Keeps the last audit, or why there is none; `audit` makes one, `clock` gives unix seconds."""

    database: Database
    audit: Callable[[], Audit]
    clock: Callable[[], int]
    last: Audit | None = None
    reason: str | None = None
    _settled: int | None = None
    _ended: Event = field(default_factory=Event)

    def audit_now(self) -> None:
        """Audit; where that cannot be done the last one stays, and `reason` says why none is newer."""
        try:
            with self.database.reading() as connection:
                self._settled = epochs.last_settled(connection)
            self.last, self.reason = replace(self.audit(), at=self.clock()), None
        except ChainError as fault:
            self.reason = f"could not check: {fault.told}"
        except SessionPayError as fault:
            self.reason = str(fault)
        except DBAPIError:
            # A driver's text may name hosts and users; it is not for whoever reads the report.
            self.reason = "could not check: the database does not answer"

    def begin(self) -> None:
        """Look from now on whether another epoch was settled, until `end`."""
        Thread(target=self._run, name="auditor", daemon=True).start()

    def end(self) -> None:
        """Audit no more; an audit under way is left to itself."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            if self.reason is not None or self._is_news():
                self.audit_now()

    def _is_news(self) -> bool:
        try:
            with self.database.reading() as connection:
                return epochs.last_settled(connection) != self._settled
        except (SessionPayError, DBAPIError):
            return False
