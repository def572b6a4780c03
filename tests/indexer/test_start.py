"""enrol, deployment_block: a contract's way into a database.

Given a contract that was deployed at some block
  when the node keeps old states, that block should be found
  when it does not, everything should be read from block 0
Given an address without this package's contract
  it should be refused, and nothing entered
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    ZERO_ADDRESS,
    EmbeddedChain,
    Sender,
    SessionPayment,
    deploy_session_payment,
    deploy_test_token,
    embedded_chain,
)
from sessionpay.chain.errors import NoContract, Unreachable, WrongCode
from sessionpay.core.ids import Address
from sessionpay.indexer.start import deployment_block, enrol
from sessionpay.store import books as store
from sessionpay.store import evidence
from tests.chain.faulty import FaultyNode, refuse

if TYPE_CHECKING:
    from sessionpay.store.database import Database

BLOCKS_BEFORE, BLOCKS_AFTER, DELAY = 5, 3, 3_600


@pytest.fixture
def embedded() -> EmbeddedChain:
    return embedded_chain(accounts=1)


@pytest.fixture
def deployed(embedded: EmbeddedChain) -> tuple[SessionPayment, int]:
    """A contract in the middle of a chain, and its block."""
    operator = Sender(embedded.web3, embedded.accounts[0])
    for _block in range(BLOCKS_BEFORE):
        deploy_test_token(operator, name="Coin", symbol="COIN", decimals=6)
    contract = deploy_session_payment(
        operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=DELAY
    )
    block = contract.block_number()
    for _block in range(BLOCKS_AFTER):
        deploy_test_token(operator, name="Coin", symbol="COIN", decimals=6)
    return contract, block


def test_the_first_block_is_that_of_the_deployment(
    database: Database, deployed: tuple[SessionPayment, int]
) -> None:
    binding, block = deployed
    store.prepare(database)
    contract = enrol(database, binding)
    assert (contract.address, contract.first_block) == (binding.address, block)
    assert contract.withdrawal_delay == DELAY
    assert enrol(database, binding, first_block=1) == contract
    with database.reading() as connection:
        assert evidence.checkpoint(connection, contract).head_number == block - 1


def test_without_old_states_everything_is_read(
    embedded: EmbeddedChain, deployed: tuple[SessionPayment, int]
) -> None:
    node = FaultyNode(embedded)
    node.faults["eth_getCode"] = lambda *_: refuse("missing trie node")
    assert deployment_block(SessionPayment(node.web3, deployed[0].address)) == 0
    node.faults["eth_getCode"] = lambda *_: refuse("execution reverted", code=3)
    assert deployment_block(SessionPayment(node.web3, deployed[0].address)) == 0


def test_silence_is_told(embedded: EmbeddedChain, deployed: tuple[SessionPayment, int]) -> None:
    node = FaultyNode(embedded)

    def no_answer(*_: object) -> None:
        raise TimeoutError

    node.faults["eth_getCode"] = no_answer
    with pytest.raises(Unreachable):
        deployment_block(SessionPayment(node.web3, deployed[0].address))


def test_another_address_is_refused(database: Database, embedded: EmbeddedChain) -> None:
    store.prepare(database)
    with pytest.raises(NoContract):
        enrol(database, SessionPayment(embedded.web3, Address("0x" + "11" * 20)))
    operator = Sender(embedded.web3, embedded.accounts[0])
    token = deploy_test_token(operator, name="Coin", symbol="COIN", decimals=6)
    with pytest.raises(WrongCode):
        enrol(database, SessionPayment(embedded.web3, token.address))
    with database.reading() as connection:
        assert evidence.contracts(connection) == []
