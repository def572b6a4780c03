"""Credit notes.

Credit
  given values up to their limits: it should keep them; beyond: it should name the field and the rule
cancel
  given a note: it should cancel the newest epoch first, inside an epoch in proportion to what is open
  given more than is open: it should cancel all and report the rest as void
  given several notes: it should apply them in one order, however they come, and report each
  given a session without claims: it should leave everybody else alone
settle
  given notes: it should ask for less and pay only what is left, by the performance of the work
"""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from sessionpay.core import credits as module
from sessionpay.core.allocation import Claim
from sessionpay.core.credits import CancelledClaim, Credit, cancel
from sessionpay.core.epochs import Allocation, EpochResult, Opening, asks, settle
from sessionpay.core.errors import BadCredit, NotConserved
from sessionpay.core.ids import SESSION_ID_LIMIT, Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, MICRO, PPM, BaseUnits, MicroUnits, Ppm
from sessionpay.core.tally import tally
from sessionpay.core.usage import UsageRecord
from tests.core.rows import NO_FEE, NODE_A, NODE_B, NODE_C, SESSION, TOKEN_SHEET, row

OTHER = SessionId(8)
VALID: dict[str, Any] = {
    "session_id": SESSION,
    "amount": BaseUnits(5),
    "reason": "the answers were empty",
    "reference": "ticket-1",
}


def note(amount: int, *, session_id: SessionId = SESSION, reference: str = "ticket-1") -> Credit:
    return Credit(session_id=session_id, amount=BaseUnits(amount), reason="empty", reference=reference)


def claim(open_: int, *, epoch: int = 0, node: Address = NODE_A, session_id: SessionId = SESSION) -> Claim:
    return Claim(session_id, epoch, node, Ppm(PPM), MicroUnits(open_))


def settled(
    opening: Opening,
    rows: list[UsageRecord],
    *notes: Credit,
    epoch: int = 0,
    paid: dict[SessionId, BaseUnits] | None = None,
) -> EpochResult:
    """Settle one epoch in which the sessions in `paid` pay that much, or all pay in full."""
    tallies = tally(rows, TOKEN_SHEET, NO_FEE)
    collected = asks(opening, tallies, notes) if paid is None else paid
    nodes = {NODE_A, NODE_B, NODE_C}
    return settle(opening, tallies, NO_FEE, epoch=epoch, collected=collected, active=nodes, credits=notes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", 0),
        ("session_id", SESSION_ID_LIMIT - 1),
        ("amount", 1),
        ("amount", AMOUNT_LIMIT - 1),
        ("reason", "r" * 500),
        ("reference", "r" * 64),
    ],
)
def test_keeps_values_up_to_the_limits(field: str, value: object) -> None:
    assert getattr(Credit(**{**VALID, field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("session_id", -1, "a whole number from 0 to 2"),
        ("session_id", SESSION_ID_LIMIT, "a whole number from 0 to 2"),
        ("session_id", "7", "a whole number from 0 to 2"),
        ("amount", 0, "a whole number from 1"),
        ("amount", AMOUNT_LIMIT, "a whole number from 1"),
        ("amount", 1.0, "a whole number from 1"),
        ("amount", True, "a whole number from 1"),
        ("reason", "", "write 1 to 500 characters"),
        ("reason", "r" * 501, "write 1 to 500 characters"),
        ("reason", "two\nlines", "control character"),
        ("reason", None, "write 1 to 500 characters"),
        ("reference", "", "write 1 to 64 characters"),
        ("reference", "r" * 65, "write 1 to 64 characters"),
        ("reference", "\ud800", "control character"),
    ],
)
def test_names_the_field_and_the_rule(field: str, value: object, rule: str) -> None:
    with pytest.raises(BadCredit, match=f"credit note, {field} .*{rule}") as caught:
        Credit(**{**VALID, field: value})
    assert (caught.value.field, caught.value.value) == (field, value)
    assert "\n" not in str(caught.value)


def test_newest_epoch_is_cancelled_first() -> None:
    claims = [claim(4 * MICRO, epoch=1), claim(3 * MICRO, epoch=3), claim(2 * MICRO, epoch=2)]
    left, (told,) = cancel(claims, [note(4)])
    assert left == (claim(4 * MICRO, epoch=1), claim(1 * MICRO, epoch=2))
    assert told.claims == (
        CancelledClaim(claim(2 * MICRO, epoch=2), MicroUnits(1 * MICRO)),
        CancelledClaim(claim(3 * MICRO, epoch=3), MicroUnits(3 * MICRO)),
    )
    assert (told.cancelled, told.void) == (4 * MICRO, 0)


def test_inside_an_epoch_it_is_split_by_what_is_open_ties_to_the_lower_address() -> None:
    claims = [claim(MICRO, node=node) for node in (NODE_C, NODE_B, NODE_A)]
    left, _ = cancel(claims, [note(1)])
    assert [(one.node, one.open) for one in left] == [
        (NODE_A, 666_666),
        (NODE_B, 666_667),
        (NODE_C, 666_667),
    ]
    left, _ = cancel([claim(6 * MICRO), claim(3 * MICRO, node=NODE_B)], [note(3)])
    assert [one.open for one in left] == [4 * MICRO, 2 * MICRO]


def test_what_exceeds_the_open_claims_is_void() -> None:
    left, (told,) = cancel([claim(1_500_000)], [note(4)])
    assert (left, told.cancelled, told.void) == ((), 1_500_000, 2_500_000)
    other = claim(5, session_id=OTHER)
    left, (told,) = cancel([other], [note(4)])
    assert (left, told.claims, told.void) == ((other,), (), 4 * MICRO)


def test_notes_apply_in_one_order_and_each_is_told() -> None:
    claims = [claim(3 * MICRO), claim(2 * MICRO, epoch=1), claim(9, session_id=OTHER)]
    notes = [note(2, reference="b"), note(2, reference="a"), note(1, reference="a"), note(3, reference="c")]
    results = {repr(cancel(claims, order)) for order in permutations(notes)}
    assert len(results) == 1
    left, told = cancel(claims, notes)
    assert left == (claim(9, session_id=OTHER),)
    assert [(one.credit.reference, one.credit.amount, one.void) for one in told] == [
        ("a", 1, 0),
        ("a", 2, 0),
        ("b", 2, 0),
        ("c", 3, 3 * MICRO),
    ]


def test_a_part_lost_on_the_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "spread", lambda *_, **__: [])
    with pytest.raises(NotConserved, match="credit note ticket-1: parts sum to 0, not 1000000"):
        cancel([claim(MICRO)], [note(1)])


