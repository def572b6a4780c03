"""The ledger's rules, one by one; that the contract has the same is the state machine's affair.

Given a ledger with sessions, nodes and a treasury
  refusals: each rule that is broken should be named by its own exception, with the values of the call
  roles: each restricted call by a stranger should be refused
  pause: each call that a pause stops should be refused during one, every other one not
  table: every refusal of the contract but those of the world should have its case here
"""

from collections.abc import Callable
from copy import deepcopy

import pytest

from sessionpay.core import events as ev
from sessionpay.core import refusals as no
from sessionpay.core.ids import SESSION_ID_LIMIT, ZERO_ADDRESS
from sessionpay.core.ledger import (
    CLOCK_MAX,
    DAY,
    PAUSE_SECONDS_MAX,
    SEQUENCE_MAX,
    WHOLE_BALANCE,
    WINDOW_SECONDS,
    Call,
    Ledger,
)
from sessionpay.core.money import AMOUNT_LIMIT
from sessionpay.core.roles import ADMIN_ROLE, DEFAULT_ADMIN_ROLE, SESSION_CONTRACT_ROLE
from tests.core.opened_ledger import (
    ADMIN,
    ASKED,
    CONTRACT,
    DELAY,
    EMPTY,
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
    exhausted,
    instant,
    native,
    opened,
    paused,
    tokens,
)

Question = Callable[[Ledger], list[ev.Event]]

