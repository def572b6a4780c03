"""One epoch, and histories of several.

asks
  given work and arrears: it should ask each session for its whole debt in whole base units
  given fractions of a base unit: it should ask for them once they make a whole one
  given a debt of 2**96 or more: it should ask for 2**96 - 1
settle
  given full payment: it should allocate all of it, fee and withheld accounts included
  given a session that ran short: it should keep what is unpaid as claims, tell why, and pay them later
  given an account that is not active: it should hold its amount until it is, even when nothing is collected
  given no account for fees or withheld amounts: it should retain them
  given an amount lost on the way: it should raise NotConserved
  given a payment that was not asked for, or books that contradict themselves: it should refuse
"""

from dataclasses import replace

import pytest

from sessionpay.core import epochs
from sessionpay.core.allocation import Claim
from sessionpay.core.epochs import RULE_VERSION, Allocation, EpochResult, Opening, asks, settle
from sessionpay.core.errors import BadCollection, BadOpening, NotConserved
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, MICRO, PPM, BaseUnits, MicroUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from sessionpay.core.statements import NOT_ACTIVE
from sessionpay.core.tally import tally
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord
from tests.core.rows import NO_FEE, NODE_A, NODE_B, NODE_C, SESSION, TOKEN_SHEET, row
from tests.strategies import ACCOUNTS, FEE_ACCOUNT, WITHHELD_ACCOUNT

OTHER = SessionId(8)
EVERYBODY = frozenset({NODE_A, NODE_B, NODE_C, *ACCOUNTS})
FRACTIONS = PriceSheet({"large": ModelPrice(BaseUnits(400_000), BaseUnits(0))}, {"standard": Ppm(PPM)})


def settled(
    opening: Opening,
    rows: list[UsageRecord],
    *,
    epoch: int = 0,
    paid: dict[int, int] | None = None,
    policy: Policy = NO_FEE,
    active: frozenset[Address] = EVERYBODY,
    sheet: PriceSheet = TOKEN_SHEET,
) -> EpochResult:
    """Settle one epoch in which the sessions in `paid` pay that much, or all pay in full."""
    tallies = tally(rows, sheet, policy)
    collected = asks(opening, tallies)
    if paid is not None:
        collected = {SessionId(number): BaseUnits(amount) for number, amount in paid.items()}
    return settle(opening, tallies, policy, epoch=epoch, collected=collected, active=active)


def asked_for(
    opening: Opening, rows: list[UsageRecord], sheet: PriceSheet = TOKEN_SHEET
) -> dict[SessionId, BaseUnits]:
    return asks(opening, tally(rows, sheet, NO_FEE))


def allocated(result: EpochResult) -> dict[Address, int]:
    return {allocation.account: allocation.amount for allocation in result.allocations}


def test_nothing_in_gives_nothing_out() -> None:
    result = settled(Opening(), [])
    assert (result.allocations, result.closing, dict(result.arrears)) == ((), Opening(), {})
    assert result.rule_version == RULE_VERSION == 1


def test_whole_payment_is_allocated_by_work() -> None:
    rows = [row(prompt_tokens=6), row(prompt_tokens=4, node=NODE_B), row(session_id=OTHER, node=NODE_B)]
    assert asked_for(Opening(), rows) == {SESSION: 10, OTHER: 1}
    result = settled(Opening(), rows)
    assert result.allocations == (Allocation(NODE_A, BaseUnits(6)), Allocation(NODE_B, BaseUnits(5)))
    assert result.closing == Opening(
        owed={SESSION: MicroUnits(10 * MICRO), OTHER: MicroUnits(MICRO)},
        collected={SESSION: BaseUnits(10), OTHER: BaseUnits(1)},
    )
    assert dict(result.arrears) == {}


def test_who_served_a_short_session_waits_and_is_the_one_paid_later() -> None:
    first = settled(Opening(), [row(prompt_tokens=6), row(prompt_tokens=4, node=NODE_B)], paid={7: 3})
    assert allocated(first) == {NODE_A: 2, NODE_B: 1}
    assert first.arrears == {SESSION: 7}
    assert first.closing.claims == (
        Claim(SESSION, 0, NODE_A, Ppm(PPM), MicroUnits(4_200_000)),
        Claim(SESSION, 0, NODE_B, Ppm(PPM), MicroUnits(2_800_000)),
    )
    later = [row(prompt_tokens=5, node=NODE_C)]
    assert asked_for(first.closing, later) == {SESSION: 12}
    second = settled(first.closing, later, epoch=1, paid={7: 8})
    assert allocated(second) == {NODE_A: 4, NODE_B: 3, NODE_C: 1}
    assert second.arrears == {SESSION: 4}
    third = settled(second.closing, [], epoch=2)
    assert allocated(third) == {NODE_C: 4}
    assert third.closing == Opening(
        owed={SESSION: MicroUnits(15 * MICRO)}, collected={SESSION: BaseUnits(15)}
    )


