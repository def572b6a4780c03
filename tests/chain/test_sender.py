"""Sender: one account that sends transactions.

Given an account on a node
  when a transaction would fail
    it should raise before anything is sent
  when it is sent
    it should be signed with the next nonce, with fees of the chain's kind, and waited for
  when the node or the chain misbehaves
    it should say what is known about the transaction, and go on well afterwards
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from sessionpay import SESSION_CONTRACT_ROLE, Sender, SessionPayment, refusals, signer_from_key
from sessionpay.chain import rpc, sender
from sessionpay.chain.errors import (
    CallFailed,
    NodeRefused,
    NoKey,
    NotMined,
    OutOfGasMoney,
    TransactionFailed,
)

from .faulty import FaultyNode, refuse, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessionpay import Address, EmbeddedChain

    from .conftest import People

SENT = "eth_sendRawTransaction"
POOR = signer_from_key("5" * 64)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for receipts without waiting between looks."""
    monkeypatch.setattr(sender, "POLL_SECONDS_FIRST", 0.001)


@pytest.fixture
def operator(node: FaultyNode, embedded: EmbeddedChain, payments: SessionPayment) -> Sender:
    """Put the operator behind a node that can be told to misbehave; `payments` is deployed already."""
    assert payments.address
    return Sender(node.web3, embedded.accounts[0], receipt_seconds_max=0.05)


@pytest.fixture
def books(payments: SessionPayment, operator: Sender) -> SessionPayment:
    """Look at the deployment through that node."""
    return SessionPayment(operator.web3, payments.address, sender=operator)


@pytest.fixture
def anybody(people: People) -> Address:
    """Name an account to send things to."""
    return people.outsider.address


def test_native_coin_is_sent(operator: Sender, people: People, anybody: Address) -> None:
    before = people.outsider.balance()
    mined = operator.transfer(anybody, 5)
    assert people.outsider.balance() == before + 5
    assert (mined.gas_used, mined.logs, mined.contract_address) == (21_000, (), None)


def test_a_client_without_a_key_reads_and_does_not_send(books: SessionPayment, node: FaultyNode) -> None:
    reader = SessionPayment(books.web3, books.address)
    assert reader.settlement_sequence() == 0
    with pytest.raises(NoKey, match="pause needs a key to sign with"):
        reader.pause(5)
    assert SENT not in node.requests


def test_an_account_without_gas_money_sends_nothing(
    books: SessionPayment, people: People, node: FaultyNode
) -> None:
    poor = Sender(books.web3, POOR)
    books.grant_role(SESSION_CONTRACT_ROLE, poor.address)
    sent = node.requests[SENT]
    with pytest.raises(OutOfGasMoney) as caught:
        books.with_sender(poor).register_session(1, people.outsider.address)
    assert caught.value.balance == 0 < caught.value.needed
    with pytest.raises(OutOfGasMoney) as caught:
        poor.transfer(people.outsider.address, 10**18)
    assert caught.value.needed == 10**18
    assert node.requests[SENT] == sent


def test_a_refusal_comes_before_the_question_of_gas(books: SessionPayment) -> None:
    with pytest.raises(refusals.RoleMissing):
        books.with_sender(Sender(books.web3, POOR)).pause(5)


def test_the_nonce_is_asked_for_once(operator: Sender, anybody: Address, node: FaultyNode) -> None:
    for _ in range(3):
        operator.transfer(anybody, 1)
    assert node.requests["eth_getTransactionCount"] == 1


def test_a_nonce_that_somebody_else_took_is_asked_for_again(
    operator: Sender, embedded: EmbeddedChain, anybody: Address
) -> None:
    operator.transfer(anybody, 1)
    Sender(embedded.web3, embedded.accounts[0]).transfer(anybody, 1)
    mined = operator.transfer(anybody, 1)
    assert mined.block_number == rpc.number(embedded.web3, "eth_blockNumber")