REFUSED: list[tuple[type[no.ContractRefusal], Callable[[], Ledger], Question]] = [
    (no.SessionNotRegistered, native, lambda b: b.deposit_to_session(by(OUTSIDER, value=1), UNKNOWN)),
    (no.SessionNotRegistered, native, lambda b: b.pay_from_session_to_network(by(OPERATOR), UNKNOWN, 1)),
    (no.SessionNotRegistered, native, lambda b: b.withdraw_from_session(by(OWNER), UNKNOWN)),
    (no.SessionNotRegistered, native, lambda b: b.request_session_withdrawal(by(OWNER), UNKNOWN)),
    (no.SessionNotRegistered, native, lambda b: b.cancel_session_withdrawal(by(OWNER), UNKNOWN)),
    (no.SessionNotRegistered, native, lambda b: b.transfer_session(by(OWNER), UNKNOWN, PAYEE)),
    (no.SessionAlreadyRegistered, native, lambda b: b.register_session(by(OPERATOR), EMPTY, PAYEE)),
    (no.SessionIdTooLarge, native, lambda b: b.register_session(by(OPERATOR), SESSION_ID_LIMIT, PAYEE)),
    (no.OwnerNotAllowed, native, lambda b: b.register_session(by(OPERATOR), UNKNOWN, ZERO_ADDRESS)),
    (no.OwnerNotAllowed, native, lambda b: b.register_session(by(OPERATOR), UNKNOWN, CONTRACT)),
    (no.OwnerNotAllowed, native, lambda b: b.transfer_session(by(OWNER), FUNDED, ZERO_ADDRESS)),
    (no.OwnerNotAllowed, native, lambda b: b.transfer_session(by(OWNER), FUNDED, CONTRACT)),
    (no.NotTheOwner, native, lambda b: b.withdraw_from_session(by(OPERATOR), OPEN)),
    (no.NotTheOwner, native, lambda b: b.request_session_withdrawal(by(ADMIN), FUNDED)),
    (no.NotTheOwner, native, lambda b: b.cancel_session_withdrawal(by(ADMIN), OPEN)),
    (no.NotTheOwner, native, lambda b: b.transfer_session(by(OUTSIDER), FUNDED, OUTSIDER)),
    (no.SessionAmountZero, native, lambda b: b.deposit_to_session(by(OUTSIDER), FUNDED)),
    (no.SessionAmountZero, native, lambda b: b.pay_from_session_to_network(by(OPERATOR), FUNDED, 0)),
    (no.SessionAmountZero, native, lambda b: b.withdraw_from_session(by(OWNER), OPEN, 0)),
    (no.SessionBalanceTooLow, native, lambda b: b.pay_from_session_to_network(by(OPERATOR), FUNDED, 1_001)),
    (no.SessionBalanceTooLow, native, lambda b: b.withdraw_from_session(by(OWNER), OPEN, 1_001)),
    (no.SessionBalanceTooLow, native, lambda b: b.withdraw_from_session(by(OWNER), OPEN, WHOLE_BALANCE - 1)),
    (no.NothingToWithdraw, instant, lambda b: b.withdraw_from_session(by(OWNER), EMPTY)),
    (no.NothingToWithdraw, instant, lambda b: b.withdraw_from_session(by(OWNER), EMPTY, 0)),
    (no.SessionLifetimeLimit, tokens, lambda b: b.deposit_to_session(by(OWNER), SPENT, ROOM)),
    (no.NoWithdrawalDelay, instant, lambda b: b.request_session_withdrawal(by(OWNER), FUNDED)),
    (no.NoWithdrawalDelay, instant, lambda b: b.cancel_session_withdrawal(by(OWNER), FUNDED)),
    (no.WithdrawalRequestOpen, native, lambda b: b.request_session_withdrawal(by(OWNER), ASKED)),
    (
        no.WithdrawalRequestOpen,
        native,
        lambda b: b.request_session_withdrawal(by(OWNER, START + DELAY + WINDOW_SECONDS - 1), LAPSED),
    ),
    (no.NoWithdrawalRequest, native, lambda b: b.cancel_session_withdrawal(by(OWNER), FUNDED)),
    (no.NoWithdrawalRequest, native, lambda b: b.withdraw_from_session(by(OWNER), FUNDED)),
    (no.WithdrawalDelayNotOver, native, lambda b: b.withdraw_from_session(by(OWNER, NOW - 1), OPEN)),
    (
        no.WithdrawalRequestLapsed,
        native,
        lambda b: b.withdraw_from_session(by(OWNER, NOW + WINDOW_SECONDS), OPEN),
    ),
    (no.NodeListEmpty, native, lambda b: b.allocate_node_payments(by(OPERATOR), [], 1)),
    (no.NodeAmountZero, native, lambda b: b.allocate_node_payments(by(OPERATOR), [], 0)),
    (no.NodeNotActive, native, lambda b: b.allocate_node_payments(by(OPERATOR), [NODE, IDLE_NODE], 1)),
    (
        no.NodeLifetimeLimit,
        native,
        lambda b: b.allocate_node_payments(by(OPERATOR), [RICH_NODE], ROOM),
    ),
    (
        no.NodeLifetimeLimit,
        native,
        lambda b: b.allocate_node_payments(by(OPERATOR), [RICH_NODE, RICH_NODE], ROOM // 2),
    ),
    (no.NothingToPay, native, lambda b: b.withdraw_node_payment(by(NODE), NODE)),
    (no.NodeNotAllowed, native, lambda b: b.update_node_last_used_timestamp(by(OPERATOR), ZERO_ADDRESS)),
    (no.NodeNotAllowed, native, lambda b: b.update_node_last_used_timestamps(by(OPERATOR), [NODE, CONTRACT])),
    (no.NotThePayee, native, lambda b: b.set_node_payee(by(OPERATOR), NODE, PAYEE)),
    (no.PayeeNotAllowed, native, lambda b: b.set_node_payee(by(NODE), NODE, ZERO_ADDRESS)),
    (no.PayeeNotAllowed, native, lambda b: b.set_node_payee(by(NODE), NODE, CONTRACT)),
    (no.TreasuryTooLow, native, lambda b: b.allocate_node_payments(by(OPERATOR), [NODE], HALF + 1)),
    (
        no.TreasuryTooLow,
        native,
        lambda b: b.allocate_node_amounts(
            by(OPERATOR), 0, [ev.Allocation(NODE, amount(HALF)), ev.Allocation(NODE, amount(1))]
        ),
    ),
    (no.LiabilitiesLimit, tokens, lambda b: b.deposit_to_session(by(OWNER), FUNDED, HALF - 4_000)),
    (no.WrongSequence, native, lambda b: b.pay_from_sessions_to_network(by(OPERATOR), 1, [])),
    (no.WrongSequence, native, lambda b: b.allocate_node_amounts(by(OPERATOR), 1, [])),
    (
        no.SequenceExhausted,
        exhausted,
        lambda b: b.pay_from_sessions_to_network(by(OPERATOR), SEQUENCE_MAX, []),
    ),
    (no.SequenceExhausted, exhausted, lambda b: b.allocate_node_amounts(by(OPERATOR), SEQUENCE_MAX, [])),
    (no.NotPaused, native, lambda b: b.unpause(by(ADMIN))),
    (no.NotPaused, paused, lambda b: b.unpause(by(ADMIN, NOW + 1))),
    (no.PauseTooSoon, paused, lambda b: b.pause(by(ADMIN, NOW + DAY), 1)),
    (no.PauseDurationNotAllowed, native, lambda b: b.pause(by(ADMIN), 0)),
    (no.PauseDurationNotAllowed, native, lambda b: b.pause(by(ADMIN), PAUSE_SECONDS_MAX + 1)),
    (no.PauseClockLimit, native, lambda b: b.pause(by(ADMIN, CLOCK_MAX), 1)),
    (no.ValueIsNotTheAmount, native, lambda b: b.deposit_to_session(by(OWNER, value=2), FUNDED, 1)),
    (no.TakesNoNativeCoin, tokens, lambda b: b.deposit_to_session(by(OWNER, value=1), FUNDED, 1)),
    (no.TakesNoNativeCoin, tokens, lambda b: b.deposit_to_session(by(OWNER, value=1), FUNDED)),
    (no.NotAToken, native, lambda b: b.deposit_to_session_with_permit(by(OWNER), FUNDED, 1)),
    (no.TokenIsZero, native, lambda b: b.admin_withdraw_token(by(ADMIN), ZERO_ADDRESS, held=1)),
    (no.NothingToRecover, native, lambda b: b.admin_withdraw_token(by(ADMIN), STRAY, held=0)),
    (no.NothingToRecover, native, lambda b: b.emergency_withdraw_eth(by(ADMIN), held=b.liabilities)),
    (no.NothingToRecover, native, lambda b: b.emergency_withdraw_eth(by(ADMIN), held=b.liabilities - 1)),
    (no.NothingToRecover, tokens, lambda b: b.admin_withdraw_token(by(ADMIN), TOKEN, held=b.liabilities)),
    (no.RenounceForOther, native, lambda b: b.renounce_role(by(ADMIN), SESSION_CONTRACT_ROLE, OPERATOR)),
    (no.AdminIsZero, native, lambda b: b.deploy(by(ADMIN), ZERO_ADDRESS)),
    (no.DelayTooLong, lambda: Ledger(withdrawal_delay=30 * DAY + 1), lambda b: b.deploy(by(ADMIN), ADMIN)),
]

# Every call that a role guards; the second half of each pair says who holds that role.
GUARDED: list[tuple[str, Callable[[Call], Question]]] = [
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.register_session(call, UNKNOWN, OWNER)),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.pay_from_session_to_network(call, FUNDED, 1)),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.pay_from_sessions_to_network(call, 0, [])),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.allocate_node_payments(call, [NODE], 1)),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.allocate_node_amounts(call, 0, [])),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.update_node_last_used_timestamp(call, NODE)),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.update_node_last_used_timestamps(call, [])),
    (SESSION_CONTRACT_ROLE, lambda call: lambda b: b.delete_node_last_used_timestamp(call, NODE)),
    (ADMIN_ROLE, lambda call: lambda b: b.pause(call, 1)),
    (ADMIN_ROLE, lambda call: lambda b: b.unpause(call)),
    (ADMIN_ROLE, lambda call: lambda b: b.admin_withdraw_token(call, STRAY, held=1)),
    (ADMIN_ROLE, lambda call: lambda b: b.emergency_withdraw_eth(call, held=AMOUNT_LIMIT)),
    (DEFAULT_ADMIN_ROLE, lambda call: lambda b: b.grant_role(call, ADMIN_ROLE, OUTSIDER)),
    (DEFAULT_ADMIN_ROLE, lambda call: lambda b: b.revoke_role(call, ADMIN_ROLE, ADMIN)),
]