def test_arrears_are_a_level_not_a_sum() -> None:
    opening = Opening()
    for epoch, level in enumerate((5, 10, 15)):
        result = settled(opening, [row(prompt_tokens=5)], epoch=epoch, paid={})
        assert result.arrears == {SESSION: level}
        opening = result.closing


def test_unpaid_work_of_one_session_dilutes_nobody_in_another() -> None:
    rows = [row(prompt_tokens=6), row(prompt_tokens=1_000, session_id=OTHER, node=NODE_B)]
    assert allocated(settled(Opening(), rows, paid={7: 6})) == {NODE_A: 6}


def test_fractions_of_a_base_unit_wait_until_they_make_a_whole_one() -> None:
    opening = Opening()
    asked = []
    for epoch in range(5):
        rows = [row()]
        asked.append(asked_for(opening, rows, FRACTIONS))
        result = settled(opening, rows, epoch=epoch, sheet=FRACTIONS)
        opening = result.closing
    assert asked == [{}, {}, {SESSION: 1}, {}, {SESSION: 1}]
    assert (opening.owed, opening.collected, opening.claims) == ({SESSION: 2_000_000}, {SESSION: 2}, ())


def test_fraction_left_over_says_why_it_is_unpaid() -> None:
    result = settled(Opening(), [row() for _ in range(3)], sheet=FRACTIONS)
    (session,) = result.sessions
    assert (session.asked, session.collected, session.arrears, session.unpaid) == (1, 1, 0, 200_000)
    assert session.unpaid_reason == "session 7 paid all it was asked; the rest is below one base unit"


def test_fee_and_withheld_go_to_their_accounts() -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(100_000), fee_account=FEE_ACCOUNT, withheld_account=WITHHELD_ACCOUNT)
    rows = [row(prompt_tokens=100, quality_ppm=Ppm(500_000)), row(prompt_tokens=100, node=NODE_B)]
    result = settled(Opening(), rows, policy=policy)
    assert allocated(result) == {WITHHELD_ACCOUNT: 45, NODE_A: 45, NODE_B: 90, FEE_ACCOUNT: 20}
    assert result.closing.retained == 0


def test_fee_and_withheld_without_accounts_are_retained_for_good() -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(100_000))
    first = settled(Opening(), [row(prompt_tokens=100, quality_ppm=Ppm(500_000))], policy=policy)
    assert (allocated(first), first.closing.retained) == ({NODE_A: 45}, 10 + 45)
    named = replace(policy, fee_account=FEE_ACCOUNT, withheld_account=WITHHELD_ACCOUNT)
    second = settled(first.closing, [], epoch=1, policy=named)
    assert (allocated(second), second.closing.retained) == ({}, 55)


def test_one_account_in_three_roles_has_one_row() -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(100_000), fee_account=NODE_A, withheld_account=NODE_A)
    result = settled(Opening(), [row(prompt_tokens=100, quality_ppm=Ppm(500_000))], policy=policy)
    assert allocated(result) == {NODE_A: 100}
    (account,) = result.accounts
    assert (account.served, account.fee, account.withheld, account.held_before) == (45, 10, 45, 0)


def test_fee_is_taken_per_session_and_rounded_down_there() -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(100_000), fee_account=FEE_ACCOUNT)
    rows = [row(prompt_tokens=9), row(prompt_tokens=9, session_id=OTHER)]
    assert allocated(settled(Opening(), rows, policy=policy)) == {NODE_A: 18}


def test_inactive_account_is_held_for_until_it_is_active() -> None:
    without_a = EVERYBODY - {NODE_A}
    first = settled(Opening(), [row(prompt_tokens=6), row(node=NODE_B)], active=without_a)
    assert (allocated(first), first.closing.held) == ({NODE_B: 1}, {NODE_A: 6})
    second = settled(first.closing, [row(prompt_tokens=2)], epoch=1, active=without_a)
    assert (allocated(second), second.closing.held) == ({}, {NODE_A: 8})
    third = settled(second.closing, [row()], epoch=2, paid={})
    assert (allocated(third), third.closing.held) == ({NODE_A: 8}, {})
    told = [(account.account, account.held_before, account.held_reason) for account in second.accounts]
    assert told == [(NODE_A, 6, NOT_ACTIVE)]
    assert third.accounts[0].held_reason is None


