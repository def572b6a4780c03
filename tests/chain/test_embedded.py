"""embedded_chain: a node inside this process.

Given a new chain
  it should answer as a real node does, through this package and through web3.py
  its clock should move by a second for each block, and otherwise only when told, also in the past
  two chains should have nothing in common, and the same history
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Sender,
    checksum_address,
    deploy_session_payment,
    embedded_chain,
)
from sessionpay.chain import logs
from sessionpay.chain.artifacts import load
from sessionpay.chain.connect import EMBEDDED_CHAIN_ID, LOCAL_CHAIN_IDS
from sessionpay.chain.embedded import GENESIS_TIMESTAMP, WEALTH_WEI

if TYPE_CHECKING:
    from web3.types import TxParams

    from sessionpay import EmbeddedChain, SessionPayment

    from .conftest import People


def test_its_accounts_are_rich_and_well_known(embedded: EmbeddedChain) -> None:
    assert len(embedded.accounts) == 10
    assert embedded.accounts[0].address == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    for signer in embedded.accounts:
        assert embedded.web3.eth.get_balance(checksum_address(signer.address)) == WEALTH_WEI  # type: ignore[arg-type]
    assert len(embedded_chain(accounts=3).accounts) == 3


def test_its_clock_moves_when_told(embedded: EmbeddedChain, people: People) -> None:
    assert embedded.now == GENESIS_TIMESTAMP
    people.operator.transfer(people.outsider.address, 1)
    assert embedded.now == GENESIS_TIMESTAMP + 1
    embedded.advance(1)
    embedded.advance(86_400)
    assert embedded.now == GENESIS_TIMESTAMP + 86_402
    with pytest.raises(ValueError, match="time moves forward"):
        embedded.advance(0)


def test_a_run_is_the_same_every_time() -> None:
    hashes = []
    for _ in range(2):
        chain = embedded_chain(started_at=2_000_000_000)
        operator = Sender(chain.web3, chain.accounts[0])
        deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
        hashes.append(bytes(chain.web3.eth.get_block("latest")["hash"]))
    assert hashes[0] == hashes[1]


def test_web3_reads_it(embedded: EmbeddedChain, payments: SessionPayment, people: People) -> None:
    eth = embedded.web3.eth
    receipt = payments.register_session(7, people.session_owner.address)
    block = eth.get_block("latest", full_transactions=True)
    assert eth.chain_id == EMBEDDED_CHAIN_ID
    assert EMBEDDED_CHAIN_ID in LOCAL_CHAIN_IDS
    assert embedded.web3.is_connected()
    assert block["number"] == eth.block_number == receipt.block_number
    assert eth.get_block(block["hash"])["timestamp"] == receipt.block_timestamp == embedded.now
    transaction = cast("Any", block["transactions"][0])
    assert transaction == eth.get_transaction(transaction["hash"])
    assert eth.get_transaction_receipt(transaction["hash"])["status"] == 1
    assert eth.get_transaction_count(transaction["from"]) == transaction["nonce"] + 1
    assert int.from_bytes(eth.get_storage_at(transaction["to"], 5)) >= 0
    assert eth.get_code(transaction["to"]) == eth.get_code(transaction["to"], block["number"])
    assert eth.gas_price >= 0
    assert eth.get_block(0)["timestamp"] == eth.get_block("earliest")["timestamp"] == GENESIS_TIMESTAMP


def test_web3_finds_its_logs(embedded: EmbeddedChain, payments: SessionPayment, people: People) -> None:
    receipt = payments.register_session(7, people.session_owner.address)
    people.operator.transfer(people.outsider.address, 1)
    embedded.advance(5)
    address = checksum_address(payments.address)
    everything = embedded.web3.eth.get_logs({"address": address, "fromBlock": 0})  # type: ignore[typeddict-item]
    assert logs.decode_all(everything, payments.address)[-1:] == receipt.events
    last = everything[-1]
    for topics in ([last["topics"][0]], [None, last["topics"][1]], [[last["topics"][0], last["topics"][1]]]):
        found = embedded.web3.eth.get_logs({"fromBlock": 0, "topics": topics})
        assert found == [last]
    assert embedded.web3.eth.get_logs({"fromBlock": 0, "topics": [None] * 4 + [last["topics"][0]]}) == []
    assert embedded.web3.eth.get_logs({"address": checksum_address(ZERO_ADDRESS), "fromBlock": 0}) == []  # type: ignore[typeddict-item]
    assert embedded.web3.eth.get_logs({}) == []


def test_web3_binds_the_contract(embedded: EmbeddedChain, payments: SessionPayment, people: People) -> None:
    contract = embedded.web3.eth.contract(
        address=cast("Any", checksum_address(payments.address)),
        abi=load("SessionPayment").abi,
    )
    payments.register_session(7, people.session_owner.address)
    owner = checksum_address(people.session_owner.address)
    assert contract.functions.sessions(7).call() == owner
    with pytest.raises(ContractLogicError, match="session: not registered"):
        contract.functions.withdrawFromSession(8).call({"from": owner})
    call = contract.functions.registerSession(8, owner)
    operator = cast("TxParams", {"from": checksum_address(people.operator.address)})
    gas = call.estimate_gas(operator)
    assert call.call({**operator, "gas": gas}) == []
    with pytest.raises(ContractLogicError):
        contract.functions.withdrawFromSession(8).estimate_gas({"from": owner})


def test_it_refuses_as_a_node_does(embedded: EmbeddedChain) -> None:
    eth = embedded.web3.eth
    with pytest.raises(TransactionNotFound):
        eth.get_transaction("0x" + "00" * 32)  # type: ignore[arg-type]
    with pytest.raises(TransactionNotFound):
        eth.get_transaction_receipt("0x" + "00" * 32)  # type: ignore[arg-type]
    with pytest.raises(Web3RPCError):
        eth.get_balance(checksum_address(ZERO_ADDRESS), 99)  # type: ignore[arg-type]
    with pytest.raises(Web3RPCError, match="does not know debug_traceTransaction"):
        embedded.web3.manager.request_blocking("debug_traceTransaction", [])  # type: ignore[arg-type]


def test_chains_have_nothing_in_common(people: People) -> None:
    people.operator.transfer(people.outsider.address, 1)
    assert embedded_chain().web3.eth.block_number == 0


def test_a_call_leaves_nothing_behind(payments: SessionPayment, people: People) -> None:
    state = (people.operator.balance(), payments.settlement_sequence())
    for _ in range(2):
        assert not payments.has_role(SESSION_CONTRACT_ROLE, people.outsider.address)
        payments.preview_charges([])
    assert (people.operator.balance(), payments.settlement_sequence()) == state


def test_a_chain_that_began_in_the_past_stays_there() -> None:
    chain = embedded_chain(started_at=1_000_000)
    assert chain.now == 1_000_000
    chain.advance(60)
    operator = Sender(chain.web3, chain.accounts[0])
    before = chain.now
    deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
    assert (before, chain.now) == (1_000_060, 1_000_061)