STOPPED_BY_PAUSE: list[Question] = [
    lambda b: b.register_session(by(OPERATOR), UNKNOWN, OWNER),
    lambda b: b.deposit_to_session(by(OWNER, value=1), FUNDED),
    lambda b: b.pay_from_session_to_network(by(OPERATOR), FUNDED, 1),
    lambda b: b.pay_from_sessions_to_network(by(OPERATOR), 0, []),
    lambda b: b.allocate_node_payments(by(OPERATOR), [NODE], 1),
    lambda b: b.allocate_node_amounts(by(OPERATOR), 0, []),
]


# What only a real token, payee or balance can refuse; the ledger knows none of them.
OF_THE_WORLD = {
    no.AssetWithoutCode,
    no.AssetWouldBeShort,
    no.BalanceUnreadable,
    no.TransferFailed,
    no.WrongAmountReceived,
}


@pytest.mark.parametrize(("refusal", "make", "ask"), REFUSED)
def test_refusals(refusal: type[no.ContractRefusal], make: Callable[[], Ledger], ask: Question) -> None:
    ledger = make()
    before = deepcopy(ledger)
    with pytest.raises(no.ContractRefusal) as refused:
        ask(ledger)
    assert type(refused.value) is refusal
    assert str(refused.value).startswith(refusal.reason)
    assert ledger == before


