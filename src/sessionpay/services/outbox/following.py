"""Finding out what became of a batch: which attempt is in a block, how deep, and which never can be."""

from dataclasses import replace

from sessionpay.chain import rpc
from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import Address
from sessionpay.core.refusals import WrongSequence
from sessionpay.services.outbox.calls import NUMBERED_TOPICS, applied, call_of, has_sequence
from sessionpay.services.outbox.desk import Desk, name_of
from sessionpay.services.outbox.stops import StoppedByReceipt
from sessionpay.services.outbox.terms import Step
from sessionpay.services.outbox.view import Sighting, View
from sessionpay.store import outbox as store
from sessionpay.store.outbox import Attempt, Batch, Landing, State


class Following:
    """Notes what the chain did with what was sent; it sends nothing."""

    def __init__(self, desk: Desk) -> None:
        """Take a place at the desk."""
        self._desk = desk

    def follow(self, batch: Batch, view: View) -> None:
        """Bring one batch up to what the chain says; raises `StoppedByReceipt`, or as `View`."""
        if batch.landing is not None and view.holds(batch.landing):
            self._finish(batch, batch.landing, view)
            return
        if batch.state is State.PLANNED:
            self._recover(batch, view)
            return
        attempts = [attempt for attempt in batch.attempts if attempt.state is not State.REPLACED]
        # Asked before the receipts: what is mined in between then counts as not dead yet.
        final_nonces = {attempt.sender: view.final_nonce(attempt.sender) for attempt in attempts}
        sightings = {attempt.number: view.sighting(attempt.transaction_hash) for attempt in attempts}
        landed = next((seen for seen in sightings.values() if seen and seen.succeeded), None)
        if landed is not None:
            self._land(batch, landed.landing, view)
        elif batch.landing is not None:
            self._take_back(batch)
        else:
            for attempt in attempts:
                self._note_revert(batch, attempt, sightings[attempt.number])
            self._bury(batch, attempts, view, final_nonces)

    def _recover(self, batch: Batch, view: View) -> None:
        """Find a batch that landed in a form unknown here, as after an older backup was restored.

        Raises `NodeRefused` where the node hides what used a sequence up: it might be this batch.
        """
        known = self._desk.sequences() if has_sequence(batch.purpose) else {}
        # Below the first sequence that was ever signed for, this outbox did not exist.
        for sequence in range(min(known, default=view.sequence), view.sequence):
            if sequence in known:
                continue
            above = max(final for one, final in known.items() if one < sequence)
            used_by = view.transaction_of(sequence, topics=NUMBERED_TOPICS, above=above)
            if used_by is None:
                raise NodeRefused("eth_getLogs", message=f"no event of sequence {sequence}, which is used up")
            if self._is_ours(batch, used_by, sequence=sequence):
                seen = view.sighting(used_by)
                if seen is None:
                    raise NodeRefused("eth_getTransactionReceipt", message=f"{used_by} has none")
                told = f"transaction {used_by} is this very batch, which is not known here; it counts"
                self._desk.tell(batch.id, f"{name_of(batch)}: {told}")
                self._land(replace(batch, sequence=sequence), seen.landing, view)
                return

    def _land(self, batch: Batch, landing: Landing, view: View) -> None:
        self._desk.checkpoint(Step.SEEN)
        with self._desk.keeping(Step.MINED) as connection:
            store.set_mined(connection, batch, landing)
        self._finish(batch, landing, view)

    def _take_back(self, batch: Batch) -> None:
        self._desk.tell(batch.id, f"{name_of(batch)}: a reorganisation took it back; it is sent again")
        with self._desk.keeping(Step.TAKEN_BACK) as connection:
            store.take_back(connection, batch)

    def _finish(self, batch: Batch, landing: Landing, view: View) -> None:
        """Keep what came of the batch, once its block can be taken back no more."""
        if landing.block_number > view.final:
            return
        seen = view.sighting(landing.transaction_hash)
        if seen is None or not seen.succeeded:
            return
        result = applied(batch, seen.events)
        if result is None:
            raise StoppedByReceipt(landing.transaction_hash)
        self._desk.checkpoint(Step.DEEP)
        with self._desk.keeping(Step.FINAL) as connection:
            store.set_final(connection, batch, seen.landing, result)

    def _note_revert(self, batch: Batch, attempt: Attempt, seen: Sighting | None) -> None:
        if seen is None or attempt.state is State.FAILED:
            return
        fault = self._why(batch, attempt, seen.landing)
        if not isinstance(fault, WrongSequence) and attempt.sender == self._desk.address:
            self._desk.reverts[batch.id] = self._desk.reverts.get(batch.id, 0) + 1
        reason = f"transaction {attempt.transaction_hash} reverted: {fault}"
        self._desk.tell(batch.id, f"{name_of(batch)}: {reason}")
        with self._desk.keeping(Step.REVERTED) as connection:
            store.set_attempt(connection, attempt, State.FAILED, reason=reason)

    def _why(self, batch: Batch, attempt: Attempt, landing: Landing) -> SessionPayError | str:
        """Find out why an attempt reverted by running it again in the state after its block."""
        contract = self._desk.contract
        call, intent = call_of(batch, contract.address, sender=attempt.sender, sequence=attempt.sequence)
        try:
            rpc.call(contract.web3, replace(call, gas=attempt.gas), block=landing.block_number)
        except rpc.Reverted as reverted:
            return intent.refused(call, reverted.data)
        except (Unreachable, NodeRefused) as silence:
            return f"the reason is unknown ({silence})"
        return "the same call would succeed after that block"

    def _bury(
        self, batch: Batch, attempts: list[Attempt], view: View, final_nonces: dict[Address, int]
    ) -> None:
        """Plan a batch anew if nothing that was signed for it can land any more."""
        if not attempts:
            return
        if batch.sequence is not None and view.final_sequence > batch.sequence:
            self._settle_sequence(batch, attempts, view)
        elif all(attempt.nonce < final_nonces[attempt.sender] for attempt in attempts):
            reverted = batch.reason if any(one.state is State.FAILED for one in batch.attempts) else None
            used = ", ".join(str(attempt.nonce) for attempt in attempts)
            told = f"another transaction of the same account used its nonce ({used})"
            self._plan_anew(batch, reverted or told)

    def _settle_sequence(self, batch: Batch, attempts: list[Attempt], view: View) -> None:
        """Find out who used the sequence: that it moved on does not say whether ours landed."""
        sequence = batch.sequence
        if sequence is None:
            raise AssertionError("only a batch with a sequence can lose it")
        above = min(attempt.final_number for attempt in attempts)
        used_by = view.transaction_of(sequence, topics=NUMBERED_TOPICS, above=above)
        if used_by is None:
            told = f"sequence {sequence} is used up and the node shows no event of it; it is asked again"
            self._desk.tell(batch.id, f"{name_of(batch)}: {told}")
        elif self._is_ours(batch, used_by, sequence=sequence):
            seen = view.sighting(used_by)
            if seen is not None:
                self._land(batch, seen.landing, view)
        else:
            reason = f"sequence {sequence} was taken by transaction {used_by}, which is not ours"
            self._plan_anew(batch, f"{reason}; find out who else settles here")

    def _is_ours(self, batch: Batch, transaction_hash: str, *, sequence: int) -> bool:
        """Tell whether a transaction is this very batch, also in a form that an older backup lost."""
        if any(attempt.transaction_hash == transaction_hash for attempt in batch.attempts):
            return True
        found = rpc.ask(self._desk.contract.web3, "eth_getTransactionByHash", transaction_hash)
        if found is None:
            raise NodeRefused("eth_getTransactionByHash", message=f"{transaction_hash} is unknown")
        senders = {self._desk.address, *(attempt.sender for attempt in batch.attempts)}
        call, _ = call_of(batch, self._desk.contract.address, sender=self._desk.address, sequence=sequence)
        return found["from"].lower() in senders and found["input"].lower() == "0x" + call.data.hex()

    def _plan_anew(self, batch: Batch, reason: str) -> None:
        self._desk.tell(batch.id, f"{name_of(batch)}: {reason}; it is prepared anew")
        with self._desk.keeping(Step.PLANNED_ANEW) as connection:
            store.plan_anew(connection, batch, reason)
