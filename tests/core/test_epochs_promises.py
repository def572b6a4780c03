"""What holds for every history of epochs, whoever pays what and when.

given any history
  it should conserve money in every epoch, to the base unit (promise 8 through the whole pipeline)
  it should give the same bytes whatever the order of rows
  it should never ask an owner for more than the sheet, and lose nothing to rounding
  it should keep each session's money to itself
  it should not pay to deal with oneself (promise 8a)
  it should bring late money to who worked for it (promise 8b)
  it should give and take nothing because of a node of zero weight
  it should take credit notes off what is open, the newest work first, and off nothing else
  it should explain every amount by parts that sum to it, everything sorted
"""

from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.epochs import EpochResult, Opening, asks, settle
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import MICRO, PPM, Ppm
from sessionpay.core.pricing import row_price
from sessionpay.core.tally import tally
from sessionpay.core.usage import Outcome
from tests.core.rows import NODE_C, row
from tests.strategies import ACCOUNTS, NODES, SESSIONS, EpochInput, History, Settled, histories, play


def allocated(result: EpochResult) -> dict[Address, int]:
    return {allocation.account: allocation.amount for allocation in result.allocations}


def received(result: EpochResult, opening: Opening) -> dict[Address, int]:
    """Return what each account got in one epoch, held or allocated."""
    got = {
        account: allocated(result).get(account, 0) + result.closing.held.get(account, 0)
        for account in ACCOUNTS
    }
    return {account: amount - opening.held.get(account, 0) for account, amount in got.items()}


def kept_sessions(history: History, kept: set[SessionId]) -> History:
    """Return the same history without the rows and credit notes of all other sessions."""
    epochs = [
        replace(
            epoch,
            rows=tuple(one for one in epoch.rows if one.session_id in kept),
            credits=tuple(one for one in epoch.credits if one.session_id in kept),
        )
        for epoch in history.epochs
    ]
    return replace(history, epochs=tuple(epochs))


@given(histories())
def test_every_epoch_conserves_money(history: History) -> None:
    for epoch in play(history):
        before, after = epoch.opening, epoch.result.closing
        inflow = sum(epoch.collected.values()) + sum(before.held.values()) + before.retained
        assert sum(allocated(epoch.result).values()) + sum(after.held.values()) + after.retained == inflow
        assert all(allocation.amount > 0 for allocation in epoch.result.allocations)
        assert epoch.given.active.issuperset(allocated(epoch.result))
        assert epoch.given.active.isdisjoint(after.held)


@given(histories(), st.randoms(use_true_random=False))
def test_order_of_rows_and_of_inputs_changes_no_byte(history: History, random: Random) -> None:
    def shuffled(epoch: EpochInput) -> EpochInput:
        rows, notes = list(epoch.rows), list(epoch.credits)
        random.shuffle(rows)
        random.shuffle(notes)
        funded_ppm = dict(reversed(list(epoch.funded_ppm.items())))
        return replace(epoch, rows=tuple(rows), credits=tuple(notes), funded_ppm=funded_ppm)

    other = replace(history, epochs=tuple(shuffled(epoch) for epoch in history.epochs))
    for one, two in zip(play(history), play(other), strict=True):
        assert repr(one.result) == repr(two.result)


@given(histories(), st.randoms(use_true_random=False))
def test_order_in_which_an_engine_gives_its_sums_changes_no_byte(history: History, random: Random) -> None:
    for number, epoch in enumerate(play(history)):
        tallies = list(tally(epoch.given.rows, epoch.given.sheet, epoch.given.policy).items())
        random.shuffle(tallies)
        again = settle(
            epoch.opening,
            dict(tallies),
            epoch.given.policy,
            epoch=number,
            collected=epoch.collected,
            active=epoch.given.active,
            credits=epoch.given.credits,
        )
        assert repr(again) == repr(epoch.result)
        asked = asks(epoch.opening, dict(tallies), epoch.given.credits)
        assert repr(asked) == repr(epoch.asked)