@pytest.mark.parametrize(("role", "ask"), GUARDED)
def test_roles(role: str, ask: Callable[[Call], Question]) -> None:
    for sender in (ADMIN, OPERATOR, OWNER, NODE, OUTSIDER, CONTRACT):
        ledger = opened()
        if (role, sender) in ledger.roles:
            continue
        before = deepcopy(ledger)
        with pytest.raises(no.RoleMissing) as refused:
            ask(by(sender))(ledger)
        assert refused.value.values == {"role": role, "account": sender}
        assert ledger == before


@pytest.mark.parametrize("ask", STOPPED_BY_PAUSE)
def test_pause(ask: Question) -> None:
    ledger = paused()
    before = deepcopy(ledger)
    with pytest.raises(no.ContractPaused) as refused:
        ask(ledger)
    assert refused.value.values == {"paused_until": NOW + 1}
    assert ledger == before
    ledger.record([ev.Unpaused()], NOW)
    assert ask(ledger)


def test_pause_stops_a_permit_deposit() -> None:
    ledger = tokens()
    ledger.record([ev.Paused(NOW + 1)], NOW)
    with pytest.raises(no.ContractPaused):
        ledger.deposit_to_session_with_permit(by(OWNER), FUNDED, 1)


def test_every_refusal_has_its_case() -> None:
    asked = {refusal for refusal, _, _ in REFUSED} | {no.RoleMissing, no.ContractPaused}
    assert set(no.REFUSALS.values()) - asked == OF_THE_WORLD


def test_values_are_those_of_the_call() -> None:
    with pytest.raises(no.SessionBalanceTooLow) as refused:
        native().pay_from_session_to_network(by(OPERATOR), FUNDED, 1_001)
    assert refused.value.values == {"session_id": FUNDED, "balance": 1_000, "amount": 1_001}
