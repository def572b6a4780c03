"""Dividing what one session paid.

pay_claims
  given less than the oldest epoch has open: it should pay that epoch only, in proportion
  given more: it should pay the oldest in full before the next one
  given equal remainders: it should favour the lower address
  given more than is open: it should raise NotConserved
divide
  given a payment: it should take the fee, rounded down, and split the rest by paid work x performance
  given performance below the whole: it should withhold the rest, last among equal remainders
  given several claims of a node: it should weigh each by its own performance
  given any claims and any payment they cover: it should account for every base unit
  given a split that loses a unit: it should raise NotConserved
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core import allocation
from sessionpay.core.allocation import Claim, Division, divide, pay_claims
from sessionpay.core.errors import NotConserved
from sessionpay.core.ids import Address
from sessionpay.core.money import MICRO, PPM, BaseUnits, MicroUnits, Ppm, split
from sessionpay.core.policy import Policy
from tests.core.rows import NODE_A, NODE_B, NODE_C, SESSION
from tests.strategies import NODES, policies, ppm


def claim(node: Address, amount: int, *, epoch: int = 0, rate: int = PPM) -> Claim:
    return Claim(SESSION, epoch, node, Ppm(rate), MicroUnits(amount))


def policy_of(fee_ppm: int) -> Policy:
    return Policy(fee_ppm=Ppm(fee_ppm), deadline_default_ms=1)


def amounts(division: Division) -> dict[Address | None, int]:
    return {share.node: share.amount for share in division.shares}


@st.composite
def claim_lists(draw: st.DrawFn) -> tuple[Claim, ...]:
    """Draw claims of one session, by epoch and node, up to past 2**127 in sum."""
    open_amounts = st.one_of(st.integers(1, 9), st.integers(1, 10**9), st.integers(1, 2**127))
    keys = st.tuples(st.integers(0, 3), st.sampled_from(NODES))
    chosen = draw(st.lists(keys, min_size=1, max_size=8, unique=True))
    return tuple(claim(node, draw(open_amounts), epoch=epoch, rate=draw(ppm)) for epoch, node in chosen)


@pytest.mark.parametrize(
    ("amount", "paid"),
    [
        (0, [0, 0, 0]),
        (1, [0, 1, 0]),
        (4, [2, 2, 0]),
        (5, [2, 3, 0]),
        (10, [4, 6, 0]),
        (11, [4, 6, 1]),
        (15, [4, 6, 5]),
    ],
)
def test_oldest_epoch_is_paid_first_and_in_proportion(amount: int, paid: list[int]) -> None:
    claims = [claim(NODE_C, 5, epoch=1), claim(NODE_B, 6), claim(NODE_A, 4)]
    result = pay_claims(claims, MicroUnits(amount))
    assert [part.claim.node for part in result] == [NODE_A, NODE_B, NODE_C]
    assert [part.paid for part in result] == paid
    assert [part.left.open for part in result] == [
        open_ - part for open_, part in zip([4, 6, 5], paid, strict=True)
    ]


def test_lower_address_takes_the_unit_among_equals() -> None:
    result = pay_claims([claim(NODE_B, 5), claim(NODE_A, 5)], MicroUnits(3))
    assert [part.paid for part in result] == [2, 1]


def test_one_node_with_claims_of_two_epochs_is_paid_by_epoch() -> None:
    result = pay_claims([claim(NODE_A, 5, epoch=3), claim(NODE_A, 5, epoch=10)], MicroUnits(7))
    assert [(part.claim.epoch, part.paid) for part in result] == [(3, 5), (10, 2)]


def test_more_than_is_open_cannot_be_paid() -> None:
    with pytest.raises(NotConserved, match="parts sum to 5, not 6"):
        pay_claims([claim(NODE_A, 5)], MicroUnits(6))


@given(claim_lists(), st.data())
def test_claims_are_paid_to_the_unit_and_never_beyond(claims: tuple[Claim, ...], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(one.open for one in claims)))
    result = pay_claims(claims, MicroUnits(amount))
    assert sum(part.paid for part in result) == amount
    assert all(0 <= part.paid <= part.claim.open for part in result)
    assert sorted(part.claim.key for part in result) == sorted(one.key for one in claims)
    # Where an epoch has anything left open, no later one got anything.
    short = min((part.claim.epoch for part in result if part.left.open), default=None)
    assert all(part.paid == 0 for part in result if short is not None and part.claim.epoch > short)


@pytest.mark.parametrize(("fee_ppm", "fee"), [(0, 0), (99_999, 0), (100_000, 1), (199_999, 1), (PPM, 10)])
def test_fee_is_rounded_down(fee_ppm: int, fee: int) -> None:
    division = divide(
        SESSION, [claim(NODE_A, 10 * MICRO)], collected=BaseUnits(10), policy=policy_of(fee_ppm)
    )
    assert (division.fee, division.pot) == (fee, 10 - fee)
    assert amounts(division) == {NODE_A: 10 - fee, None: 0}


def test_performance_moves_the_rest_to_what_is_withheld() -> None:
    claims = [claim(NODE_A, 6 * MICRO, rate=500_000), claim(NODE_B, 4 * MICRO)]
    division = divide(SESSION, claims, collected=BaseUnits(10), policy=policy_of(0))
    assert amounts(division) == {NODE_A: 3, NODE_B: 4, None: 3}
    assert division.withheld == 3
    assert division.weight_total == 10 * MICRO * PPM
    assert {share.node: share.weight for share in division.shares} == {
        NODE_A: 3 * MICRO * PPM,
        NODE_B: 4 * MICRO * PPM,
        None: 3 * MICRO * PPM,
    }


def test_withheld_part_is_last_among_equal_remainders() -> None:
    division = divide(
        SESSION, [claim(NODE_C, MICRO, rate=500_000)], collected=BaseUnits(1), policy=policy_of(0)
    )
    assert amounts(division) == {NODE_C: 1, None: 0}
    assert [share.node for share in division.shares] == [NODE_C, None]


def test_lower_address_comes_first_among_equal_remainders() -> None:
    claims = [claim(NODE_B, MICRO // 2), claim(NODE_A, MICRO // 2)]
    division = divide(SESSION, claims, collected=BaseUnits(1), policy=policy_of(0))
    assert amounts(division) == {NODE_A: 1, NODE_B: 0, None: 0}
    first = division.shares[0]
    assert (first.node, first.floor, first.remainder, first.amount) == (NODE_A, 0, 1, 1)


def test_each_claim_counts_by_its_own_performance() -> None:
    claims = [claim(NODE_A, 10 * MICRO, epoch=0, rate=0), claim(NODE_A, 10 * MICRO, epoch=1, rate=PPM)]
    division = divide(SESSION, claims, collected=BaseUnits(15), policy=policy_of(0))
    assert amounts(division) == {NODE_A: 5, None: 10}


def test_unpaid_claims_weigh_nothing() -> None:
    claims = [claim(NODE_A, 10 * MICRO), claim(NODE_B, 90 * MICRO, epoch=1)]
    division = divide(SESSION, claims, collected=BaseUnits(10), policy=policy_of(0))
    assert amounts(division) == {NODE_A: 10, NODE_B: 0, None: 0}


def test_nothing_collected_gives_nobody_anything() -> None:
    division = divide(SESSION, [claim(NODE_A, 5 * MICRO)], collected=BaseUnits(0), policy=policy_of(PPM))
    assert (division.fee, division.pot, division.weight_total) == (0, 0, 0)
    assert amounts(division) == {NODE_A: 0, None: 0}
    assert [part.left.open for part in division.claims] == [5 * MICRO]


@given(claim_lists(), policies(), st.data())
def test_every_base_unit_of_a_payment_has_a_place(
    claims: tuple[Claim, ...], policy: Policy, data: st.DataObject
) -> None:
    most = sum(one.open for one in claims) // MICRO
    collected = BaseUnits(data.draw(st.integers(0, most)))
    division = divide(SESSION, claims, collected=collected, policy=policy)
    assert division.fee + sum(share.amount for share in division.shares) == collected
    assert division.fee == collected * policy.fee_ppm // PPM
    assert division.weight_total == collected * MICRO * PPM
    assert all(share.remainder in (0, 1) for share in division.shares)
    assert division == divide(SESSION, reversed(claims), collected=collected, policy=policy)


def test_a_unit_lost_by_the_split_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(
        pot: int, weights: dict[Any, int], *, order: Callable[[Any], Any] | None = None
    ) -> dict[Any, int]:
        # Only the split over nodes loses, so that the claims are still paid in full.
        return split(pot - (None in weights), weights, order=order)

    monkeypatch.setattr(allocation, "split", lossy)
    with pytest.raises(NotConserved, match="session 7: parts sum to 9, not 10"):
        divide(SESSION, [claim(NODE_A, 10 * MICRO)], collected=BaseUnits(10), policy=policy_of(0))
