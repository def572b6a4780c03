"""What the ledger answers to a call that its rules allow: the contract's events, and nothing else happens.

answers
  given a call within the rules, at their very edge: it should answer with the events
  given a pause: it should answer all the same where a pause does not reach
  given any question: it should change nothing before the events are recorded
previews
  given rows: it should say what the batch will apply, whoever asks and whenever
"""

from collections.abc import Callable
from copy import deepcopy

import pytest

from sessionpay.core import events as ev
from sessionpay.core.ids import SESSION_ID_LIMIT, ZERO_ADDRESS, SessionId
from sessionpay.core.ledger import DAY, PAUSE_SECONDS_MAX, WINDOW_SECONDS, Ledger
from sessionpay.core.roles import ADMIN_ROLE, SESSION_CONTRACT_ROLE
from tests.core.opened_ledger import (
    ADMIN,
    ASKED,
    CONTRACT,
    DELAY,
    FUNDED,
    HALF,
    IDLE_NODE,
    LAPSED,
    NODE,
    NOW,
    OPEN,
    OPERATOR,
    OUTSIDER,
    OWNER,
    PAYEE,
    RICH_NODE,
    ROOM,
    SPENT,
    START,
    STRAY,
    TOKEN,
    UNKNOWN,
    amount,
    by,
    instant,
    native,
    paused,
    tokens,
)

Question = Callable[[Ledger], list[ev.Event]]

ROWS = [
    ev.Charge(FUNDED, amount(600)),
    ev.Charge(UNKNOWN, amount(5)),
    ev.Charge(FUNDED, amount(600)),
    ev.Charge(FUNDED, amount(1)),
]
APPLIED = tuple(
    ev.Charge(session, amount(got)) for (session, _), got in zip(ROWS, (600, 0, 400, 0), strict=True)
)
SHARES = [ev.Allocation(node, amount(7)) for node in (NODE, IDLE_NODE, NODE)]
CREDITED = tuple(ev.Allocation(node, amount(got)) for (node, _), got in zip(SHARES, (7, 0, 7), strict=True))

