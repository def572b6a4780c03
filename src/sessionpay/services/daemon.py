"""The settlement as a process: it follows the chain, closes epochs, settles them, and audits itself.

Whatever stops it is told and waited for; a difference in the audit stops it from paying until it is gone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sessionpay.chain.errors import NodeRefused, Unreachable, WrongChain
from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.policy import parse_policy
from sessionpay.indexer.errors import IndexerError
from sessionpay.indexer.follow import Follower
from sessionpay.services.engine import Engine, TreasuryShort
from sessionpay.services.home import Home
from sessionpay.services.outbox import SettlementStopped
from sessionpay.services.proof import Audit, CannotAudit
from sessionpay.services.sealing import NotSealed, Sealer
from sessionpay.store import epochs, settling
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch

POLL_SECONDS = 2.0
# A cause that somebody has to remove is told again after so long, because a log is not read to its beginning.
TELL_AGAIN_SECONDS = 300

# The chain could not be asked; it will be asked again.
SILENCE = (Unreachable, NodeRefused, WrongChain)
# Somebody has to do something; until then usage is taken in, and nothing is paid.
STOPS = (SettlementStopped, TreasuryShort, IndexerError, NotSealed, InputError)


class BooksDiffer(SessionPayError):
    """The audit after an epoch found a difference, so that nothing more is paid."""

    def __init__(self, audit: Audit) -> None:
        """Keep what was found."""
        self.audit = audit
        super().__init__(
            f"the audit at block {audit.block} found a difference of {audit.difference}: nothing is paid "
            "until `sessionpay audit` finds none"
        )


@dataclass(slots=True)
class Daemon:
    """One settlement at work. `clock` gives unix seconds; `report` hears an event's name and its values."""

    database: Database
    home: Home
    follower: Follower
    sealer: Sealer
    engine: Engine
    audit: Callable[[], Audit]
    clock: Callable[[], int]
    report: Callable[..., None]
    sleep: Callable[[float], None] = time.sleep
    last_audit: Audit | None = None
    _told: dict[str, int] = field(default_factory=dict)

    def run(self, stop: Callable[[], bool]) -> None:
        """Work until `stop` says so; no fault that can pass ends it."""
        while not stop():
            try:
                self.turn()
            except (*SILENCE, *STOPS, CannotAudit, BooksDiffer) as fault:
                self._tell(fault)
            else:
                self._told.clear()
            self.sleep(POLL_SECONDS)

    def turn(self) -> list[Epoch]:
        """Do all that can be done now, and return the epochs that were settled; raises what stops it."""
        self.follower.catch_up()
        self._close_if_due()
        self.sealer.seal()
        return self.settle_ready()

    def settle_ready(self) -> list[Epoch]:
        """Settle every sealed epoch in its order, with an audit before the first and after each.

        Raises `BooksDiffer`, `CannotAudit`, and what `Engine.settle` raises.
        """
        self._require_whole()
        settled = []
        while (number := self._next()) is not None:
            settled.append(self.engine.settle(number))
            self.audit_now()
        return settled

    def _next(self) -> int | None:
        """Return the oldest epoch that is sealed and not settled."""
        with self.database.reading() as connection:
            found = [each for each in epochs.listed(connection) if each.settled_at is None]
        return found[0].number if found and found[0].state != "open" else None

    def _require_whole(self) -> None:
        """Audit again where the last audit stopped everything, perhaps in a process before this one."""
        with self.database.reading() as connection:
            halted = settling.halted(connection)
        if halted is not None:
            self.audit_now()

    def audit_now(self) -> None:
        """Audit; a difference is remembered, and raised as `BooksDiffer`. Raises `CannotAudit`."""
        self.follower.catch_up()
        audit = self.last_audit = self.audit()
        differs = bool(audit.difference or audit.first_difference)
        reason = str(audit.first_difference) if differs else None
        with self.database.writing() as connection:
            settling.halt(connection, reason)
        self.report("audit", block=audit.block, difference=str(audit.difference))
        if differs:
            raise BooksDiffer(audit)

    def _close_if_due(self) -> None:
        with self.database.reading() as connection:
            epoch = epochs.current(connection)
            policy = epochs.text(connection, epoch.policy) if epoch else ""
        if epoch is None:
            return
        seconds = parse_policy(policy).epoch_seconds
        # A clock that was set back makes an epoch longer, never shorter than its rows.
        if seconds is None or self.clock() - epoch.opened_at < seconds:
            return
        self.sealer.close(epoch.number, self.home.rules(), at=self.clock())
        self.report("epoch", epoch=epoch.number, state="closed")

    def _tell(self, fault: SessionPayError) -> None:
        """Report a fault when it is new, and again after a while."""
        text, now = str(fault), self.clock()
        if abs(now - self._told.get(text, -TELL_AGAIN_SECONDS)) >= TELL_AGAIN_SECONDS:
            self._told[text] = now
            self.report("stopped", reason=text, kind=type(fault).__name__)
