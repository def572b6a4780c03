"""Why everybody got what they got: an epoch told per session, per service and per account."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sessionpay.core.allocation import Claim, Division, PaidClaim, Share
from sessionpay.core.credits import CreditStatement
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, NOTHING, BaseUnits, MicroUnits, Ppm
from sessionpay.core.performance import Performance
from sessionpay.core.policy import Policy
from sessionpay.core.tally import Service, Tallies

NOT_ACTIVE = "the account is not active, so the contract would skip its row"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatement:
    """What one session used, was asked for and paid in one epoch, and where its money went.

    `work`, `cancelled` (by credit notes) and `unpaid` are micro-units, the rest base units. `asked` is
    the whole debt in whole base units; `sent` is what the charge may carry of it, at most 2**96 - 1.
    `arrears` = `asked` - `collected`; `collected` = `fee` + `to_nodes` + `withheld`.
    """

    session_id: SessionId
    work: MicroUnits
    cancelled: MicroUnits
    asked: BaseUnits
    sent: BaseUnits
    collected: BaseUnits
    arrears: BaseUnits
    fee: BaseUnits
    to_nodes: BaseUnits
    withheld: BaseUnits
    weight_total: int
    unpaid: MicroUnits

    @property
    def unpaid_reason(self) -> str | None:
        """Why claims of the session stay open, or None where none does."""
        if self.unpaid == 0:
            return None
        if self.collected < self.sent:
            return f"session {self.session_id} had {self.collected} of {self.sent}"
        if self.sent < self.asked:
            return f"session {self.session_id} owes {self.asked}; one charge takes at most {AMOUNT_LIMIT - 1}"
        return f"session {self.session_id} paid all it was asked; the rest is below one base unit"


@dataclass(frozen=True, slots=True)
class PaidWork:
    """Work of one epoch that was paid now, in micro-units, and the performance it counted by."""

    epoch: int
    performance: Ppm
    paid: MicroUnits


@dataclass(frozen=True, slots=True)
class CancelledWork:
    """Work of one epoch that credit notes cancelled now, in micro-units."""

    epoch: int
    cancelled: MicroUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatement:
    """What one node did for one session, and what it got for that out of the session's money.

    `work` is this epoch's committed work in micro-units and `rating` how well it was done, None where
    the node had no row. `cancelled` lists older and new work that credit notes took away, by epoch,
    `paid` what was paid now, `open` what stays unpaid. Of what the session paid, its `fee` was taken first
    and the rest is its `pot`; the node's part of that is `floor` + `remainder` base units, for `weight`
    of the session's `weight_total`.
    """

    node: Address
    session_id: SessionId
    work: MicroUnits
    rating: Performance | None
    cancelled: tuple[CancelledWork, ...]
    paid: tuple[PaidWork, ...]
    open: tuple[Claim, ...]
    fee: BaseUnits
    pot: BaseUnits
    weight: int
    weight_total: int
    floor: BaseUnits
    remainder: BaseUnits
    unpaid_reason: str | None

    @property
    def amount(self) -> BaseUnits:
        """What the node got from this session in this epoch, in base units."""
        return BaseUnits(self.floor + self.remainder)

    @property
    def unpaid(self) -> MicroUnits:
        """What the session still owes for the node's work, in micro-units."""
        return MicroUnits(sum(claim.open for claim in self.open))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """Everything one account has to get in one epoch, in base units.

    It comes from sessions it served, from fees and from what was withheld if it is the account the
    policy names for that, and from what was held for it before.
    """

    account: Address
    served: BaseUnits
    fee: BaseUnits
    withheld: BaseUnits
    held_before: BaseUnits
    is_active: bool

    @property
    def amount(self) -> BaseUnits:
        """What the account's row says, or what is held for it."""
        return BaseUnits(self.served + self.fee + self.withheld + self.held_before)

    @property
    def held_reason(self) -> str | None:
        """Why the amount is held, or None where it is allocated."""
        return None if self.is_active else NOT_ACTIVE


def sent_of(asked: BaseUnits) -> BaseUnits:
    """Return how much of a debt one charge asks for: all of it, but below 2**96."""
    return min(asked, BaseUnits(AMOUNT_LIMIT - 1))


def session_statements(
    divisions: Iterable[Division],
    asked: Mapping[SessionId, BaseUnits],
    *,
    tallies: Tallies,
    credited: Iterable[CreditStatement],
) -> tuple[SessionStatement, ...]:
    """Tell what each divided session used, was asked for and paid, in the order of `divisions`."""
    work: dict[SessionId, int] = {}
    for (session_id, _), tally in tallies.items():
        work[session_id] = work.get(session_id, 0) + tally.work
    cancelled: dict[SessionId, int] = {}
    for note in credited:
        session_id = note.credit.session_id
        cancelled[session_id] = cancelled.get(session_id, 0) + note.cancelled
    return tuple(
        _session(
            division,
            work=MicroUnits(work.get(division.session_id, 0)),
            cancelled=MicroUnits(cancelled.get(division.session_id, 0)),
            asked=asked.get(division.session_id, NOTHING),
        )
        for division in divisions
    )