def test_a_node_that_refuses_a_transaction_is_quoted(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    node.faults[SENT] = lambda _params, _pass_on: refuse("mempool is full")
    with pytest.raises(NodeRefused, match="mempool is full"):
        operator.transfer(anybody, 1)
    node.faults.clear()
    assert operator.transfer(anybody, 1).gas_used == 21_000


def test_a_transaction_that_arrived_although_the_answer_did_not_is_waited_for(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    def lost(_params: object, pass_on: Callable[[], object]) -> object:
        pass_on()
        raise requests.ConnectionError

    node.faults[SENT] = lost
    assert operator.transfer(anybody, 1).gas_used == 21_000


def test_a_transaction_that_the_node_knows_already_is_waited_for(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    def repeated(_params: object, pass_on: Callable[[], object]) -> object:
        pass_on()
        return refuse("already known")

    node.faults[SENT] = repeated
    assert operator.transfer(anybody, 1).gas_used == 21_000


def test_a_transaction_that_did_not_arrive_is_named(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    def broken(_params: object, _pass_on: Callable[[], object]) -> object:
        raise requests.ConnectionError

    node.faults[SENT] = broken
    with pytest.raises(NotMined, match="look for it before sending again") as caught:
        operator.transfer(anybody, 1)
    assert len(caught.value.transaction_hash) == 66
    node.faults.clear()
    assert operator.transfer(anybody, 1).gas_used == 21_000


def test_a_late_receipt_is_waited_for(operator: Sender, anybody: Address, node: FaultyNode) -> None:
    answers: list[Callable[[], object]] = [
        lambda: result(None),
        lambda: refuse("transaction indexing is in progress"),
    ]
    node.faults["eth_getTransactionReceipt"] = lambda _params, pass_on: (
        answers.pop(0)() if answers else pass_on()
    )
    assert operator.transfer(anybody, 1).gas_used == 21_000


def test_a_transaction_that_no_block_takes_is_named(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    node.faults["eth_getTransactionReceipt"] = lambda _params, _pass_on: result(None)
    with pytest.raises(NotMined, match=r"in no block after 0\.05 seconds"):
        operator.transfer(anybody, 1)


def test_a_transaction_that_reverts_in_its_block_tells_why(books: SessionPayment, node: FaultyNode) -> None:
    node.faults["eth_call"] = lambda params, pass_on: result("0x") if params[1] == "pending" else pass_on()
    with pytest.raises(TransactionFailed, match=r"reverted: pause: not paused \(sender"):
        books.unpause()
    node.faults.clear()
    assert books.pause(5).events


def test_a_revert_without_a_reason_today_says_so(books: SessionPayment, node: FaultyNode) -> None:
    node.faults["eth_call"] = lambda _params, _pass_on: result("0x")
    with pytest.raises(TransactionFailed, match="the same call would succeed now"):
        books.unpause()


def test_gas_is_estimated_with_a_margin(books: SessionPayment, operator: Sender, node: FaultyNode) -> None:
    operator.gas_limit = None
    gas: list[int] = []
    sign = operator.signer.sign_transaction

    class Recording:
        address = operator.signer.address

        @staticmethod
        def sign_transaction(transaction: dict[str, Any]) -> tuple[bytes, str]:
            gas.append(transaction["gas"])
            return sign(transaction)

    operator.signer = Recording()  # type: ignore[assignment]
    receipt = books.pause(5)
    assert receipt.gas_used < gas[0] <= receipt.gas_used * 2
    assert node.requests["eth_estimateGas"] == 1


def test_a_refusal_found_by_the_estimate_is_a_refusal(
    books: SessionPayment, operator: Sender, node: FaultyNode
) -> None:
    operator.gas_limit = None
    node.faults["eth_call"] = lambda _params, _pass_on: result("0x")
    with pytest.raises(refusals.NotPaused):
        books.unpause()
    assert SENT not in node.requests


def test_a_gas_limit_that_does_not_suffice_is_found_by_simulation(
    books: SessionPayment, embedded: EmbeddedChain
) -> None:
    tight = Sender(books.web3, embedded.accounts[0], gas_limit=25_000)
    with pytest.raises(CallFailed, match="without a reason"):
        books.with_sender(tight).pause(5)


def test_a_chain_without_a_base_fee_is_paid_the_old_way(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    def without_base_fee(_params: object, pass_on: Callable[[], Any]) -> object:
        block = pass_on()["result"]
        return result({name: value for name, value in block.items() if name != "baseFeePerGas"})

    node.faults["eth_getBlockByNumber"] = without_base_fee
    operator.transfer(anybody, 1)
    assert node.requests["eth_gasPrice"] == 1


def test_a_node_that_suggests_no_tip_is_given_one(
    operator: Sender, anybody: Address, node: FaultyNode
) -> None:
    node.faults["eth_maxPriorityFeePerGas"] = lambda _params, _pass_on: refuse("method not found", -32_601)
    assert operator.transfer(anybody, 1).gas_used == 21_000


@pytest.mark.parametrize("answer", [None, 7, "seven", "0x", ["0x1"]])
def test_a_number_that_is_none_is_the_nodes_fault(node: FaultyNode, answer: object) -> None:
    node.faults["eth_chainId"] = lambda _params, _pass_on: result(answer)
    with pytest.raises(NodeRefused, match="eth_chainId"):
        rpc.chain_id(node.web3)


def test_an_error_that_is_a_text_is_quoted(node: FaultyNode) -> None:
    node.faults["eth_chainId"] = lambda _params, _pass_on: {"jsonrpc": "2.0", "error": "too many requests"}
    with pytest.raises(NodeRefused, match="too many requests"):
        rpc.chain_id(node.web3)


def test_a_block_that_the_node_does_not_know_is_its_fault(embedded: EmbeddedChain) -> None:
    with pytest.raises(NodeRefused, match="block 99 is unknown"):
        rpc.block_header(embedded.web3, 99)


def test_it_shows_who_it_is(operator: Sender) -> None:
    assert repr(operator) == f"Sender({operator.address}, chain {operator.chain_id})"
