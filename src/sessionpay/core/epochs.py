"""One epoch of the network's books: from usage and what sessions paid to what every account gets.

`asks` says what to charge; the contract takes what it can; `settle` divides what it took. Both take the
epoch's usage added up, by `tally` or by any engine that adds up the same, and are pure: the same input, in
any order, gives the same result to the byte.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType

from sessionpay.core.allocation import Claim, Division, divide
from sessionpay.core.credits import Credit, CreditStatement, cancel
from sessionpay.core.errors import BadCollection, BadOpening, shown
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MICRO, NOTHING, PPM, BaseUnits, MicroUnits, require_sum, whole_units
from sessionpay.core.performance import Performance, performance
from sessionpay.core.policy import Policy
from sessionpay.core.statements import (
    AccountStatement,
    ServiceStatement,
    SessionStatement,
    account_statements,
    sent_of,
    service_statements,
    session_statements,
)
from sessionpay.core.tally import Service, Tallies

# Any change of a result, even of one base unit, gets the next number; old rules stay runnable.
RULE_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The books before an epoch; those after it are the next one's opening.

    `owed` (micro-units) and `collected` (base units) are per session and of all time; `claims` is the
    work not paid yet; `held` waits for accounts that were not active; `retained` is what no account was
    named for. Zeros are left out and everything is sorted. Raises `BadOpening` unless each session's
    open claims are exactly what it owes beyond what was collected.
    """

    owed: Mapping[SessionId, MicroUnits] = field(default_factory=dict)
    collected: Mapping[SessionId, BaseUnits] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    held: Mapping[Address, BaseUnits] = field(default_factory=dict)
    retained: BaseUnits = NOTHING

    def __post_init__(self) -> None:
        """Bring the books into their one form, and refuse those that contradict themselves."""
        _require_amounts("retained", [self.retained])
        for name, amounts in (("owed", self.owed), ("collected", self.collected), ("held", self.held)):
            _require_amounts(name, amounts.values())
            kept = {key: amount for key, amount in sorted(amounts.items()) if amount}
            object.__setattr__(self, name, MappingProxyType(kept))
        object.__setattr__(self, "claims", tuple(sorted(self.claims, key=lambda claim: claim.key)))
        _require_claims(self.claims)
        still_open = _open_by_session(self.claims)
        for session_id in {*self.owed, *self.collected, *still_open}:
            owes = self.owed.get(session_id, 0) - self.collected.get(session_id, 0) * MICRO
            found = still_open.get(session_id, 0)
            if found != owes:
                raise BadOpening(f"session {session_id}", rule=f"claims are open for {found}, it owes {owes}")


@dataclass(frozen=True, slots=True)
class Allocation:
    """One row to allocate: an active account and its amount in base units, above 0."""

    account: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """What one epoch comes to, sorted by session, account, or both.

    `allocations` are the rows to send, `closing` the books afterwards, `arrears` what each session was
    asked for and did not pay. The rest explains them, to the base unit: `credits` what became of each
    credit note, in the order in which they applied.
    """

    epoch: int
    rule_version: int
    allocations: tuple[Allocation, ...]
    closing: Opening
    arrears: Mapping[SessionId, BaseUnits]
    performance: Mapping[Service, Performance]
    sessions: tuple[SessionStatement, ...]
    services: tuple[ServiceStatement, ...]
    accounts: tuple[AccountStatement, ...]
    credits: tuple[CreditStatement, ...]


def asks(opening: Opening, tallies: Tallies, credits: Iterable[Credit] = ()) -> dict[SessionId, BaseUnits]:  # noqa: A002 - the builtin of that name is for people at a prompt
    """Return what each session is charged for, in base units, arrears included; zeros are left out.

    `tallies` is the epoch's usage added up; `credits` are the credit notes that reached it. Balances are
    not looked at. A debt of 2**96 or more is asked for as 2**96 - 1; the session's statement tells both.
    """
    asked = _asked(opening, _owed(opening, tallies, credits))
    return {session_id: sent_of(amount) for session_id, amount in asked.items()}


def settle(
    opening: Opening,
    tallies: Tallies,
    policy: Policy,
    *,
    epoch: int,
    collected: Mapping[SessionId, BaseUnits],
    active: AbstractSet[Address],
    credits: Iterable[Credit] = (),  # noqa: A002 - the builtin of that name is for people at a prompt
) -> EpochResult:
    """Divide what the sessions paid in `epoch` among those who worked for them.

    `tallies` is the epoch's usage added up; `collected` is what the contract took from each session, from
    the receipt of the charge; `active` are the accounts whose rows the contract will not skip; `credits`
    are the epoch's credit notes, the same that the asks were made with. `epoch` is above that of every open
    claim. Raises `BadCollection` and `BadOpening`.
    """
    notes = tuple(credits)
    owed = _owed(opening, tallies, notes)
    asked = _asked(opening, owed)
    _require_collected(collected, asked)
    ratings = {service: performance(tallies[service], policy) for service in sorted(tallies)}
    left, credited = cancel(_claims(opening, tallies, ratings=ratings, epoch=epoch), notes)
    divisions = _divisions(left, policy, collected=collected, sessions=_sessions(opening, tallies, notes))
    accounts = account_statements(divisions, held=opening.held, policy=policy, active=active)
    sessions = session_statements(divisions, asked, tallies=tallies, credited=credited)
    return EpochResult(
        epoch=epoch,
        rule_version=RULE_VERSION,
        allocations=tuple(Allocation(row.account, row.amount) for row in accounts if row.is_active),
        closing=_closing(opening, owed, divisions, accounts=accounts, policy=policy),
        arrears=MappingProxyType({row.session_id: row.arrears for row in sessions if row.arrears}),
        performance=MappingProxyType(ratings),
        sessions=sessions,
        services=service_statements(divisions, sessions, tallies=tallies, ratings=ratings, credited=credited),
        accounts=accounts,
        credits=credited,
    )