@given(histories())
def test_owner_never_pays_more_than_the_sheet_and_nothing_is_lost_to_rounding(history: History) -> None:
    prices: dict[SessionId, int] = {}
    for epoch in play(history):
        for one in epoch.given.rows:
            prices[one.session_id] = prices.get(one.session_id, 0) + row_price(epoch.given.sheet, one)
        for note in epoch.result.credits:
            session_id = note.credit.session_id
            prices[session_id] = prices.get(session_id, 0) - note.cancelled
        for session_id, price in prices.items():
            paid = epoch.result.closing.collected.get(session_id, 0)
            assert paid * MICRO <= price == epoch.result.closing.owed.get(session_id, 0)
            assert epoch.result.arrears.get(session_id, 0) == price // MICRO - paid


@given(histories(), st.sampled_from(SESSIONS))
def test_no_session_touches_what_another_one_pays_for(history: History, session_id: SessionId) -> None:
    alone = play(kept_sessions(history, {session_id}))
    for together, single in zip(play(history), alone, strict=True):
        of_session = [service for service in together.result.services if service.session_id == session_id]
        assert of_session == list(single.result.services)


@given(histories(), st.sets(st.sampled_from(SESSIONS)), st.sets(st.sampled_from((NODES[0], NODES[3]))))
def test_self_dealing_never_pays(
    history: History, own_sessions: set[SessionId], own_nodes: set[Address]
) -> None:
    """Promise 8a: what a party's sessions add to what its nodes get is at most what those sessions paid."""
    without = play(kept_sessions(history, set(SESSIONS) - own_sessions))
    gained = spent = 0
    for dealt, honest in zip(play(history), without, strict=True):
        spent += sum(amount for session_id, amount in dealt.collected.items() if session_id in own_sessions)
        with_dealing = received(dealt.result, dealt.opening)
        without_dealing = received(honest.result, honest.opening)
        gained += sum(with_dealing[node] - without_dealing[node] for node in own_nodes)
        assert gained <= spent


@given(histories())
def test_money_reaches_only_who_worked_for_the_session(history: History) -> None:
    """Promise 8b: out of a session's money only nodes are paid that committed work for it, then or before."""
    served: set[tuple[SessionId, Address]] = set()
    for epoch in play(history):
        served |= {(one.session_id, one.node) for one in epoch.given.rows if one.outcome is Outcome.COMMITTED}
        paid = {(one.session_id, one.node) for one in epoch.result.services if one.amount}
        assert paid <= served


@given(histories(price_max=10**15, same_rules=True))
def test_late_money_reaches_who_worked(history: History) -> None:
    """Promise 8b: once all is paid, each node has what its work earned, whenever the money came."""
    last = replace(
        history.epochs[-1],
        rows=(),
        credits=(),
        funded_ppm=dict.fromkeys(SESSIONS, PPM),
        active=frozenset(ACCOUNTS),
    )
    played = play(replace(history, epochs=(*history.epochs, last)))
    assert not played[-1].result.arrears
    got: dict[tuple[SessionId, Address], int] = {}
    for epoch in played:
        for service in epoch.result.services:
            key = (service.session_id, service.node)
            got[key] = got.get(key, 0) + service.amount
    for key, earned in earnings(played).items():
        # Per epoch one unit by the fee's rounding and one by the remainder, and one that is never asked.
        assert abs(got.get(key, 0) - earned) <= 2 * len(played) + 1


def earnings(played: list[Settled]) -> dict[tuple[SessionId, Address], Fraction]:
    """Return what each node's work is worth per session after credits, performance and fee, exactly."""
    earned: dict[tuple[SessionId, Address], Fraction] = {}
    for epoch in played:
        net = Fraction(PPM - epoch.given.policy.fee_ppm, PPM * MICRO)
        for one in epoch.given.rows:
            key = (one.session_id, one.node)
            rate = Fraction(epoch.result.performance[key].performance, PPM)
            earned[key] = earned.get(key, Fraction(0)) + row_price(epoch.given.sheet, one) * rate * net
        for cancelled in (one for note in epoch.result.credits for one in note.claims):
            key = (cancelled.claim.session_id, cancelled.claim.node)
            earned[key] -= cancelled.cancelled * Fraction(cancelled.claim.performance, PPM) * net
    return earned


