"""Dividing what one session paid: over its open claims first, then over who worked for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MICRO, PPM, BaseUnits, MicroUnits, Ppm, require_sum, split
from sessionpay.core.policy import Policy


@dataclass(frozen=True, slots=True)
class Claim:
    """Committed work of one node for one session in one epoch that is not paid yet.

    `open` is what remains, in micro-units, above 0; `performance` is that of the epoch of the work.
    """

    session_id: SessionId
    epoch: int
    node: Address
    performance: Ppm
    open: MicroUnits

    @property
    def key(self) -> tuple[SessionId, int, Address]:
        """What a claim is about, and the order of claims everywhere."""
        return self.session_id, self.epoch, self.node

    def less(self, amount: MicroUnits) -> "Claim":
        """Return the claim with `amount` micro-units less open in it, which may leave nothing."""
        return replace(self, open=MicroUnits(self.open - amount))


@dataclass(frozen=True, slots=True)
class PaidClaim:
    """A claim as it stood, and the micro-units that it got now, possibly 0."""

    claim: Claim
    paid: MicroUnits

    @property
    def left(self) -> Claim:
        """The claim as it stands afterwards; nothing may be open in it."""
        return self.claim.less(self.paid)


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a session's pot, of a node or, where `node` is None, what is withheld.

    The part is `floor` + `remainder` base units; `remainder` is 1 for the largest remainders, else 0.
    """

    node: Address | None
    weight: int
    floor: BaseUnits
    remainder: BaseUnits

    @property
    def amount(self) -> BaseUnits:
        """What this part comes to, in base units."""
        return BaseUnits(self.floor + self.remainder)


@dataclass(frozen=True, slots=True)
class Division:
    """Where every base unit that one session paid went: `collected` = `fee` + the shares."""

    session_id: SessionId
    collected: BaseUnits
    fee: BaseUnits
    pot: BaseUnits
    weight_total: int
    claims: tuple[PaidClaim, ...]
    shares: tuple[Share, ...]

    @property
    def withheld(self) -> BaseUnits:
        """What the nodes' performance took from them, in base units."""
        return BaseUnits(sum(share.amount for share in self.shares if share.node is None))


def pay_claims(claims: Iterable[Claim], amount: MicroUnits) -> tuple[PaidClaim, ...]:
    """Pay one session's claims: the oldest epoch first, inside an epoch in proportion to what is open.

    Claims come back in the order of their keys, those that got nothing too. `amount` is at most the
    sum of what is open. Raises `NotConserved` where it is more.
    """
    paid = tuple(PaidClaim(claim, part) for claim, part in spread(claims, amount))
    require_sum("what a session paid over its claims", (one.paid for one in paid), amount)
    return paid


def spread(
    claims: Iterable[Claim], amount: MicroUnits, *, newest_first: bool = False
) -> list[tuple[Claim, MicroUnits]]:
    """Return each of one session's claims, by key, with its part of `amount`, at most what is open in it.

    One epoch is filled before the next, the oldest or the newest first; inside an epoch the split is by
    largest remainder in proportion to what is open, ties to the lower address.
    """
    left = int(amount)
    epochs = groupby(sorted(claims, key=lambda claim: claim.key), key=lambda claim: claim.epoch)
    groups = [list(group) for _, group in epochs]
    parts: dict[tuple[SessionId, int, Address], int] = {}
    for group in reversed(groups) if newest_first else groups:
        open_by_key = {claim.key: claim.open for claim in group}
        # Where the amount covers the epoch, the proportional split is each claim in full.
        of_epoch = split(min(left, sum(open_by_key.values())), open_by_key)
        parts.update(of_epoch)
        left -= sum(of_epoch.values())
    return [(claim, MicroUnits(parts[claim.key])) for group in groups for claim in group]


def divide(
    session_id: SessionId, claims: Iterable[Claim], *, collected: BaseUnits, policy: Policy
) -> Division:
    """Divide what `session_id` paid, `collected` base units, over `claims`, all of that session.

    The fee is rounded down; the rest is split by the work paid now times its own performance, and what
    performance takes away is the weight of the withheld part, last among equal remainders.
    Raises `NotConserved` if parts and whole differ.
    """
    paid = pay_claims(claims, MicroUnits(collected * MICRO))
    fee = BaseUnits(collected * policy.fee_ppm // PPM)
    pot = BaseUnits(collected - fee)
    weights = _weights(paid)
    shares = _shares(pot, weights)
    require_sum(f"session {session_id}", [fee, *(share.amount for share in shares)], collected)
    return Division(
        session_id=session_id,
        collected=collected,
        fee=fee,
        pot=pot,
        weight_total=sum(weights.values()),
        claims=paid,
        shares=shares,
    )


def _weights(claims: Iterable[PaidClaim]) -> dict[Address | None, int]:
    """Return the weight of each node with a claim, and under None that of what is withheld."""
    weights: dict[Address | None, int] = {}
    withheld = 0
    for paid in claims:
        node = paid.claim.node
        weights[node] = weights.get(node, 0) + paid.paid * paid.claim.performance
        withheld += paid.paid * (PPM - paid.claim.performance)
    return {**weights, None: withheld}


def _shares(pot: BaseUnits, weights: Mapping[Address | None, int]) -> tuple[Share, ...]:
    total = sum(weights.values())
    parts = split(pot, weights, order=lambda node: (node is None, node or ""))
    shares = []
    for node, amount in parts.items():
        floor = pot * weights[node] // total if total else 0
        shares.append(Share(node, weights[node], BaseUnits(floor), BaseUnits(amount - floor)))
    return tuple(shares)