def test_inactive_account_is_held_for_while_nobody_works() -> None:
    first = settled(Opening(), [row(prompt_tokens=6)], active=EVERYBODY - {NODE_A})
    second = settled(first.closing, [], epoch=1, active=EVERYBODY - {NODE_A})
    assert (allocated(second), second.closing.held) == ({}, {NODE_A: 6})
    third = settled(second.closing, [], epoch=2)
    assert (allocated(third), third.closing.held) == ({NODE_A: 6}, {})


@pytest.mark.parametrize("role", ["fee_account", "withheld_account"])
def test_inactive_fee_or_withheld_account_is_held_for(role: str) -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(500_000), fee_account=FEE_ACCOUNT, withheld_account=WITHHELD_ACCOUNT)
    account: Address = getattr(policy, role)
    rows = [row(prompt_tokens=4, quality_ppm=Ppm(500_000))]
    result = settled(Opening(), rows, policy=policy, active=EVERYBODY - {account})
    assert account not in allocated(result)
    assert result.closing.held == {account: 2 if role == "fee_account" else 1}


def test_work_below_the_threshold_is_paid_by_the_owner_and_withheld_from_the_node() -> None:
    rows = [row(outcome=Outcome.COMMITTED if number < 11 else Outcome.FAILED) for number in range(20)]
    result = settled(Opening(), [*rows, row(prompt_tokens=9, node=NODE_B)])
    assert (allocated(result), result.closing.retained) == ({NODE_B: 9}, 11)
    rating = result.performance[SESSION, NODE_A]
    assert (rating.performance, rating.reason) == (
        0,
        "success of 550000 ppm over 20 rows is below 600000 ppm",
    )


def test_late_payment_counts_by_the_performance_of_the_epoch_of_the_work() -> None:
    first = settled(Opening(), [row(prompt_tokens=10, quality_ppm=Ppm(500_000))], paid={})
    second = settled(first.closing, [row(prompt_tokens=10)], epoch=1, paid={7: 10})
    assert (allocated(second), second.closing.retained) == ({NODE_A: 5}, 5)


