"""One epoch from sealed usage to paid nodes, in steps that are each persisted before the next one begins.

sealed: rows are in segments, nothing is decided. charging: what every session is asked is decided. charged:
what the contract took is final. allocating: what every account gets is decided. settled: the contract
credited it finally, the folder is written, and the books are those of the next epoch. A process that
dies anywhere goes on from the last of these, and what it then decides is the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sessionpay.core.credits import Credit
from sessionpay.core.epochs import Opening, asks
from sessionpay.core.errors import SessionPayError
from sessionpay.core.events import Allocation as AllocationRow
from sessionpay.core.events import Charge
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, BaseUnits
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.indexer.follow import Follower
from sessionpay.metering.segments import path_of
from sessionpay.services.epoch_files import EpochFiles, EpochInputs, Usage, compute
from sessionpay.services.epoch_folder import Sent, write_folder
from sessionpay.services.epoch_steps import EpochStep
from sessionpay.services.epoch_usage import add_up
from sessionpay.services.home import Home
from sessionpay.services.outbox import SYSTEM_CLOCK, Outbox
from sessionpay.services.settlement import batches
from sessionpay.store import accounts, credit_notes, epochs, outbox, queries, segments, settling
from sessionpay.store.database import Database
from sessionpay.store.epochs import Epoch
from sessionpay.store.outbox import DONE, Batch, Purpose

WAIT_SECONDS = 1

Stop = Callable[[], bool]


def never() -> bool:
    """Tell a wait to go on for as long as it takes."""
    return False


class Unfinished(SessionPayError):
    """An epoch waits for the chain, and whoever asked for it wants to do something else meanwhile."""

    def __init__(self, epoch: int, *, purpose: str) -> None:
        """Keep the epoch and what it waits for."""
        self.epoch = epoch
        self.purpose = purpose
        super().__init__(f"epoch {epoch} waits for its transactions to {purpose}; settle it again to go on")


class TreasuryShort(SessionPayError):
    """The treasury has less than epochs collected and did not allocate: somebody else allocated from it."""

    def __init__(self, epoch: int, *, network: int, needed: int) -> None:
        """Keep what is there and what should be, in base units."""
        self.epoch = epoch
        self.network = network
        self.needed = needed
        super().__init__(
            f"epoch {epoch}: the treasury has {network} base units, {needed} are held, retained or "
            "to be allocated; somebody allocated outside epochs: nothing is paid until the treasury is whole"
        )


class UsageChanged(SessionPayError):
    """The segments of an epoch do not hold the rows that it was charged for."""

    def __init__(self, epoch: int, *, charged: str, found: str) -> None:
        """Keep both digests of its usage."""
        self.epoch = epoch
        super().__init__(
            f"epoch {epoch} was charged for usage with SHA-256 {charged}, its segments hold {found}; "
            "restore the segments from a copy: nothing is allocated by other rows than were charged"
        )


class NotSealed(SessionPayError):
    """An epoch cannot be settled, because its usage is not all in segments, or there is no such epoch."""

    def __init__(self, number: int) -> None:
        """Keep the epoch's number."""
        self.number = number
        super().__init__(f"epoch {number} is not closed and sealed: `sessionpay epoch close` does that")


@dataclass(frozen=True, slots=True)
class _Known:
    """What an epoch is computed from and does not change while it is settled."""

    epoch: Epoch
    prices: str
    policy_text: str
    policy: Policy
    opening: Opening
    credits: tuple[Credit, ...]
    usage: Usage
    segments: tuple[Path, ...]