ANSWERED: list[tuple[Callable[[], Ledger], Question, list[ev.Event]]] = [
    (
        native,
        lambda b: b.register_session(by(OPERATOR), UNKNOWN, PAYEE),
        [ev.SessionRegistered(UNKNOWN, PAYEE)],
    ),
    (
        native,
        lambda b: b.register_session(by(OPERATOR), SESSION_ID_LIMIT - 1, PAYEE),
        [ev.SessionRegistered(SessionId(SESSION_ID_LIMIT - 1), PAYEE)],
    ),
    (
        native,
        lambda b: b.deposit_to_session(by(OUTSIDER, value=3), FUNDED),
        [ev.DepositToSession(FUNDED, amount(3))],
    ),
    (
        tokens,
        lambda b: b.deposit_to_session(by(OUTSIDER), FUNDED, HALF - 4_001),
        [ev.DepositToSession(FUNDED, amount(HALF - 4_001))],
    ),
    (
        tokens,
        lambda b: b.deposit_to_session(by(OUTSIDER), SPENT, ROOM - 1),
        [ev.DepositToSession(SPENT, amount(ROOM - 1))],
    ),
    (
        tokens,
        lambda b: b.deposit_to_session_with_permit(by(OWNER), FUNDED, 3),
        [ev.DepositToSession(FUNDED, amount(3))],
    ),
    (
        native,
        lambda b: b.pay_from_session_to_network(by(OPERATOR), FUNDED, 1_000),
        [ev.PaymentToNetwork(FUNDED, amount(1_000))],
    ),
    (
        native,
        lambda b: b.pay_from_sessions_to_network(by(OPERATOR), 0, ROWS),
        [ev.SessionsCharged(0, amount(1_000), APPLIED)],
    ),
    (
        native,
        lambda b: b.allocate_node_payments(by(OPERATOR), [NODE, NODE], HALF // 2),
        [ev.NodePaymentAllocated(NODE, amount(HALF // 2))] * 2,
    ),
    (
        native,
        lambda b: b.allocate_node_payments(by(OPERATOR), [RICH_NODE], ROOM - 1),
        [ev.NodePaymentAllocated(RICH_NODE, amount(ROOM - 1))],
    ),
    (
        native,
        lambda b: b.allocate_node_amounts(by(OPERATOR), 0, SHARES),
        [ev.NodesAllocated(0, amount(14), CREDITED)],
    ),
    (
        native,
        lambda b: b.allocate_node_amounts(by(OPERATOR), 0, [ev.Allocation(RICH_NODE, amount(ROOM))]),
        [ev.NodesAllocated(0, amount(0), (ev.Allocation(RICH_NODE, amount(0)),))],
    ),
    (
        native,
        lambda b: b.allocate_node_amounts(
            by(OPERATOR), 0, [ev.Allocation(RICH_NODE, amount(asked)) for asked in (ROOM - 2, 2, 1)]
        ),
        [
            ev.NodesAllocated(
                0,
                amount(ROOM - 1),
                tuple(ev.Allocation(RICH_NODE, amount(got)) for got in (ROOM - 2, 0, 1)),
            )
        ],
    ),
    (native, lambda b: b.pause(by(ADMIN), PAUSE_SECONDS_MAX), [ev.Paused(NOW + PAUSE_SECONDS_MAX)]),
    (paused, lambda b: b.pause(by(ADMIN, NOW + 1 + DAY), 1), [ev.Paused(NOW + DAY + 2)]),
    (paused, lambda b: b.unpause(by(ADMIN)), [ev.Unpaused()]),
    (
        paused,
        lambda b: b.withdraw_from_session(by(OWNER), OPEN),
        [ev.WithdrawFromSession(OPEN, amount(1_000))],
    ),
    (
        paused,
        lambda b: b.withdraw_from_session(by(OWNER, NOW + WINDOW_SECONDS - 1), OPEN, 400),
        [ev.WithdrawFromSession(OPEN, amount(400))],
    ),
    (
        instant,
        lambda b: b.withdraw_from_session(by(OWNER), FUNDED, 1),
        [ev.WithdrawFromSession(FUNDED, amount(1))],
    ),
    (
        paused,
        lambda b: b.request_session_withdrawal(by(OWNER), FUNDED),
        [ev.SessionWithdrawalRequested(FUNDED, NOW + DELAY)],
    ),
    (
        paused,
        lambda b: b.request_session_withdrawal(by(OWNER, START + DELAY + WINDOW_SECONDS), LAPSED),
        [ev.SessionWithdrawalRequested(LAPSED, START + DELAY + WINDOW_SECONDS + DELAY)],
    ),
    (
        paused,
        lambda b: b.cancel_session_withdrawal(by(OWNER), LAPSED),
        [ev.SessionWithdrawalCancelled(LAPSED)],
    ),
    (
        paused,
        lambda b: b.transfer_session(by(OWNER), ASKED, PAYEE),
        [ev.SessionTransferred(ASKED, OWNER, PAYEE)],
    ),
    (
        paused,
        lambda b: b.set_node_payee(by(IDLE_NODE), IDLE_NODE, PAYEE),
        [ev.NodePayeeSet(IDLE_NODE, PAYEE)],
    ),
    (
        paused,
        lambda b: b.update_node_last_used_timestamp(by(OPERATOR), NODE),
        [ev.NodeTimestampUpdated(NODE)],
    ),
    (
        paused,
        lambda b: b.update_node_last_used_timestamps(by(OPERATOR), [NODE, NODE]),
        [ev.NodeTimestampsUpdated((NODE, NODE))],
    ),
    (
        paused,
        lambda b: b.delete_node_last_used_timestamp(by(OPERATOR), NODE),
        [ev.NodeTimestampDeleted(NODE)],
    ),
    (
        native,
        lambda b: b.emergency_withdraw_eth(by(ADMIN), held=b.liabilities + 5),
        [ev.TokenRecovered(ZERO_ADDRESS, ADMIN, 5)],
    ),
    (
        tokens,
        lambda b: b.emergency_withdraw_eth(by(ADMIN), held=5),
        [ev.TokenRecovered(ZERO_ADDRESS, ADMIN, 5)],
    ),
    (
        tokens,
        lambda b: b.admin_withdraw_token(by(ADMIN), TOKEN, held=b.liabilities + 5),
        [ev.TokenRecovered(TOKEN, ADMIN, 5)],
    ),
    (
        native,
        lambda b: b.admin_withdraw_token(by(ADMIN), STRAY, held=5),
        [ev.TokenRecovered(STRAY, ADMIN, 5)],
    ),
    (
        native,
        lambda b: b.grant_role(by(ADMIN), ADMIN_ROLE, OWNER),
        [ev.RoleGranted(ADMIN_ROLE, OWNER, ADMIN)],
    ),
    (native, lambda b: b.grant_role(by(ADMIN), ADMIN_ROLE, ADMIN), []),
    (
        native,
        lambda b: b.revoke_role(by(ADMIN), SESSION_CONTRACT_ROLE, OPERATOR),
        [ev.RoleRevoked(SESSION_CONTRACT_ROLE, OPERATOR, ADMIN)],
    ),
    (native, lambda b: b.revoke_role(by(ADMIN), ADMIN_ROLE, OWNER), []),
    (
        native,
        lambda b: b.renounce_role(by(ADMIN), ADMIN_ROLE, ADMIN),
        [ev.RoleRevoked(ADMIN_ROLE, ADMIN, ADMIN)],
    ),
    (native, lambda b: b.renounce_role(by(OWNER), ADMIN_ROLE, OWNER), []),
]


@pytest.mark.parametrize(("make", "ask", "events"), ANSWERED)
def test_answers(make: Callable[[], Ledger], ask: Question, events: list[ev.Event]) -> None:
    ledger = make()
    before = deepcopy(ledger)
    assert ask(ledger) == events
    assert ledger == before
    assert ask(ledger) == events
    ledger.record(events, NOW)
    is_no_change = not events or isinstance(events[0], ev.TokenRecovered)
    assert (ledger == before) == is_no_change


def test_previews_ask_for_no_role_and_no_time() -> None:
    ledger = paused()
    before = deepcopy(ledger)
    assert ledger.preview_charges(ROWS) == (1_000, APPLIED)
    assert ledger.preview_allocations(SHARES) == (14, CREDITED)
    assert ledger == before


def test_constructor() -> None:
    ledger = Ledger(contract=CONTRACT)
    ledger.record(ledger.deploy(by(OUTSIDER, START), ADMIN), START)
    assert {who for _, who in ledger.roles} == {ADMIN}
    own = Ledger(contract=CONTRACT, withdrawal_delay=30 * DAY)
    own.record(own.deploy(by(ADMIN, START), ADMIN), START)
    assert own.roles == ledger.roles