def test_largest_sums_are_exact() -> None:
    sheet = PriceSheet(
        {"large": ModelPrice(BaseUnits(AMOUNT_LIMIT - 1), BaseUnits(0))}, {"standard": Ppm(PPM)}
    )
    rows = [row(prompt_tokens=COUNT_LIMIT - 1, node=node) for node in (NODE_A, NODE_B)]
    owed = 2 * (COUNT_LIMIT - 1) * (AMOUNT_LIMIT - 1)
    assert owed > 2**127
    assert asked_for(Opening(), rows, sheet) == {SESSION: AMOUNT_LIMIT - 1}
    result = settled(Opening(), rows, sheet=sheet)
    assert allocated(result) == {NODE_A: 2**95, NODE_B: 2**95 - 1}
    assert result.arrears == {SESSION: owed // MICRO - (AMOUNT_LIMIT - 1)}
    assert result.closing.owed == {SESSION: owed}
    (session,) = result.sessions
    assert (session.asked, session.sent) == (owed // MICRO, AMOUNT_LIMIT - 1)
    assert (
        session.unpaid_reason
        == f"session 7 owes {owed // MICRO}; one charge takes at most {AMOUNT_LIMIT - 1}"
    )


@pytest.mark.parametrize("power", [53, 63, 64, 95])
def test_amounts_around_word_sizes_are_exact(power: int) -> None:
    sheet = PriceSheet({"large": ModelPrice(BaseUnits(2**power), BaseUnits(1))}, {"standard": Ppm(PPM)})
    rows = [
        row(prompt_tokens=MICRO, completion_tokens=MICRO, node=NODE_A),
        row(prompt_tokens=MICRO, node=NODE_B),
    ]
    assert asked_for(Opening(), rows, sheet) == {SESSION: min(2 ** (power + 1) + 1, AMOUNT_LIMIT - 1)}
    if power < 95:
        assert allocated(settled(Opening(), rows, sheet=sheet)) == {NODE_A: 2**power + 1, NODE_B: 2**power}


def test_statement_tells_a_node_everything_about_its_amount() -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(200_000))
    first = settled(
        Opening(), [row(prompt_tokens=6), row(prompt_tokens=4, node=NODE_B)], paid={7: 5}, policy=policy
    )
    service = first.services[0]
    assert (service.node, service.session_id, service.work) == (NODE_A, SESSION, 6 * MICRO)
    assert [(work.epoch, work.performance, work.paid) for work in service.paid] == [(0, PPM, 3 * MICRO)]
    assert (service.fee, service.pot, service.cancelled) == (1, 4, ())
    assert (service.weight, service.weight_total) == (3 * MICRO * PPM, 5 * MICRO * PPM)
    assert (service.floor, service.remainder, service.amount) == (2, 0, 2)
    assert (service.unpaid, service.unpaid_reason) == (3 * MICRO, "session 7 had 5 of 10")
    assert service.rating is not None
    assert service.rating.assigned == 1
    (session,) = first.sessions
    assert (session.work, session.asked, session.sent, session.collected) == (10 * MICRO, 10, 10, 5)
    assert (session.fee, session.to_nodes, session.withheld, session.arrears) == (1, 4, 0, 5)
    assert (session.unpaid, session.weight_total) == (5 * MICRO, 5 * MICRO * PPM)
    second = settled(first.closing, [], epoch=4, policy=policy)
    service = second.services[0]
    assert (service.work, service.rating, service.unpaid_reason) == (0, None, None)
    assert [(work.epoch, work.paid) for work in service.paid] == [(0, 3 * MICRO)]


def test_statement_tells_a_session_where_its_money_went() -> None:
    policy = replace(NO_FEE, fee_ppm=Ppm(100_000))
    (session,) = settled(
        Opening(), [row(prompt_tokens=100, quality_ppm=Ppm(500_000))], policy=policy
    ).sessions
    assert (session.collected, session.fee, session.to_nodes, session.withheld) == (100, 10, 45, 45)


def test_node_that_only_failed_is_told_so() -> None:
    result = settled(Opening(), [row(outcome=Outcome.FAILED)])
    (service,) = result.services
    assert (service.amount, service.weight, service.unpaid, service.paid) == (0, 0, 0, ())
    assert service.rating is not None
    assert service.rating.reason == "no work was committed"
    assert result.closing == Opening()


@pytest.mark.parametrize(("session_id", "amount", "asked"), [(7, 2, 1), (7, -1, 1), (9, 1, 0), (7, True, 1)])
def test_refuses_a_payment_that_was_not_asked_for(session_id: int, amount: int, asked: int) -> None:
    with pytest.raises(
        BadCollection, match=f"session {session_id}: collected {amount}, but it was asked for {asked}"
    ):
        settled(Opening(), [row()], paid={session_id: amount})


def test_claims_are_of_past_epochs() -> None:
    first = settled(Opening(), [row()], epoch=3, paid={})
    for epoch in (2, 3):
        with pytest.raises(BadOpening, match="session 7: claim of epoch 3 is not past"):
            settled(first.closing, [], epoch=epoch)
    assert allocated(settled(first.closing, [], epoch=4)) == {NODE_A: 1}


def test_an_amount_lost_on_the_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "account_statements", lambda *_, **__: ())
    with pytest.raises(NotConserved, match="an epoch: parts sum to 0, not 1"):
        settled(Opening(), [row()])


def claim(*, open_: int = 5, epoch: int = 0, rate: int = PPM) -> Claim:
    return Claim(SESSION, epoch, NODE_A, Ppm(rate), MicroUnits(open_))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"owed": {SESSION: 5}}, "session 7: claims are open for 0, it owes 5"),
        ({"claims": (claim(),)}, "session 7: claims are open for 5, it owes 0"),
        ({"collected": {SESSION: 1}}, "session 7: claims are open for 0, it owes -1000000"),
        ({"owed": {SESSION: 10}, "claims": (claim(), claim())}, "there are two claims"),
        ({"claims": (claim(open_=0),)}, "out of range"),
        ({"claims": (claim(epoch=-1),)}, "out of range"),
        ({"claims": (claim(rate=-1),)}, "out of range"),
        ({"claims": (claim(rate=PPM + 1),)}, "out of range"),
        ({"owed": {SESSION: -5}}, "owed: -5 is not"),
        ({"held": {NODE_A: -5}}, "held: -5 is not"),
        ({"held": {NODE_A: True}}, "held: True is not"),
        ({"retained": -5}, "retained: -5 is not"),
    ],
)
def test_books_that_contradict_themselves_are_refused(values: dict[str, object], rule: str) -> None:
    with pytest.raises(BadOpening, match=rule):
        Opening(**values)  # type: ignore[arg-type]


def test_books_have_one_form_and_cannot_be_changed() -> None:
    owed = {OTHER: MicroUnits(0), SESSION: MicroUnits(5)}
    books = Opening(owed=owed, claims=(claim(),), held={NODE_A: BaseUnits(0)})
    owed.clear()
    assert (books.owed, books.held) == ({SESSION: 5}, {})
    assert books == Opening(owed={SESSION: MicroUnits(5)}, claims=(claim(),))
    with pytest.raises(TypeError):
        books.owed[SESSION] = MicroUnits(6)  # type: ignore[index]