class Engine:
    """Settles the epochs of one contract, one after the other.

    `clock` gives unix seconds; `report` hears what happened, an event's name and its values; `checkpoint` is
    called with the name of each step.
    """

    def __init__(
        self,
        database: Database,
        follower: Follower,
        sender: Outbox,
        home: Home,
        *,
        clock: Callable[[], int],
        sleep: Callable[[int], None] = SYSTEM_CLOCK.sleep,
        report: Callable[..., None] = lambda _event, **_values: None,
        checkpoint: Callable[[EpochStep], None] = lambda _step: None,
    ) -> None:
        """Bind them together; nothing is done yet."""
        self._database = database
        self._follower = follower
        self._contract = follower.contract
        self._outbox = sender
        self._home = home
        self._clock = clock
        self._sleep = sleep
        self._report = report
        self._checkpoint = checkpoint
        self._known: _Known | None = None
        self._stop: Stop = never

    def settle(self, number: int, *, stop: Stop = never) -> Epoch:
        """Carry a sealed epoch to its end, from wherever it is, and return it; of a settled one, its payouts.

        Raises `Unfinished` once `stop` says so while it waits, `TreasuryShort`, what the outbox raises where
        it cannot go on, `UsageChanged`, `FolderExists`, `FolderNotWritten`, and `ChainError`s.
        """
        self._stop = stop
        steps = {
            settling.SEALED: self._charge,
            settling.CHARGING: self._collect,
            settling.CHARGED: self._allocate,
            settling.ALLOCATING: self._close,
        }
        epoch = self._epoch(number)
        if epoch.state == "open":
            raise NotSealed(number)
        while step := steps.get(epoch.state):
            step(self._read(epoch))
            epoch = self._epoch(number)
            self._checkpoint(EpochStep(epoch.state))
            self._report("epoch", epoch=number, state=epoch.state)
        self._known = None
        self._drive(number, Purpose.PAYOUT)
        self._checkpoint(EpochStep.PAID_OUT)
        return epoch

    # The steps

    def _charge(self, known: _Known) -> None:
        asked = asks(known.opening, known.usage.tallies, known.credits)
        rows = [Charge(session_id, amount) for session_id, amount in asked.items()]
        self._checkpoint(EpochStep.ASKED)
        with self._database.writing() as connection:
            settling.plan_charges(
                connection,
                known.epoch.number,
                usage_sha256=known.usage.sha256,
                asked=asked,
                batches=list(batches(rows)),
            )

    def _collect(self, known: _Known) -> None:
        number = known.epoch.number
        self._drive(number, Purpose.CHARGE)
        self._checkpoint(EpochStep.COLLECTED)
        with self._database.writing() as connection:
            settling.note_collected(connection, number, self._applied_charges(number))

    def _allocate(self, known: _Known) -> None:
        number = known.epoch.number
        self._follow(number, Purpose.CHARGE)
        self._require_treasury(known)
        self._mark(known)
        computed = self._computed(known, active=self._active())
        rows = [
            AllocationRow(row.account, row.amount)
            for row in computed.result.allocations
            # No row can say more, and the contract credits no account more in all its life: it stays held.
            if row.amount < AMOUNT_LIMIT
        ]
        self._checkpoint(EpochStep.DIVIDED)
        with self._database.writing() as connection:
            settling.plan_allocations(connection, number, list(batches(rows)))

    def _close(self, known: _Known) -> None:
        number = known.epoch.number
        self._drive(number, Purpose.ALLOCATE)
        self._follow(number, Purpose.ALLOCATE)
        self._checkpoint(EpochStep.CREDITED)
        credited = {row.node for row in self._applied_allocations(number) if row.amount}
        computed = self._computed(known, active=credited)
        write_folder(
            self._home.epochs,
            computed,
            segments=known.segments,
            transactions=self._sent(number),
            drafted=lambda: self._checkpoint(EpochStep.DRAFTED),
        )
        self._checkpoint(EpochStep.WRITTEN)
        with self._database.writing() as connection:
            settling.close_books(
                connection,
                number,
                computed.result.closing,
                manifest_sha256=computed.manifest_sha256,
                at=self._clock(),
                payouts=self._payouts(known),
            )

    # What they are made of

    def _mark(self, known: _Known) -> None:
        """Mark as used who never was: nodes with committed work, and the policy's accounts."""
        number = known.epoch.number
        if not self._batches(number, Purpose.MARK):
            accounts_named = (known.policy.fee_account, known.policy.withheld_account)
            worked = {node for (_, node), tally in known.usage.tallies.items() if tally.committed}
            wanted = worked | {account for account in accounts_named if account is not None}
            new = self._never_marked(wanted)
            with self._database.writing() as connection:
                outbox.plan(connection, number, Purpose.MARK, list(batches(new)))
            self._checkpoint(EpochStep.MARKS_PLANNED)
        self._drive(number, Purpose.MARK)
        self._follow(number, Purpose.MARK)
        self._checkpoint(EpochStep.MARKED)

    def _never_marked(self, wanted: Iterable[Address]) -> list[Address]:
        # The contract refuses to mark itself, and one such row would take its whole batch along.
        possible = set(wanted) - {self._contract.address}
        with self._database.reading() as connection:
            active = {node for node, kept in queries.nodes(connection, self._contract) if kept.last_used_at}
            return [
                node
                for node in sorted(possible - active)
                if not settling.was_deleted(connection, self._contract, node)
            ]

    def _active(self) -> set[Address]:
        with self._database.reading() as connection:
            return {node for node, kept in queries.nodes(connection, self._contract) if kept.last_used_at}

    def _payouts(self, known: _Known) -> list[Address]:
        """Return whom the network pays out on its own account, so that nodes need no gas money."""
        rule = known.policy.payout
        if rule is None or known.epoch.number % rule.every:
            return []
        with self._database.reading() as connection:
            return [
                node
                for node, kept in queries.nodes(connection, self._contract)
                if kept.pending >= rule.amount_min
            ]

    def _require_treasury(self, known: _Known) -> None:
        number = known.epoch.number
        with self._database.reading() as connection:
            position = self._follower.position()
            # What may still be taken back counts as well, where it leaves less.
            blocks = (position.final_number, position.head_number)
            network = min(settling.network_at(connection, self._contract, block) for block in blocks)
            collected = settling.collected(connection, number)
        needed = sum(known.opening.held.values()) + known.opening.retained + sum(collected.values())
        if network < needed:
            raise TreasuryShort(number, network=network, needed=needed)
        self._report("treasury", epoch=number, unattributed=str(network - needed))

    def _computed(self, known: _Known, *, active: Iterable[Address]) -> EpochFiles:
        with self._database.reading() as connection:
            applied = settling.collected(connection, known.epoch.number)
            previous = epochs.find(connection, known.epoch.number - 1)
        inputs = EpochInputs(
            epoch=known.epoch.number,
            chain_id=self._contract.chain_id,
            contract=self._contract.address,
            previous=previous.manifest_sha256 if previous else None,
            prices=known.prices,
            policy=known.policy_text,
            opening=known.opening,
            credits=known.credits,
            applied=applied,
            active=frozenset(active),
        )
        return compute(inputs, known.usage)

    def _read(self, epoch: Epoch) -> _Known:
        """Return what the epoch is computed from, read once."""
        if self._known is not None and self._known.epoch.number == epoch.number:
            return replace(self._known, epoch=epoch)
        with self._database.reading() as connection:
            prices = epochs.text(connection, epoch.prices)
            policy = epochs.text(connection, epoch.policy)
            opening = accounts.opening(connection)
            notes = tuple(note.credit for note in credit_notes.of_epoch(connection, epoch.number))
            names = [segment.sha256 for segment in segments.listed(connection, epoch.number)]
        paths = tuple(path_of(self._home.segments, name) for name in names)
        usage = add_up(paths, prices, policy)
        if epoch.usage_sha256 not in {None, usage.sha256}:
            raise UsageChanged(epoch.number, charged=str(epoch.usage_sha256), found=usage.sha256)
        self._known = _Known(
            epoch=epoch,
            prices=prices,
            policy_text=policy,
            policy=parse_policy(policy),
            opening=opening,
            credits=notes,
            usage=usage,
            segments=paths,
        )
        return self._known

    def _follow(self, number: int, purpose: Purpose) -> None:
        """Read the chain until the books finally hold every transaction of a purpose."""
        landed = [batch.landing.block_number for batch in self._batches(number, purpose) if batch.landing]
        while self._follower.catch_up().final_number < max(landed, default=0):
            if self._stop():
                raise Unfinished(number, purpose=purpose)
            self._sleep(WAIT_SECONDS)

    def _drive(self, number: int, purpose: Purpose) -> None:
        """Have every transaction of a purpose brought to its end; raises `Unfinished` if it is stopped."""
        if any(batch.state not in DONE for batch in self._outbox.drive(number, purpose, stop=self._stop)):
            raise Unfinished(number, purpose=purpose)

    def _applied_charges(self, number: int) -> dict[SessionId, BaseUnits]:
        rows = [row for batch in self._batches(number, Purpose.CHARGE) for row in batch.applied or ()]
        return {row.session_id: row.amount for row in rows if isinstance(row, Charge)}

    def _applied_allocations(self, number: int) -> list[AllocationRow]:
        rows = [row for batch in self._batches(number, Purpose.ALLOCATE) for row in batch.applied or ()]
        return [row for row in rows if isinstance(row, AllocationRow)]

    def _sent(self, number: int) -> list[Sent]:
        """Return the final transactions that made the epoch what it is; payouts come after that."""
        return [
            Sent.of(batch, batch.landing)
            for purpose in (Purpose.CHARGE, Purpose.MARK, Purpose.ALLOCATE)
            for batch in self._batches(number, purpose)
            if batch.landing
        ]

    def _batches(self, number: int, purpose: Purpose) -> tuple[Batch, ...]:
        with self._database.reading() as connection:
            return outbox.batches(connection, number, purpose)

    def _epoch(self, number: int) -> Epoch:
        with self._database.reading() as connection:
            found = epochs.find(connection, number)
        if found is None:
            raise NotSealed(number)
        return found
