"""Sending a batch: simulate, price, sign, keep, send; send again; offer more where it is stuck.

A signed form is kept before it is sent, and the same bytes are sent for as long as they may still land.
"""

from sessionpay.chain.errors import CallFailed
from sessionpay.chain.fees import FeeMarket, Fees, fee_market
from sessionpay.chain.submission import Answer, is_known, submit
from sessionpay.chain.transactions import estimate, simulate, unsigned
from sessionpay.core.refusals import ContractPaused, ContractRefusal, RoleMissing, WrongSequence
from sessionpay.services.outbox.calls import call_of, has_sequence
from sessionpay.services.outbox.desk import Desk, name_of
from sessionpay.services.outbox.stops import (
    StoppedByGasMoney,
    StoppedByPause,
    StoppedByRefusal,
    StoppedByReverts,
    StoppedByRole,
)
from sessionpay.services.outbox.terms import Step
from sessionpay.services.outbox.view import View
from sessionpay.store import outbox as store
from sessionpay.store.outbox import Attempt, Batch, Purpose, State

# Nodes keep at least this many waiting transactions of one account.
IN_FLIGHT_MAX = 16
# A batch that passed its simulation and reverted so often does not do so by chance.
REVERTS_MAX = 3


class Sending:
    """Brings batches to the node. One of these for each key, because two would take each other's nonces."""

    def __init__(self, desk: Desk) -> None:
        """Take a place at the desk."""
        self._desk = desk
        self._since: dict[str, int] = {}
        self._refused: set[str] = set()

    def push(self, batch: Batch, view: View) -> None:
        """Do what brings a batch nearer to a block; raises `SettlementStopped`, or as `View`."""
        if batch.state is State.MINED:
            return
        sequence = batch.sequence
        if sequence is not None and sequence < view.sequence:
            told = f"its sequence {sequence} is used up, and by whom is not final yet; it waits"
            self._desk.tell(batch.id, f"{name_of(batch)}: {told}")
            return
        mine = [
            attempt
            for attempt in batch.attempts
            if attempt.sender == self._desk.address and attempt.state is not State.REPLACED
        ]
        if not mine:
            if self._may_prepare(batch, view):
                self._prepare(batch, view, nonce=self._next_nonce(view))
            return
        # One whose nonce is used up is followed until that is final; before that there is no new nonce.
        live = [attempt for attempt in mine if attempt.nonce >= view.nonce(attempt.sender)]
        if live:
            self._pursue(batch, live[-1], view)

    def _may_prepare(self, batch: Batch, view: View) -> bool:
        unsettled = self._desk.unsettled()
        waiting = {
            attempt.outbox_id
            for attempt in unsettled
            if attempt.sender == self._desk.address and attempt.nonce >= view.nonce(attempt.sender)
        }
        if len(waiting) >= IN_FLIGHT_MAX:
            return False
        # A sequence of another key's attempt, that nothing of ours leads up to, would only revert.
        taken = {attempt.sequence for attempt in unsettled if attempt.outbox_id != batch.id}
        return batch.sequence is None or all(one in taken for one in range(view.sequence, batch.sequence))

    # A new attempt

    def _prepare(self, batch: Batch, view: View, *, nonce: int) -> None:
        """Make an attempt, with the sequence that the batch has or the next one."""
        if self._desk.reverts.get(batch.id, 0) >= REVERTS_MAX:
            self._give_up(batch)
            return
        market = self._market(batch)
        if market is None:
            return
        web3 = self._desk.contract.web3
        # The number of the block being built, because our own batches before this one may be in it or not.
        sequence = view.sequence_at("pending") if has_sequence(batch.purpose) else None
        call, intent = call_of(
            batch, self._desk.contract.address, sender=self._desk.address, sequence=sequence
        )
        try:
            simulate(web3, call, intent)
            gas = self._desk.sender.gas_limit or estimate(web3, call, intent, block="pending")
        except (ContractRefusal, CallFailed) as refusal:
            self._refuse(batch, refusal, view)
            return
        self._desk.checkpoint(Step.SIMULATED)
        fees = market.fees.up_to(self._desk.fee_max)
        self._require_gas_money(gas * fees.most)
        attempt = self._signed(batch, view, nonce=nonce, gas=gas, fees=fees, market=market)
        self._send_new(batch, attempt)

    def _refuse(self, batch: Batch, refusal: ContractRefusal | CallFailed, view: View) -> None:
        """Stop for what holds everything up; a payout that would fail holds up nobody."""
        match refusal:
            case WrongSequence():
                # The block being built changed between two questions; the next round asks again.
                return
            case ContractPaused():
                paused_until = self._desk.contract.paused_until(block=view.head)
                raise StoppedByPause(paused_until) from None
            case RoleMissing():
                raise StoppedByRole(self._desk.address) from None
        if batch.purpose is not Purpose.PAYOUT:
            raise StoppedByRefusal(
                batch.purpose, epoch=batch.epoch, position=batch.position, reason=str(refusal)
            ) from None
        web3 = self._desk.contract.web3
        kept = [attempt for attempt in batch.attempts if attempt.state is not State.REPLACED]
        # An earlier attempt that still waits may be what this payout has nothing left for.
        if not any(is_known(web3, attempt.transaction_hash) for attempt in kept):
            self._fail(batch, str(refusal))

    def _give_up(self, batch: Batch) -> None:
        """Let a payout be that keeps reverting; stop for anything else."""
        reason = batch.reason or "without a reason"
        if batch.purpose is not Purpose.PAYOUT:
            raise StoppedByReverts(batch.purpose, epoch=batch.epoch, position=batch.position, reason=reason)
        self._fail(batch, reason)

    def _fail(self, batch: Batch, reason: str) -> None:
        self._desk.tell(batch.id, f"{name_of(batch)}: given up, {reason}")
        with self._desk.keeping(Step.FAILED) as connection:
            store.set_failed(connection, batch, reason)

    def _market(self, batch: Batch) -> FeeMarket | None:
        """Return what fees are asked now, or None and say so where they are above what may be paid."""
        market = fee_market(self._desk.contract.web3)
        asked = market.fees.most if market.base_fee is None else market.base_fee
        if asked > self._desk.fee_max:
            told = f"gas costs {asked} wei, above fee_max {self._desk.fee_max}; it waits until gas is cheaper"
            self._desk.tell(batch.id, f"{name_of(batch)}: {told}, or until fee_max is raised")
            return None
        return market

    def _require_gas_money(self, needed: int) -> None:
        balance = self._desk.sender.balance()
        if balance < needed:
            raise StoppedByGasMoney(self._desk.address, balance=balance, needed=needed)

    def _next_nonce(self, view: View) -> int:
        """Return the nonce behind all that the node or the outbox knows, so that batches stay in order."""
        taken = [one.nonce + 1 for one in self._desk.unsettled() if one.sender == self._desk.address]
        return max(view.pending_nonce(self._desk.address), *taken, 0)

    def _missing_nonce(self, view: View) -> int:
        """Return the first nonce that neither the node nor the outbox knows."""
        taken = {one.nonce for one in self._desk.unsettled() if one.sender == self._desk.address}
        return _first_free(view.pending_nonce(self._desk.address), taken)

    def _sequence(self, batch: Batch, view: View) -> int | None:
        if not has_sequence(batch.purpose) or batch.sequence is not None:
            return batch.sequence
        taken = {one.sequence for one in self._desk.unsettled() if one.sequence is not None}
        return _first_free(view.sequence, taken)

    def _signed(
        self, batch: Batch, view: View, *, nonce: int, gas: int, fees: Fees, market: FeeMarket
    ) -> Attempt:
        sequence = self._sequence(batch, view)
        call, _ = call_of(batch, self._desk.contract.address, sender=self._desk.address, sequence=sequence)
        sender = self._desk.sender
        transaction = unsigned(
            call, chain_id=sender.chain_id, nonce=nonce, gas=gas, fee_fields=market.fields(fees)
        )
        raw, transaction_hash = sender.signer.sign_transaction(transaction)
        return Attempt(
            outbox_id=batch.id,
            number=len(batch.attempts),
            sender=sender.address,
            nonce=nonce,
            sequence=sequence,
            max_fee=fees.most,
            priority_fee=fees.tip,
            gas=gas,
            final_number=view.final,
            raw="0x" + raw.hex(),
            transaction_hash=transaction_hash,
            state=State.PREPARED,
            created_at=self._desk.clock.now(),
        )

    def _send_new(self, batch: Batch, attempt: Attempt) -> None:
        self._desk.checkpoint(Step.SIGNED)
        with self._desk.keeping(Step.PREPARED) as connection:
            store.add_attempt(connection, attempt)
        self._send(batch, attempt)

    # An attempt that stands

    def _pursue(self, batch: Batch, attempt: Attempt, view: View) -> None:
        """Send the same bytes again where the node may not have them; offer more where that does not help."""
        if attempt.state is not State.SENT:
            self._send(batch, attempt)
        elif not is_known(self._desk.contract.web3, attempt.transaction_hash):
            self._desk.tell(batch.id, f"{name_of(batch)}: the node lost it; the same bytes are sent again")
            self._send(batch, attempt)
        is_next = attempt.nonce == view.nonce(attempt.sender)
        if attempt.transaction_hash in self._refused or (is_next and self._is_late(attempt)):
            self._replace(batch, attempt, view)
        elif self._is_late(attempt) and (missing := self._missing_nonce(view)) < attempt.nonce:
            # Something that held an earlier nonce is gone, and nothing behind the gap would ever be mined.
            told = f"no transaction has nonce {missing}, which comes before its own; it is signed for that"
            self._desk.tell(batch.id, f"{name_of(batch)}: {told}")
            self._prepare(batch, view, nonce=missing)

    def _is_late(self, attempt: Attempt) -> bool:
        now = self._desk.clock.elapsed()
        since = self._since.setdefault(attempt.transaction_hash, now)
        return now - since >= self._desk.timing.stuck_seconds

    def _replace(self, batch: Batch, attempt: Attempt, view: View) -> None:
        """Sign the same call with the same nonce and higher fees, up to what may be paid."""
        market = self._market(batch)
        if market is None:
            return
        fees = Fees(attempt.max_fee, attempt.priority_fee).raised(market.fees, most=self._desk.fee_max)
        if fees is None:
            told = f"it is stuck at {attempt.max_fee} wei for one gas and fee_max is {self._desk.fee_max}"
            self._desk.tell(batch.id, f"{name_of(batch)}: {told}; it waits, raise fee_max to offer more")
            return
        self._desk.checkpoint(Step.RAISED)
        raised = self._signed(batch, view, nonce=attempt.nonce, gas=attempt.gas, fees=fees, market=market)
        self._desk.tell(batch.id, f"{name_of(batch)}: it is stuck; replaced at {fees.most} wei for one gas")
        self._send_new(batch, raised)

    def _send(self, batch: Batch, attempt: Attempt) -> None:
        """Send signed bytes and keep what is known afterwards; an unclear answer is no failure."""
        self._is_late(attempt)
        submission = submit(self._desk.contract.web3, attempt.raw, attempt.transaction_hash)
        self._desk.checkpoint(Step.ANSWERED)
        self._refused.discard(attempt.transaction_hash)
        match submission.answer:
            case Answer.TAKEN:
                self._keep(attempt, State.SENT, Step.SENT)
            case Answer.NO_MONEY:
                needed = attempt.gas * attempt.max_fee
                raise StoppedByGasMoney(attempt.sender, balance=self._desk.sender.balance(), needed=needed)
            case Answer.FEES_TOO_LOW:
                self._refused.add(attempt.transaction_hash)
                self._desk.tell(
                    batch.id, f"{name_of(batch)}: the node wants higher fees ({submission.words})"
                )
            case Answer.UNCLEAR | Answer.NONCE_USED:
                told = (
                    f"whether it was taken is not known ({submission.words}); the same bytes are sent again"
                )
                self._desk.tell(batch.id, f"{name_of(batch)}: {told}")
                self._keep(attempt, State.UNKNOWN, Step.UNKNOWN)

    def _keep(self, attempt: Attempt, state: State, step: Step) -> None:
        if attempt.state is not state:
            with self._desk.keeping(step) as connection:
                store.set_attempt(connection, attempt, state)


def _first_free(first: int, taken: set[int]) -> int:
    while first in taken:
        first += 1
    return first
