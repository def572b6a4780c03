"""SessionPayment, one function after the other.

Given a deployment and the account that may call
  when a function is called
    it should return the receipt with the typed events that the contract logged
    and the views should show what changed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    ADMIN_ROLE,
    DEFAULT_ADMIN_ROLE,
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Account,
    Allocation,
    BaseUnits,
    Charge,
    Preview,
    SessionId,
    events,
)
from sessionpay.chain.errors import NoContract

from .conftest import DELAY

if TYPE_CHECKING:
    from sessionpay import EmbeddedChain, SessionPayment, TestToken

    from .conftest import People

SESSION = SessionId(7)


def charge(session_id: int, amount: int) -> Charge:
    return Charge(SessionId(session_id), BaseUnits(amount))


@pytest.fixture
def funded(payments: SessionPayment, people: People) -> SessionPayment:
    payments.register_session(SESSION, people.session_owner.address)
    payments.with_sender(people.session_owner).deposit_to_session(SESSION, 1_000)
    return payments


def test_a_session_is_registered(payments: SessionPayment, people: People) -> None:
    owner = people.session_owner.address
    receipt = payments.register_session(SESSION, owner)
    assert receipt.events == (events.SessionRegistered(SESSION, owner),)
    assert receipt.gas_used > 0
    assert receipt.block_number == payments.block_number()
    assert payments.sessions(SESSION) == owner
    assert payments.get_account(SESSION) == Account(
        SESSION, owner, BaseUnits(0), BaseUnits(0), receipt.block_timestamp, 0, 0
    )


def test_an_unknown_session_is_all_zeros(payments: SessionPayment) -> None:
    nobody = Account(SessionId(0), ZERO_ADDRESS, BaseUnits(0), BaseUnits(0), 0, 0, 0)
    assert payments.get_account(99) == nobody
    assert payments.sessions(99) == ZERO_ADDRESS


def test_native_coin_is_deposited(funded: SessionPayment, people: People) -> None:
    receipt = funded.with_sender(people.outsider).deposit_to_session(SESSION, 500)
    assert receipt.events == (events.DepositToSession(SESSION, BaseUnits(500)),)
    assert funded.session_balances(SESSION) == funded.get_session_balance(SESSION) == 1_500
    assert funded.balance() == funded.liabilities() == 1_500


def test_a_token_is_deposited(token_payments: SessionPayment, token: TestToken, people: People) -> None:
    token_payments.register_session(SESSION, people.session_owner.address)
    token.sender = people.session_owner
    token.approve(token_payments.address, 500)
    receipt = token_payments.with_sender(people.session_owner).deposit_to_session(SESSION, 500)
    assert receipt.events == (events.DepositToSession(SESSION, BaseUnits(500)),)
    assert token_payments.balance() == token.balance_of(token_payments.address) == 500


def test_a_token_is_deposited_by_permit(
    token_payments: SessionPayment, token: TestToken, people: People, embedded: EmbeddedChain
) -> None:
    token_payments.register_session(SESSION, people.session_owner.address)
    permit = token.sign_permit(
        people.session_owner.signer, spender=token_payments.address, amount=500, deadline=embedded.now + 60
    )
    receipt = token_payments.with_sender(people.session_owner).deposit_to_session_with_permit(
        SESSION, 500, permit.deadline, permit.v, permit.r, permit.s
    )
    assert receipt.events == (events.DepositToSession(SESSION, BaseUnits(500)),)
    assert token.nonces(people.session_owner.address) == 1


def test_one_session_is_charged(funded: SessionPayment) -> None:
    receipt = funded.pay_from_session_to_network(SESSION, 300)
    assert receipt.events == (events.PaymentToNetwork(SESSION, BaseUnits(300)),)
    assert funded.session_network_usage(SESSION) == funded.get_session_network_usage(SESSION) == 300
    assert funded.total_network_balance() == 300
    assert funded.get_account(SESSION).last_payment_at == receipt.block_timestamp


def test_sessions_are_charged_in_a_batch(funded: SessionPayment) -> None:
    charges = [charge(SESSION, 600), charge(99, 5), charge(SESSION, 600)]
    applied = (charge(SESSION, 600), charge(99, 0), charge(SESSION, 400))
    assert funded.preview_charges(charges) == Preview(BaseUnits(1_000), applied)
    receipt = funded.pay_from_sessions_to_network(0, charges)
    assert receipt.events == (events.SessionsCharged(0, BaseUnits(1_000), applied),)
    assert funded.settlement_sequence() == 1


def test_nodes_are_paid_the_same(funded: SessionPayment, people: People) -> None:
    nodes = [people.node_operator.address, people.payee.address]
    marked = funded.update_node_last_used_timestamps(nodes)
    assert marked.events == (events.NodeTimestampsUpdated(tuple(nodes)),)
    funded.pay_from_session_to_network(SESSION, 300)
    receipt = funded.allocate_node_payments(nodes, 100)
    assert receipt.events == tuple(events.NodePaymentAllocated(node, BaseUnits(100)) for node in nodes)
    assert funded.node_pending_payments(nodes[0]) == funded.node_earnings(nodes[0]) == 100


def test_nodes_are_paid_by_the_row(funded: SessionPayment, people: People) -> None:
    active, idle = people.node_operator.address, people.outsider.address
    marked = funded.update_node_last_used_timestamp(active)
    assert marked.events == (events.NodeTimestampUpdated(active),)
    assert funded.node_last_used_timestamps(active) == marked.block_timestamp
    funded.pay_from_session_to_network(SESSION, 300)
    planned = [Allocation(active, BaseUnits(200)), Allocation(idle, BaseUnits(50))]
    applied = (Allocation(active, BaseUnits(200)), Allocation(idle, BaseUnits(0)))
    assert funded.preview_allocations(planned) == Preview(BaseUnits(200), applied)
    receipt = funded.allocate_node_amounts(0, planned)
    assert receipt.events == (events.NodesAllocated(0, BaseUnits(200), applied),)


def test_a_node_becomes_inactive(payments: SessionPayment, people: People) -> None:
    node = people.node_operator.address
    payments.update_node_last_used_timestamp(node)
    receipt = payments.delete_node_last_used_timestamp(node)
    assert receipt.events == (events.NodeTimestampDeleted(node),)
    assert payments.node_last_used_timestamps(node) == 0


def test_a_node_is_paid_out_to_its_payee(funded: SessionPayment, people: People) -> None:
    node, payee = people.node_operator.address, people.payee.address
    chosen = funded.with_sender(people.node_operator).set_node_payee(node, payee)
    assert chosen.events == (events.NodePayeeSet(node, payee),)
    assert funded.node_payees(node) == payee
    funded.update_node_last_used_timestamp(node)
    funded.pay_from_session_to_network(SESSION, 300)
    funded.allocate_node_payments([node], 300)
    before = people.payee.balance()
    receipt = funded.with_sender(people.outsider).withdraw_node_payment(node)
    assert receipt.events == (events.NodePaymentWithdrawn(node, BaseUnits(300)),)
    assert people.payee.balance() == before + 300


@pytest.mark.parametrize(("amount", "taken"), [(None, 1_000), (400, 400)])
def test_an_owner_withdraws(funded: SessionPayment, people: People, amount: int | None, taken: int) -> None:
    receipt = funded.with_sender(people.session_owner).withdraw_from_session(SESSION, amount)
    assert receipt.events == (events.WithdrawFromSession(SESSION, BaseUnits(taken)),)
    assert funded.get_session_balance(SESSION) == 1_000 - taken


def test_an_owner_requests_cancels_and_withdraws(
    delayed: SessionPayment, people: People, embedded: EmbeddedChain
) -> None:
    owned = delayed.with_sender(people.session_owner)
    delayed.register_session(SESSION, people.session_owner.address)
    owned.deposit_to_session(SESSION, 1_000)
    owned.request_session_withdrawal(SESSION)
    assert owned.cancel_session_withdrawal(SESSION).events == (events.SessionWithdrawalCancelled(SESSION),)
    requested = owned.request_session_withdrawal(SESSION)
    available_at = requested.block_timestamp + DELAY
    assert requested.events == (events.SessionWithdrawalRequested(SESSION, available_at),)
    assert delayed.get_account(SESSION).withdrawal_requested_at == requested.block_timestamp
    embedded.advance(DELAY)
    assert owned.withdraw_from_session(SESSION).events == (
        events.WithdrawFromSession(SESSION, BaseUnits(1_000)),
    )
    assert delayed.withdrawal_delay() == DELAY


def test_a_session_changes_hands(funded: SessionPayment, people: People) -> None:
    before, after = people.session_owner.address, people.outsider.address
    receipt = funded.with_sender(people.session_owner).transfer_session(SESSION, after)
    assert receipt.events == (events.SessionTransferred(SESSION, before, after),)
    assert funded.sessions(SESSION) == after


def test_a_pause_begins_and_ends(payments: SessionPayment) -> None:
    paused = payments.pause(60)
    assert paused.events == (events.Paused(paused.block_timestamp + 60),)
    assert payments.paused_until() == paused.block_timestamp + 60
    ended = payments.unpause()
    assert ended.events == (events.Unpaused(),)
    assert payments.paused_until() == ended.block_timestamp


def test_a_token_sent_by_mistake_is_recovered(
    payments: SessionPayment, token: TestToken, people: People
) -> None:
    token.mint(payments.address, 50)
    receipt = payments.admin_withdraw_token(token.address)
    recovered = events.TokenRecovered(token.address, people.operator.address, 50)
    assert receipt.events == (recovered,)
    assert token.balance_of(people.operator.address) == 50


def test_a_surplus_of_the_token_is_recovered(
    token_payments: SessionPayment, token: TestToken, people: People
) -> None:
    token.mint(token_payments.address, 50)
    assert token_payments.surplus() == 50
    receipt = token_payments.admin_withdraw_token(token.address)
    assert receipt.events == (events.TokenRecovered(token.address, people.operator.address, 50),)
    assert token_payments.surplus() == 0


def test_roles_are_granted_and_taken(payments: SessionPayment, people: People) -> None:
    operator, other = people.operator.address, people.outsider.address
    granted = payments.grant_role(ADMIN_ROLE, other)
    assert granted.events == (events.RoleGranted(ADMIN_ROLE, other, operator),)
    assert payments.has_role(ADMIN_ROLE, other)
    revoked = payments.revoke_role(ADMIN_ROLE, other)
    assert revoked.events == (events.RoleRevoked(ADMIN_ROLE, other, operator),)
    assert not payments.has_role(ADMIN_ROLE, other)
    payments.renounce_role(SESSION_CONTRACT_ROLE, operator)
    assert not payments.has_role(SESSION_CONTRACT_ROLE, operator)


def test_constants_are_the_contracts_own(payments: SessionPayment) -> None:
    assert payments.default_admin_role() == DEFAULT_ADMIN_ROLE
    assert payments.admin_role() == ADMIN_ROLE
    assert payments.session_contract_role() == SESSION_CONTRACT_ROLE
    assert payments.get_role_admin(ADMIN_ROLE) == DEFAULT_ADMIN_ROLE
    assert payments.supports_interface(bytes.fromhex("01ffc9a7"))
    assert not payments.supports_interface(bytes.fromhex("ffffffff"))


def test_the_asset_is_named(
    payments: SessionPayment, token_payments: SessionPayment, token: TestToken
) -> None:
    native = payments.asset_info()
    assert (native.address, native.symbol, native.decimals) == (ZERO_ADDRESS, "ETH", 18)
    held = token_payments.asset_info()
    assert (held.address, held.symbol, held.decimals) == (token.address, "TUSD", 6)
    assert token_payments.asset() == token.address


def test_views_look_back(funded: SessionPayment) -> None:
    before = funded.block_number()
    funded.pay_from_session_to_network(SESSION, 300)
    assert funded.get_session_balance(SESSION, block=before) == 1_000
    assert funded.get_session_balance(SESSION) == 700
    with pytest.raises(NoContract):
        funded.balance(block=0)
