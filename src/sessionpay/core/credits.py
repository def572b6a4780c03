"""Credit notes: claims that are cancelled because the usage behind them was wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from sessionpay.core.allocation import Claim, spread
from sessionpay.core.errors import BadCredit
from sessionpay.core.ids import SESSION_ID_LIMIT, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, MICRO, BaseUnits, MicroUnits, require_sum
from sessionpay.core.usage import unwritable

REASON_LENGTH_MAX = 500
# As long as a task's name, so that a task can be referred to by it.
REFERENCE_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """One credit note: what is taken off the debt of a session, in base units, and why.

    0 < `amount` < 2**96; `reason` has 1 to 500 characters; `reference`, what the note is known by
    elsewhere, 1 to 64. Raises `BadCredit`, naming the field.
    """

    session_id: SessionId
    amount: BaseUnits
    reason: str
    reference: str

    def __post_init__(self) -> None:
        """Refuse a value that breaks a rule, so that every note that exists can be applied and told."""
        if type(self.session_id) is not int or not 0 <= self.session_id < SESSION_ID_LIMIT:
            raise BadCredit("session_id", self.session_id, rule="write a whole number from 0 to 2**160 - 1")
        if type(self.amount) is not int or not 0 < self.amount < AMOUNT_LIMIT:
            raise BadCredit("amount", self.amount, rule="write a whole number from 1 to below 2**96")
        texts = (
            ("reason", self.reason, REASON_LENGTH_MAX),
            ("reference", self.reference, REFERENCE_LENGTH_MAX),
        )
        for field, text, longest in texts:
            if not isinstance(text, str) or not 1 <= len(text) <= longest:
                raise BadCredit(field, text, rule=f"write 1 to {longest} characters")
            if unwritable(text):
                raise BadCredit(field, text, rule="it has a control character; write plain text")

    @property
    def order(self) -> tuple[SessionId, str, BaseUnits, str]:
        """What notes are sorted by before they apply; two that are equal here are the same."""
        return self.session_id, self.reference, self.amount, self.reason


@dataclass(frozen=True, slots=True)
class CancelledClaim:
    """A claim as it stood before a note, and the micro-units of it that the note cancelled, above 0."""

    claim: Claim
    cancelled: MicroUnits


@dataclass(frozen=True, slots=True)
class CreditStatement:
    """What became of one credit note: the claims it cancelled, by epoch and node, and what was void."""

    credit: Credit
    claims: tuple[CancelledClaim, ...]

    @property
    def cancelled(self) -> MicroUnits:
        """What the session owes less because of the note, in micro-units."""
        return MicroUnits(sum(one.cancelled for one in self.claims))

    @property
    def void(self) -> MicroUnits:
        """What no open claim was left for, in micro-units; money already collected is not moved."""
        return MicroUnits(self.credit.amount * MICRO - self.cancelled)


def cancel(
    claims: Iterable[Claim], notes: Iterable[Credit]
) -> tuple[tuple[Claim, ...], tuple[CreditStatement, ...]]:
    """Take credit notes off claims; return what stays open, by key, and what became of each note.

    A note cancels open claims of its session, the newest epoch first, inside an epoch in proportion to
    what is open (largest remainder, ties to the lower address). What exceeds them is void. Notes apply in
    the order of session, reference, amount and reason, in whatever order they come.
    Raises `NotConserved` if parts and whole differ.
    """
    open_by_session: dict[SessionId, list[Claim]] = {}
    for claim in claims:
        open_by_session.setdefault(claim.session_id, []).append(claim)
    told: list[CreditStatement] = []
    for note in sorted(notes, key=lambda note: note.order):
        own = open_by_session.get(note.session_id, [])
        amount = MicroUnits(min(note.amount * MICRO, sum(claim.open for claim in own)))
        parts = spread(own, amount, newest_first=True)
        require_sum(f"credit note {note.reference}", (part for _, part in parts), amount)
        open_by_session[note.session_id] = [claim.less(part) for claim, part in parts if part < claim.open]
        told.append(CreditStatement(note, tuple(CancelledClaim(*part) for part in parts if part[1])))
    left = [claim for own in open_by_session.values() for claim in own]
    return tuple(sorted(left, key=lambda claim: claim.key)), tuple(told)
