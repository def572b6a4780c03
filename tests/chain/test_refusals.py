"""What the contract refuses, as the caller sees it.

Given a call that the contract refuses
  when it is made through the binding
    it should raise the exception of that reason, with the call's arguments in it
    and nothing should have been sent
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    ZERO_ADDRESS,
    Allocation,
    BaseUnits,
    Charge,
    SessionId,
    deploy_session_payment,
    refusals,
)
from sessionpay.core.money import AMOUNT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessionpay import ContractRefusal, SessionPayment, TestToken

    from .conftest import People

SESSION = 7
DAY = 86_400

REFUSED: list[tuple[type[ContractRefusal], Callable[[SessionPayment, People], object]]] = [
    (refusals.SessionNotRegistered, lambda books, _: books.deposit_to_session(99, 1)),
    (
        refusals.SessionAlreadyRegistered,
        lambda books, by: books.register_session(SESSION, by.outsider.address),
    ),
    (refusals.SessionIdTooLarge, lambda books, by: books.register_session(2**160, by.outsider.address)),
    (refusals.OwnerNotAllowed, lambda books, _: books.register_session(8, ZERO_ADDRESS)),
    (refusals.NotTheOwner, lambda books, by: books.with_sender(by.outsider).withdraw_from_session(SESSION)),
    (refusals.SessionAmountZero, lambda books, _: books.deposit_to_session(SESSION, 0)),
    (refusals.SessionBalanceTooLow, lambda books, _: books.pay_from_session_to_network(SESSION, 1_001)),
    (
        refusals.NothingToWithdraw,
        lambda books, by: books.with_sender(by.session_owner).withdraw_from_session(SESSION + 1),
    ),
    (
        refusals.NoWithdrawalDelay,
        lambda books, by: books.with_sender(by.session_owner).request_session_withdrawal(SESSION),
    ),
    (refusals.NodeListEmpty, lambda books, _: books.allocate_node_payments([], 1)),
    (refusals.NodeAmountZero, lambda books, by: books.allocate_node_payments([by.payee.address], 0)),
    (refusals.NodeNotActive, lambda books, by: books.allocate_node_payments([by.outsider.address], 1)),
    (refusals.NothingToPay, lambda books, by: books.withdraw_node_payment(by.outsider.address)),
    (refusals.NodeNotAllowed, lambda books, _: books.update_node_last_used_timestamp(ZERO_ADDRESS)),
    (refusals.NotThePayee, lambda books, by: books.set_node_payee(by.payee.address, by.payee.address)),
    (refusals.PayeeNotAllowed, lambda books, by: books.set_node_payee(by.operator.address, ZERO_ADDRESS)),
    (
        refusals.TreasuryTooLow,
        lambda books, by: books.preview_allocations([Allocation(by.payee.address, BaseUnits(101))]),
    ),
    (refusals.WrongSequence, lambda books, _: books.pay_from_sessions_to_network(1, [])),
    (refusals.NotPaused, lambda books, _: books.unpause()),
    (refusals.PauseDurationNotAllowed, lambda books, _: books.pause(7 * DAY + 1)),
    (refusals.TokenIsZero, lambda books, _: books.admin_withdraw_token(ZERO_ADDRESS)),
    (refusals.NothingToRecover, lambda books, _: books.emergency_withdraw_eth()),
    (refusals.RoleMissing, lambda books, by: books.with_sender(by.outsider).pause(60)),
    (refusals.RenounceForOther, lambda books, by: books.renounce_role("0x" + "00" * 32, by.outsider.address)),
    (
        refusals.NotAToken,
        lambda books, _: books.deposit_to_session_with_permit(SESSION, 1, 0, 27, bytes(32), bytes(32)),
    ),
]


@pytest.fixture
def books(payments: SessionPayment, people: People) -> SessionPayment:
    """Set up a session with money, one without, an active node, 100 in the treasury."""
    owner = people.session_owner.address
    payments.register_session(SESSION, owner)
    payments.register_session(SESSION + 1, owner)
    payments.with_sender(people.session_owner).deposit_to_session(SESSION, 1_100)
    payments.pay_from_session_to_network(SESSION, 100)
    payments.update_node_last_used_timestamp(people.payee.address)
    return payments


@pytest.mark.parametrize(("refusal", "attempt"), REFUSED, ids=[one.__name__ for one, _ in REFUSED])
def test_a_refusal_is_an_exception_and_costs_nothing(
    books: SessionPayment,
    people: People,
    refusal: type[ContractRefusal],
    attempt: Callable[[SessionPayment, People], object],
) -> None:
    block = books.block_number()
    with pytest.raises(refusal) as caught:
        attempt(books, people)
    assert type(caught.value) is refusal
    assert "\n" not in str(caught.value)
    assert books.block_number() == block


def test_a_refusal_carries_the_arguments_and_the_sender(books: SessionPayment, people: People) -> None:
    with pytest.raises(refusals.SessionBalanceTooLow) as caught:
        books.pay_from_session_to_network(SESSION, 5_000)
    assert caught.value.values == {"session_id": SESSION, "amount": 5_000, "sender": people.operator.address}
    assert "session_id 7, amount 5000" in str(caught.value)


def test_a_view_refuses_with_its_arguments(books: SessionPayment, people: People) -> None:
    rows = [Allocation(people.payee.address, BaseUnits(101))]
    with pytest.raises(refusals.TreasuryTooLow) as caught:
        books.preview_allocations(rows)
    assert caught.value.values == {"allocations": [int(people.payee.address, 16) << 96 | 101]}


def test_a_pause_refuses(books: SessionPayment) -> None:
    books.pause(60)
    with pytest.raises(refusals.ContractPaused):
        books.pay_from_sessions_to_network(0, [Charge(SessionId(SESSION), BaseUnits(1))])
    books.unpause()
    with pytest.raises(refusals.PauseTooSoon):
        books.pause(60)


def test_limits_refuse(books: SessionPayment, token_payments: SessionPayment) -> None:
    with pytest.raises(refusals.LiabilitiesLimit):
        token_payments.deposit_to_session(SESSION, AMOUNT_LIMIT)
    with pytest.raises(refusals.WrongSequence):
        books.allocate_node_amounts(2**32, [])


def test_a_token_refuses(token_payments: SessionPayment, token: TestToken, people: People) -> None:
    token_payments.register_session(SESSION, people.session_owner.address)
    with pytest.raises(refusals.TransferFailed):
        token_payments.with_sender(people.session_owner).deposit_to_session(SESSION, 5)
    with pytest.raises(refusals.TakesNoNativeCoin):
        token_payments._transact("depositToSession(uint256)", value=5, session_id=SESSION)
    assert token.balance_of(token_payments.address) == 0


def test_a_value_that_is_not_the_amount_is_refused(books: SessionPayment) -> None:
    with pytest.raises(refusals.ValueIsNotTheAmount):
        books._transact("depositToSession(uint256,uint256)", value=5, session_id=SESSION, amount=6)


def test_a_delay_refuses(delayed: SessionPayment, people: People) -> None:
    delayed.register_session(SESSION, people.session_owner.address)
    owned = delayed.with_sender(people.session_owner)
    owned.deposit_to_session(SESSION, 5)
    with pytest.raises(refusals.NoWithdrawalRequest):
        owned.withdraw_from_session(SESSION)
    owned.request_session_withdrawal(SESSION)
    with pytest.raises(refusals.WithdrawalRequestOpen):
        owned.request_session_withdrawal(SESSION)
    with pytest.raises(refusals.WithdrawalDelayNotOver):
        owned.withdraw_from_session(SESSION)


def test_a_deployment_is_refused(people: People) -> None:
    operator = people.operator
    for refusal, asset, admin, delay in (
        (refusals.AdminIsZero, ZERO_ADDRESS, ZERO_ADDRESS, 0),
        (refusals.DelayTooLong, ZERO_ADDRESS, operator.address, 31 * DAY),
        (refusals.AssetWithoutCode, people.outsider.address, operator.address, 0),
    ):
        with pytest.raises(refusal) as caught:
            deploy_session_payment(operator, asset=asset, admin=admin, withdrawal_delay=delay)
        assert caught.value.values["withdrawal_delay"] == delay