def _owed(opening: Opening, tallies: Tallies, notes: Iterable[Credit]) -> dict[SessionId, MicroUnits]:
    """Return what each session ever owed, the epoch's work and what its credit notes cancel included."""
    owed = {session_id: int(amount) for session_id, amount in opening.owed.items()}
    for (session_id, _), tally in tallies.items():
        owed[session_id] = owed.get(session_id, 0) + tally.work
    for note in notes:
        # Claims are open for exactly what is owed beyond what was collected; no note cancels more.
        paid = _of(opening.collected, note.session_id) * MICRO
        before = owed.get(note.session_id, 0)
        owed[note.session_id] = before - min(note.amount * MICRO, before - paid)
    return {session_id: MicroUnits(amount) for session_id, amount in owed.items()}


def _asked(opening: Opening, owed: Mapping[SessionId, MicroUnits]) -> dict[SessionId, BaseUnits]:
    """Return each session's whole debt in whole base units; what has no whole unit waits."""
    # Never below zero: a valid opening owes at least what was collected, work only adds to it, and credit
    # notes cancel no more than is open.
    debts = {
        session_id: whole_units(owed[session_id]) - opening.collected.get(session_id, 0)
        for session_id in sorted(owed)
    }
    return {session_id: BaseUnits(debt) for session_id, debt in debts.items() if debt}


def _of(amounts: Mapping[SessionId, BaseUnits], session_id: SessionId) -> BaseUnits:
    return amounts.get(session_id, NOTHING)


def _require_collected(
    collected: Mapping[SessionId, BaseUnits], asked: Mapping[SessionId, BaseUnits]
) -> None:
    for session_id, amount in collected.items():
        sent = sent_of(_of(asked, session_id))
        if type(amount) is not int or not 0 <= amount <= sent:
            raise BadCollection(session_id, collected=amount, asked=sent)


def _claims(
    opening: Opening,
    tallies: Tallies,
    *,
    ratings: Mapping[Service, Performance],
    epoch: int,
) -> list[Claim]:
    """Return all open claims, this epoch's work among them."""
    for claim in opening.claims:
        if claim.epoch >= epoch:
            raise BadOpening(f"session {claim.session_id}", rule=f"claim of epoch {claim.epoch} is not past")
    return [
        *opening.claims,
        *(
            Claim(session_id, epoch, node, ratings[session_id, node].performance, tally.work)
            for (session_id, node), tally in tallies.items()
            if tally.work
        ),
    ]


def _sessions(opening: Opening, tallies: Tallies, notes: Iterable[Credit]) -> list[SessionId]:
    """Return the sessions that this epoch has to do with, whether or not they have anything to pay."""
    return sorted(
        {
            *(claim.session_id for claim in opening.claims),
            *(session_id for session_id, _ in tallies),
            *(note.session_id for note in notes),
        }
    )


def _divisions(
    claims: Iterable[Claim],
    policy: Policy,
    *,
    collected: Mapping[SessionId, BaseUnits],
    sessions: Iterable[SessionId],
) -> list[Division]:
    of_session: dict[SessionId, list[Claim]] = {}
    for claim in claims:
        of_session.setdefault(claim.session_id, []).append(claim)
    return [
        divide(
            session_id,
            of_session.get(session_id, ()),
            collected=_of(collected, session_id),
            policy=policy,
        )
        for session_id in sessions
    ]


def _closing(
    opening: Opening,
    owed: Mapping[SessionId, MicroUnits],
    divisions: Iterable[Division],
    *,
    accounts: Iterable[AccountStatement],
    policy: Policy,
) -> Opening:
    """Return the books after the epoch, checked against the money that came in."""
    collected = dict(opening.collected)
    retained = opening.retained
    taken = 0
    left: list[Claim] = []
    for division in divisions:
        collected[division.session_id] = BaseUnits(_of(collected, division.session_id) + division.collected)
        taken += division.collected
        kept_fee = division.fee if policy.fee_account is None else 0
        kept_withheld = division.withheld if policy.withheld_account is None else 0
        retained = BaseUnits(retained + kept_fee + kept_withheld)
        left += [paid.left for paid in division.claims if paid.left.open]
    rows = tuple(accounts)
    before = sum(opening.held.values()) + opening.retained
    require_sum("an epoch", [*(row.amount for row in rows), retained], before + taken)
    return Opening(
        owed=owed,
        collected=collected,
        claims=tuple(left),
        held={row.account: row.amount for row in rows if not row.is_active},
        retained=retained,
    )


def _require_amounts(name: str, amounts: Iterable[int]) -> None:
    for amount in amounts:
        if type(amount) is not int or amount < 0:
            raise BadOpening(name, rule=f"{shown(amount)} is not a whole number from 0")


def _require_claims(claims: Iterable[Claim]) -> None:
    seen = set()
    for claim in claims:
        subject = f"session {claim.session_id}, epoch {claim.epoch}, node {claim.node}"
        if claim.key in seen:
            raise BadOpening(subject, rule="there are two claims")
        if claim.open <= 0 or claim.epoch < 0 or not 0 <= claim.performance <= PPM:
            raise BadOpening(subject, rule=f"open {claim.open} at {claim.performance} ppm is out of range")
        seen.add(claim.key)


def _open_by_session(claims: Iterable[Claim]) -> dict[SessionId, int]:
    total: dict[SessionId, int] = {}
    for claim in claims:
        total[claim.session_id] = total.get(claim.session_id, 0) + claim.open
    return total
