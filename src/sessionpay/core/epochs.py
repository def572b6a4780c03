"""One epoch of the network's books: from usage and what sessions paid to what every account gets.

`asks` says what to charge; the contract takes what it can; `settle` divides what it took. Both are pure:
the same input, its rows in any order, gives the same result to the byte.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType

from sessionpay.core.allocation import Claim, Division, divide
from sessionpay.core.errors import BadCollection, BadOpening, RepeatedUsage, shown
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MICRO, NOTHING, PPM, BaseUnits, MicroUnits, require_sum
from sessionpay.core.performance import Performance, Policy, performance
from sessionpay.core.pricing import PriceSheet, row_price
from sessionpay.core.statements import (
    AccountStatement,
    Service,
    ServiceStatement,
    SessionStatement,
    account_statements,
    sent_of,
    service_statements,
    session_statements,
)
from sessionpay.core.usage import UsageRecord

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
    asked for and did not pay. The rest explains them, to the base unit.
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


def asks(opening: Opening, rows: Iterable[UsageRecord], sheet: PriceSheet) -> dict[SessionId, BaseUnits]:
    """Return what each session is charged for, in base units, arrears included; zeros are left out.

    Balances are not looked at. A debt of 2**96 or more is asked for as 2**96 - 1; the session's
    statement tells both. Raises `MissingPrice` and `RepeatedUsage`.
    """
    owed = _owed(opening, _work(_group(rows), sheet))
    return {session_id: sent_of(amount) for session_id, amount in _asked(opening, owed).items()}


def settle(
    opening: Opening,
    rows: Iterable[UsageRecord],
    sheet: PriceSheet,
    policy: Policy,
    *,
    epoch: int,
    collected: Mapping[SessionId, BaseUnits],
    active: AbstractSet[Address],
) -> EpochResult:
    """Divide what the sessions paid in `epoch` among those who worked for them.

    `rows` are the epoch's usage; `collected` is what the contract took from each session, from the
    receipt of the charge; `active` are the accounts whose rows the contract will not skip. `epoch` is
    above that of every open claim. Raises `BadCollection`, `BadOpening`, `MissingPrice`, `RepeatedUsage`.
    """
    groups = _group(rows)
    work = _work(groups, sheet)
    ratings = {service: performance(groups[service], policy) for service in sorted(groups)}
    owed = _owed(opening, work)
    asked = _asked(opening, owed)
    _require_collected(collected, asked)
    claims = _claims(opening, work, ratings=ratings, epoch=epoch)
    divisions = [
        divide(session_id, claims.get(session_id, ()), collected=_of(collected, session_id), policy=policy)
        for session_id in sorted({*claims, *(session_id for session_id, _ in groups)})
    ]
    accounts = account_statements(divisions, held=opening.held, policy=policy, active=active)
    sessions = session_statements(divisions, asked, work=work)
    return EpochResult(
        epoch=epoch,
        rule_version=RULE_VERSION,
        allocations=tuple(Allocation(row.account, row.amount) for row in accounts if row.is_active),
        closing=_closing(opening, owed, divisions, accounts=accounts, policy=policy),
        arrears=MappingProxyType({row.session_id: row.arrears for row in sessions if row.arrears}),
        performance=MappingProxyType(ratings),
        sessions=sessions,
        services=service_statements(divisions, sessions, work=work, ratings=ratings),
        accounts=accounts,
    )


def _group(rows: Iterable[UsageRecord]) -> dict[Service, list[UsageRecord]]:
    groups: dict[Service, list[UsageRecord]] = {}
    keys: set[tuple[str, Address]] = set()
    for row in rows:
        if row.key in keys:
            raise RepeatedUsage(row.task_id, node=row.node)
        keys.add(row.key)
        groups.setdefault((row.session_id, row.node), []).append(row)
    return groups


def _work(groups: Mapping[Service, Iterable[UsageRecord]], sheet: PriceSheet) -> dict[Service, MicroUnits]:
    return {
        service: MicroUnits(sum(row_price(sheet, row) for row in rows)) for service, rows in groups.items()
    }


def _owed(opening: Opening, work: Mapping[Service, MicroUnits]) -> dict[SessionId, MicroUnits]:
    owed = dict(opening.owed)
    for (session_id, _), price in work.items():
        owed[session_id] = MicroUnits(owed.get(session_id, 0) + price)
    return owed


def _asked(opening: Opening, owed: Mapping[SessionId, MicroUnits]) -> dict[SessionId, BaseUnits]:
    """Return each session's whole debt in whole base units; what has no whole unit waits."""
    # Never below zero: a valid opening owes at least what was collected, and work only adds to it.
    debts = {
        session_id: owed[session_id] // MICRO - opening.collected.get(session_id, 0)
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
    work: Mapping[Service, MicroUnits],
    *,
    ratings: Mapping[Service, Performance],
    epoch: int,
) -> dict[SessionId, list[Claim]]:
    """Return the open claims of each session, this epoch's work among them."""
    claims: dict[SessionId, list[Claim]] = {}
    for claim in opening.claims:
        if claim.epoch >= epoch:
            raise BadOpening(f"session {claim.session_id}", rule=f"claim of epoch {claim.epoch} is not past")
        claims.setdefault(claim.session_id, []).append(claim)
    for (session_id, node), price in work.items():
        if price:
            rate = ratings[session_id, node].performance
            claims.setdefault(session_id, []).append(Claim(session_id, epoch, node, rate, price))
    return claims


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
