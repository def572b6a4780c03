"""Deployments from the frozen artifacts.

Given an artifact and a sender
  it should put exactly that code on the chain, and say who has which role
Given an address
  check_code should pass for this contract alone, whatever its constructor chose
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    ADMIN_ROLE,
    DEFAULT_ADMIN_ROLE,
    ZERO_ADDRESS,
    BaseUnits,
    SessionPayment,
    deploy_session_payment,
    deploy_test_token,
    events,
    refusals,
)
from sessionpay.chain import rpc
from sessionpay.chain.artifacts import load
from sessionpay.chain.deploy import deploy_refusing_payee
from sessionpay.chain.errors import BadAnswer, BadArgument, NoContract, WrongCode

if TYPE_CHECKING:
    from sessionpay import TestToken

    from .conftest import People


def test_a_deployment_logs_its_roles(people: People) -> None:
    operator, admin = people.operator, people.outsider.address
    contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=admin, withdrawal_delay=5)
    receipt = contract.deployment
    assert receipt is not None
    assert receipt.events == (
        events.RoleGranted(DEFAULT_ADMIN_ROLE, operator.address, operator.address),
        events.RoleRevoked(DEFAULT_ADMIN_ROLE, operator.address, operator.address),
        events.RoleGranted(DEFAULT_ADMIN_ROLE, admin, operator.address),
        events.RoleGranted(ADMIN_ROLE, admin, operator.address),
    )
    assert contract.withdrawal_delay() == 5


def test_its_code_is_known_again(
    payments: SessionPayment, delayed: SessionPayment, token_payments: SessionPayment
) -> None:
    for contract in (payments, delayed, token_payments):
        contract.check_code()


def test_an_account_without_code_is_told(payments: SessionPayment, people: People) -> None:
    empty = SessionPayment(payments.web3, people.outsider.address, sender=people.operator)
    with pytest.raises(NoContract, match="no contract at 0x"):
        empty.check_code()
    with pytest.raises(NoContract):
        empty.settlement_sequence()


def test_other_code_is_told(payments: SessionPayment, token: TestToken) -> None:
    other = SessionPayment(payments.web3, token.address)
    with pytest.raises(WrongCode, match="is not the SessionPayment of this package"):
        other.check_code()


def test_an_answer_of_another_form_is_told(payments: SessionPayment, people: People) -> None:
    refusing = deploy_refusing_payee(people.operator, ZERO_ADDRESS)
    with pytest.raises(BadAnswer, match="does not answer deployer as expected"):
        SessionPayment(payments.web3, refusing.address)._call("deployer()", ("uint256[]",))


@pytest.mark.parametrize("at", [0, 100, -65, -1])
def test_code_with_one_byte_changed_is_another(payments: SessionPayment, at: int) -> None:
    code = bytearray(rpc.code(payments.web3, payments.address))
    artifact = load("SessionPayment")
    assert artifact.is_code(bytes(code))
    code[at] ^= 1
    # What stands behind the code is what the constructor chose, and is free.
    assert artifact.is_code(bytes(code)) == (at == -1)
    assert not artifact.is_code(bytes(code[:-1]))
    assert not artifact.is_code(bytes(code) + b"\x00")


def test_artifacts_say_what_they_are() -> None:
    artifact = load("SessionPayment")
    assert (artifact.name, artifact.compiler, artifact.immutables_bytes) == (
        "SessionPayment",
        "vyper 0.4.3",
        64,
    )
    assert load("demo/TestToken").immutables_bytes == 32
    assert load("SessionPayment") is artifact


def test_names_that_do_not_fit_are_refused(people: People) -> None:
    with pytest.raises(BadArgument, match="decimals 256: it does not fit uint8"):
        deploy_test_token(people.operator, "Trial Dollar", "TUSD", 256)


def test_a_payee_refuses_until_it_is_replaced(payments: SessionPayment, people: People) -> None:
    node = people.node_operator.address
    payments.register_session(1, people.session_owner.address)
    payments.deposit_to_session(1, 100)
    payments.pay_from_session_to_network(1, 100)
    payments.update_node_last_used_timestamp(node)
    payments.allocate_node_payments([node], 100)
    refusing = deploy_refusing_payee(people.operator, ZERO_ADDRESS)
    payments.with_sender(people.node_operator).set_node_payee(node, refusing.address)
    with pytest.raises(refusals.TransferFailed):
        payments.withdraw_node_payment(node)
    receipt = refusing.replace_payee(payments, node=node, payee=people.payee.address)
    assert receipt.events == (events.NodePayeeSet(node, people.payee.address),)
    assert payments.withdraw_node_payment(node).events == (events.NodePaymentWithdrawn(node, BaseUnits(100)),)