def service_statements(
    divisions: Iterable[Division],
    sessions: Iterable[SessionStatement],
    *,
    tallies: Tallies,
    ratings: Mapping[Service, Performance],
    credited: Iterable[CreditStatement],
) -> tuple[ServiceStatement, ...]:
    """Tell what each node did for each session and got from it, by node and then by session.

    `sessions` are the statements of `divisions`, in the same order.
    """
    by_session = {
        division.session_id: (division, session)
        for division, session in zip(divisions, sessions, strict=True)
    }
    shares: dict[Service, Share] = {}
    claims: dict[Service, list[PaidClaim]] = {}
    for session_id, (division, _) in by_session.items():
        shares.update({(session_id, share.node): share for share in division.shares if share.node})
        for paid in division.claims:
            claims.setdefault((session_id, paid.claim.node), []).append(paid)
    cancelled = _cancelled_work(credited)
    services = {*claims, *cancelled, *ratings}
    return tuple(
        _service(
            service,
            *by_session[service[0]],
            work=tallies[service].work if service in tallies else MicroUnits(0),
            rating=ratings.get(service),
            cancelled=cancelled.get(service, ()),
            claims=claims.get(service, ()),
            share=shares.get(service),
        )
        for service in sorted(services, key=lambda service: (service[1], service[0]))
    )


def account_statements(
    divisions: Iterable[Division],
    *,
    held: Mapping[Address, BaseUnits],
    policy: Policy,
    active: AbstractSet[Address],
) -> tuple[AccountStatement, ...]:
    """Tell what each account has to get, by account; one that gets nothing is left out."""
    served: dict[Address, int] = {}
    fee = withheld = 0
    for division in divisions:
        fee += division.fee
        withheld += division.withheld
        for share in division.shares:
            if share.node is not None:
                served[share.node] = served.get(share.node, 0) + share.amount
    named = {account for account in (policy.fee_account, policy.withheld_account) if account is not None}
    statements = (
        AccountStatement(
            account=account,
            served=BaseUnits(served.get(account, 0)),
            fee=BaseUnits(fee if account == policy.fee_account else 0),
            withheld=BaseUnits(withheld if account == policy.withheld_account else 0),
            held_before=held.get(account, NOTHING),
            is_active=account in active,
        )
        for account in sorted({*served, *named, *held})
    )
    return tuple(statement for statement in statements if statement.amount)


def _session(
    division: Division, *, work: MicroUnits, cancelled: MicroUnits, asked: BaseUnits
) -> SessionStatement:
    return SessionStatement(
        session_id=division.session_id,
        work=work,
        cancelled=cancelled,
        asked=asked,
        sent=sent_of(asked),
        collected=division.collected,
        arrears=BaseUnits(asked - division.collected),
        fee=division.fee,
        to_nodes=BaseUnits(division.pot - division.withheld),
        withheld=division.withheld,
        weight_total=division.weight_total,
        unpaid=MicroUnits(sum(paid.left.open for paid in division.claims)),
    )


def _cancelled_work(credited: Iterable[CreditStatement]) -> dict[Service, tuple[CancelledWork, ...]]:
    """Return what all notes together cancelled for each service, by epoch of the work."""
    micro: dict[Service, dict[int, int]] = {}
    for note in credited:
        for one in note.claims:
            by_epoch = micro.setdefault((one.claim.session_id, one.claim.node), {})
            by_epoch[one.claim.epoch] = by_epoch.get(one.claim.epoch, 0) + one.cancelled
    return {
        service: tuple(CancelledWork(epoch, MicroUnits(amount)) for epoch, amount in sorted(by_epoch.items()))
        for service, by_epoch in micro.items()
    }


def _service(
    service: Service,
    division: Division,
    session: SessionStatement,
    *,
    work: MicroUnits,
    rating: Performance | None,
    cancelled: tuple[CancelledWork, ...],
    claims: Iterable[PaidClaim],
    share: Share | None,
) -> ServiceStatement:
    """Tell what one node did for one session; without a share it has no claim that could be paid."""
    of_node = tuple(claims)
    still_open = tuple(paid.left for paid in of_node if paid.left.open)
    return ServiceStatement(
        node=service[1],
        session_id=division.session_id,
        work=work,
        rating=rating,
        cancelled=cancelled,
        paid=tuple(
            PaidWork(paid.claim.epoch, paid.claim.performance, paid.paid) for paid in of_node if paid.paid
        ),
        open=still_open,
        fee=division.fee,
        pot=division.pot,
        weight=share.weight if share else 0,
        weight_total=division.weight_total,
        floor=share.floor if share else NOTHING,
        remainder=share.remainder if share else NOTHING,
        unpaid_reason=session.unpaid_reason if still_open else None,
    )