@given(history=histories(), is_free=st.booleans())
def test_node_of_zero_weight_changes_nobody(history: History, *, is_free: bool) -> None:
    """A node that only failed, or worked for nothing, takes from nobody and delays nobody."""
    idle = row(node=NODE_C, session_id=SESSIONS[1], prompt_tokens=0 if is_free else 9, quality_ppm=Ppm(0))
    idle = replace(idle, outcome=Outcome.COMMITTED if is_free else Outcome.TIMEOUT)
    epochs = [
        replace(epoch, rows=(*epoch.rows, replace(idle, task_id=f"idle-{number}")))
        for number, epoch in enumerate(history.epochs)
    ]
    crowded = play(replace(history, epochs=tuple(epochs)))
    for with_idle, without in zip(crowded, play(history), strict=True):
        assert with_idle.result.allocations == without.result.allocations
        assert with_idle.result.closing == without.result.closing


@given(histories())
def test_credit_notes_cancel_what_is_open_and_nothing_else(history: History) -> None:
    for number, epoch in enumerate(play(history)):
        open_before = {claim.key: int(claim.open) for claim in epoch.opening.claims}
        for one in epoch.given.rows:
            key = (one.session_id, number, one.node)
            open_before[key] = open_before.get(key, 0) + row_price(epoch.given.sheet, one)
        for note in epoch.result.credits:
            assert note.cancelled + note.void == note.credit.amount * MICRO
            for cancelled in note.claims:
                key = cancelled.claim.key
                assert 0 < cancelled.cancelled <= cancelled.claim.open == open_before[key]
                open_before[key] -= cancelled.cancelled
            left = {key: amount for key, amount in open_before.items() if key[0] == note.credit.session_id}
            oldest = min((one.claim.epoch for one in note.claims), default=number + 1)
            assert not any(amount for key, amount in left.items() if key[1] > oldest)
            assert note.void == 0 or not any(left.values())
        assert len(epoch.result.credits) == len(epoch.given.credits)
        paid = {
            (one.session_id, work.epoch, one.node): work.paid
            for one in epoch.result.services
            for work in one.paid
        }
        after = {claim.key: claim.open for claim in epoch.result.closing.claims}
        assert after == {
            key: amount - paid.get(key, 0)
            for key, amount in sorted(open_before.items())
            if amount > paid.get(key, 0)
        }


@given(histories())
def test_statements_add_up_to_the_amounts(history: History) -> None:
    for epoch in play(history):
        result = epoch.result
        for session in result.sessions:
            services = [one for one in result.services if one.session_id == session.session_id]
            assert session.collected == session.fee + session.to_nodes + session.withheld
            assert session.to_nodes == sum(one.amount for one in services)
            assert session.unpaid == sum(one.unpaid for one in services)
            assert session.work == sum(one.work for one in services)
            assert session.cancelled == sum(work.cancelled for one in services for work in one.cancelled)
            assert {(one.fee, one.pot) for one in services} <= {
                (session.fee, session.collected - session.fee)
            }
            assert session.collected * MICRO == sum(work.paid for one in services for work in one.paid)
            assert (session.unpaid == 0) == (session.unpaid_reason is None)
            assert session.sent == epoch.asked.get(session.session_id, 0)
        for account in result.accounts:
            own = [one for one in result.services if one.node == account.account]
            assert account.served == sum(one.amount for one in own)
            target = allocated(result) if account.is_active else result.closing.held
            assert target[account.account] == account.amount
        assert len(result.accounts) == len(result.allocations) + len(result.closing.held)


@given(histories())
def test_everything_that_is_listed_is_sorted(history: History) -> None:
    for epoch in play(history):
        result = epoch.result
        listed: list[list[Any]] = [
            [one.account for one in result.allocations],
            [one.account for one in result.accounts],
            [one.session_id for one in result.sessions],
            [(one.node, one.session_id) for one in result.services],
            [one.key for one in result.closing.claims],
            *([(one.claim.epoch, one.claim.node) for one in note.claims] for note in result.credits),
            *([work.epoch for work in one.cancelled] for one in result.services),
            list(result.closing.owed),
            list(result.closing.collected),
            list(result.closing.held),
            list(result.arrears),
            list(result.performance),
        ]
        for keys in listed:
            assert keys == sorted(set(keys))
