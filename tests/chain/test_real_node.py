"""The binding against a real node over HTTP, where one is installed.

Given Anvil on loopback
  when a contract is deployed and used through it
    it should behave as on the embedded chain: same events, same refusals, same gas
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    BaseUnits,
    Charge,
    Receipt,
    Sender,
    SessionId,
    connect,
    deploy_session_payment,
    embedded_chain,
    refusals,
)
from sessionpay.chain.connect import LOCAL_CHAIN_IDS
from sessionpay.chain.errors import OutOfGasMoney, WrongChain
from tests.evm.anvil import anvil_binary, running_anvil

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web3 import Web3

    from tests.evm.anvil import Anvil

WEALTH = 10**24


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """Run a node for this file alone."""
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    with running_anvil() as running:
        yield running


@pytest.fixture
def url(node: Anvil) -> str:
    """Say where the node listens."""
    return f"http://127.0.0.1:{node._connection.port}"


def story(operator: Sender, owner: Sender) -> list[Receipt]:
    """Do the same things on any chain."""
    contract = deploy_session_payment(
        operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0
    )
    contract.check_code()
    owned = contract.with_sender(owner)
    receipts = [
        contract.grant_role(SESSION_CONTRACT_ROLE, operator.address),
        contract.register_session(1, owner.address),
        owned.deposit_to_session(1, 1_000),
        contract.pay_from_sessions_to_network(
            0, [Charge(SessionId(1), BaseUnits(600)), Charge(SessionId(2), BaseUnits(5))]
        ),
        owned.withdraw_from_session(1),
    ]
    with pytest.raises(refusals.NothingToWithdraw):
        owned.withdraw_from_session(1)
    with pytest.raises(refusals.RoleMissing):
        owned.pause(60)
    assert contract.balance() == contract.liabilities() == 600
    return receipts


def senders(web3: Web3) -> tuple[Sender, Sender]:
    operator, owner = embedded_chain(accounts=2).accounts
    return Sender(web3, operator), Sender(web3, owner)


def test_it_is_as_the_embedded_chain(node: Anvil, url: str) -> None:
    operator, owner = senders(connect(url, chain_id=31_337))
    for account in (operator, owner):
        node.set_balance(account.address, WEALTH)
    on_node = story(operator, owner)
    in_process = story(*senders(embedded_chain().web3))
    assert [(one.events, one.gas_used) for one in on_node] == [
        (one.events, one.gas_used) for one in in_process
    ]


def test_an_account_without_coin_is_told(node: Anvil, url: str) -> None:
    _operator, owner = senders(connect(url))
    node.set_balance(owner.address, 5)
    with pytest.raises(OutOfGasMoney, match="has 5 wei"):
        owner.transfer(ZERO_ADDRESS, 6)
    assert owner.chain_id in LOCAL_CHAIN_IDS


def test_another_chain_is_refused(url: str) -> None:
    with pytest.raises(WrongChain, match="serves chain 31337, not 1"):
        connect(url, chain_id=1)