def test_cancelled_work_is_neither_asked_for_nor_paid() -> None:
    rows = [row(prompt_tokens=6), row(prompt_tokens=3, node=NODE_B), row(session_id=OTHER, node=NODE_B)]
    result = settled(Opening(), rows, note(3))
    assert result.allocations == (Allocation(NODE_A, BaseUnits(4)), Allocation(NODE_B, BaseUnits(3)))
    assert result.closing.owed == {SESSION: 6 * MICRO, OTHER: MICRO}
    session = result.sessions[0]
    assert (session.work, session.cancelled, session.asked) == (9 * MICRO, 3 * MICRO, 6)
    service = result.services[0]
    assert [(work.epoch, work.cancelled) for work in service.cancelled] == [(0, 2 * MICRO)]
    assert (service.work, service.unpaid) == (6 * MICRO, 0)


def test_this_epochs_work_goes_before_arrears() -> None:
    first = settled(Opening(), [row(prompt_tokens=5)], paid={})
    second = settled(first.closing, [row(prompt_tokens=4, node=NODE_B)], note(6), epoch=1)
    assert second.allocations == (Allocation(NODE_A, BaseUnits(3)),)
    told = {one.node: [(work.epoch, work.cancelled) for work in one.cancelled] for one in second.services}
    assert told == {NODE_A: [(0, 2 * MICRO)], NODE_B: [(1, 4 * MICRO)]}
    assert second.closing == Opening(owed={SESSION: MicroUnits(3 * MICRO)}, collected={SESSION: BaseUnits(3)})


def test_a_node_that_lost_all_its_open_work_is_told_so() -> None:
    first = settled(Opening(), [row(prompt_tokens=5)], paid={})
    second = settled(first.closing, [], note(5), epoch=1)
    (service,) = second.services
    assert (service.node, service.work, service.rating, service.paid, service.open) == (
        NODE_A,
        0,
        None,
        (),
        (),
    )
    assert [(work.epoch, work.cancelled) for work in service.cancelled] == [(0, 5 * MICRO)]
    assert second.closing == Opening()


def test_money_already_collected_stays_where_it_is() -> None:
    first = settled(Opening(), [row(prompt_tokens=5)])
    second = settled(first.closing, [], note(2), epoch=1)
    assert (second.closing, second.allocations) == (first.closing, ())
    assert [(one.cancelled, one.void) for one in second.credits] == [(0, 2 * MICRO)]
    (session,) = second.sessions
    assert (session.session_id, session.asked, session.unpaid_reason) == (SESSION, 0, None)


def test_notes_on_one_claim_are_told_to_its_node_as_one() -> None:
    result = settled(Opening(), [row(prompt_tokens=9)], note(2), note(3, reference="ticket-2"))
    (service,) = result.services
    assert [(work.epoch, work.cancelled) for work in service.cancelled] == [(0, 5 * MICRO)]
    assert [one.claims[0].claim.open for one in result.credits] == [9 * MICRO, 7 * MICRO]
    assert result.sessions[0].cancelled == 5 * MICRO
    assert result.allocations == (Allocation(NODE_A, BaseUnits(4)),)


def test_a_note_with_another_reason_is_another_note() -> None:
    assert note(1) == note(1)
    assert replace(note(1), reason="late").order > note(1).order
