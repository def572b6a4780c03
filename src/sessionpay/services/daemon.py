"""The settlement as a process: it follows the chain, closes epochs, settles them, and audits itself.

Whatever stops it is told and waited for; a difference in the audit stops it from paying until it is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import DBAPIError

from sessionpay.chain.client import SessionPayment
from sessionpay.core.errors import SessionPayError
from sessionpay.core.policy import parse_policy
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.engine import Engine, Stop, Unfinished, never
from sessionpay.services.epoch_steps import EpochStep
from sessionpay.services.home import Home
from sessionpay.services.outbox import SYSTEM_CLOCK, Outbox, Timing
from sessionpay.services.proof import Audit, audit_books
from sessionpay.services.sealing import Sealer
from sessionpay.store import epochs, outbox, settling
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch

POLL_SECONDS = 2
# A cause that somebody has to remove is told again after so long, because a log is not read to its beginning.
TELL_AGAIN_SECONDS = 300

# Between two turns usage is sealed and epochs are closed, so no transaction may hold a turn up for longer.
TURN_SECONDS_MAX = 60


class BooksDiffer(SessionPayError):
    """The audit after an epoch found a difference, so that nothing more is paid."""

    def __init__(self, audit: Audit) -> None:
        """Keep what was found."""
        self.audit = audit
        super().__init__(
            f"the audit at block {audit.block} found a difference of {audit.difference}, first "
            f"{audit.first_difference}: nothing is paid until `sessionpay audit` finds none"
        )


@dataclass(slots=True)
class Daemon:
    """One settlement at work.

    `clock` gives unix seconds, `elapsed` seconds that nobody can set back; `report` hears an event's name and
    its values; `checkpoint` is called with the name of each step.
    """

    database: Database
    home: Home
    follower: Follower
    sealer: Sealer
    engine: Engine
    audit: Callable[[], Audit]
    clock: Callable[[], int]
    report: Callable[..., None]
    sleep: Callable[[int], None] = SYSTEM_CLOCK.sleep
    elapsed: Callable[[], int] = SYSTEM_CLOCK.elapsed
    checkpoint: Callable[[EpochStep], None] = lambda _step: None
    last_audit: Audit | None = None
    _is_audited: bool = False
    _told: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        home: Home,
        database: Database,
        contract: SessionPayment,
        *,
        confirmations: int | None,
        poll_seconds: int,
        clock: Callable[[], int],
        report: Callable[..., None],
    ) -> "Daemon":
        """Return the daemon of a contract and its settlement key, which the home settles from now on.

        `confirmations` is how many blocks above it make a block final; None takes the node's own word.
        `poll_seconds` is how long to wait between two looks at a transaction. Raises what `enrol` raises,
        and `EpochElsewhere` where the database settles another contract.
        """
        known = enrol(database, contract)
        with database.writing() as connection:
            settling.bind(connection, known)
        source = ChainSource(contract.web3, contract.address)
        follower = Follower(database, known, [source], confirmations=confirmations)
        sender = Outbox(
            database,
            contract,
            confirmations=confirmations,
            timing=Timing(poll_seconds=poll_seconds),
            report=lambda line: report("outbox", what=line),
        )

        def audit() -> Audit:
            with database.reading() as connection:
                # What came before was computed anew when it was the newest; `sessionpay audit` does it again.
                return audit_books(contract, connection, known, folders=home.epochs, recomputed=1)

        return cls(
            database=database,
            home=home,
            follower=follower,
            sealer=Sealer(database, home),
            engine=Engine(database, follower, sender, home, clock=clock, report=report),
            audit=audit,
            clock=clock,
            report=report,
        )

    def run(self, stop: Stop) -> None:
        """Work until `stop` says so; no fault that can pass ends it."""
        while not stop():
            began = self.elapsed()
            try:
                self.turn(lambda began=began: stop() or self.elapsed() - began > TURN_SECONDS_MAX)  # type: ignore[misc]
            except Unfinished:
                continue
            except SessionPayError as fault:
                self._tell(type(fault).__name__, str(fault))
            except DBAPIError as fault:
                self._tell(type(fault).__name__, f"the database failed: {fault.orig}; it is tried again")
            else:
                self._told.clear()
            self.sleep(POLL_SECONDS)

    def turn(self, stop: Stop = never) -> list[Epoch]:
        """Do all that can be done now, and return the epochs that were settled; raises what stops it.

        Where transactions have to be waited for, `stop` ends the wait with `Unfinished`.
        """
        # First what needs no chain, so that an hour without one leaves epochs as long as they should be.
        self._close_if_due()
        self.sealer.seal()
        self.follower.catch_up()
        return self.settle_ready(stop)

    def settle_ready(self, stop: Stop = never) -> list[Epoch]:
        """Settle every sealed epoch in its order, with an audit before the first and after each.

        Raises `BooksDiffer`, `CannotAudit`, and what `Engine.settle` raises.
        """
        if self._is_halted():
            self.audit_now()
        settled = []
        while (number := self._next()) is not None:
            # The audit after an epoch is missing where this process, or one before it, ended just then.
            if not self._is_audited:
                self.audit_now()
            settled.append(self.engine.settle(number, stop=stop))
            self._is_audited = False
            self.audit_now()
        return settled

    def audit_now(self) -> None:
        """Audit; a difference is remembered, and raised as `BooksDiffer`. Raises `CannotAudit`."""
        self.follower.catch_up()
        audit = self.last_audit = replace(self.audit(), at=self.clock())
        differs = bool(audit.difference or audit.first_difference)
        reason = str(audit.first_difference) if differs else None
        with self.database.writing() as connection:
            settling.halt(connection, reason)
        self._is_audited = not differs
        self.checkpoint(EpochStep.AUDITED)
        self.report("audit", block=audit.block, difference=str(audit.difference))
        if differs:
            raise BooksDiffer(audit)

    def _next(self) -> int | None:
        """Return the oldest epoch that is sealed and not settled, or settled and not all paid out."""
        with self.database.reading() as connection:
            paying = outbox.first_open(connection)
            found = [each for each in epochs.listed(connection) if each.settled_at is None]
        if paying is not None or not found or found[0].state == "open":
            return paying
        return found[0].number

    def _is_halted(self) -> bool:
        with self.database.reading() as connection:
            return settling.halted(connection) is not None

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
        self.checkpoint(EpochStep.CLOSED)
        self.report("epoch", epoch=epoch.number, state="closed")

    def _tell(self, kind: str, text: str) -> None:
        """Report a fault when it is new, and again after a while."""
        now = self.elapsed()
        if text not in self._told or now - self._told[text] >= TELL_AGAIN_SECONDS:
            self._told[text] = now
            self.report("stopped", reason=text, kind=kind)
