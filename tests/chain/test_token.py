"""Token: an ERC-20 as an asset.

Given a token
  it should say what it is called, who has how much and who may move it
  a transfer that it refuses, or answers with false, should be an error before anything is sent
  a permit should be signed only in a domain that the token shares
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from sessionpay import Sender, TestToken, Token, deploy_test_token
from sessionpay.chain.errors import BadAnswer, CallFailed, NoContract, NoPermit
from sessionpay.core.errors import BadAsset

from .faulty import FaultyNode, result

if TYPE_CHECKING:
    from sessionpay import SessionPayment

    from .conftest import People


def selector(signature: str) -> str:
    return "0x" + keccak(text=signature)[:4].hex()


def answering(token: Token, node: FaultyNode, signature: str, answer: bytes) -> Token:
    """Return the token as seen through a node that gives `answer` to one function."""
    node.faults["eth_call"] = lambda params, pass_on: (
        result("0x" + answer.hex()) if params[0]["data"].startswith(selector(signature)) else pass_on()
    )
    assert token.sender is not None
    return Token(node.web3, token.address, sender=Sender(node.web3, token.sender.signer))


def test_it_says_what_it_is(token: TestToken) -> None:
    asset = token.asset_info()
    assert (token.name(), asset.symbol, asset.decimals) == ("Trial Dollar", "TUSD", 6)


def test_approvals_and_transfers_are_seen(token: TestToken, people: People) -> None:
    owner, other = people.session_owner, people.outsider.address
    token.sender = owner
    before = token.balance_of(owner.address)
    token.approve(other, 70)
    assert token.allowance(owner.address, spender=other) == 70
    block = token.block_number()
    token.transfer(other, 30)
    assert token.balance_of(owner.address) == before - 30
    assert token.balance_of(owner.address, block=block) == before


def test_a_refused_transfer_is_told_in_the_tokens_words(token: TestToken, people: People) -> None:
    token.refuse(True)
    token.sender = people.session_owner
    with pytest.raises(CallFailed, match="saying 'token: receiver refuses'"):
        token.transfer(people.operator.address, 5)


def test_false_is_a_failure(token: TestToken, people: People, node: FaultyNode) -> None:
    lying = answering(token, node, "transfer(address,uint256)", bytes(32))
    with pytest.raises(CallFailed, match="answering false"):
        lying.transfer(people.outsider.address, 5)
    assert "eth_sendRawTransaction" not in node.requests


def test_a_symbol_in_the_old_form_is_read(token: TestToken, node: FaultyNode) -> None:
    old = answering(token, node, "symbol()", b"OLD".ljust(32, b"\x00"))
    assert old.symbol() == "OLD"


def test_a_symbol_that_amounts_cannot_be_shown_in_is_refused(token: TestToken, node: FaultyNode) -> None:
    odd = answering(token, node, "symbol()", encode(["string"], ["two words"]))
    with pytest.raises(BadAsset, match="no spaces"):
        odd.asset_info()


def test_what_is_no_token_is_told(payments: SessionPayment, people: People) -> None:
    with pytest.raises(BadAnswer, match="does not answer symbol"):
        Token(payments.web3, payments.address).symbol()
    with pytest.raises(CallFailed):
        Token(payments.web3, payments.address).decimals()
    with pytest.raises(NoContract):
        Token(payments.web3, people.outsider.address).decimals()


def test_a_token_without_permits_is_told(payments: SessionPayment, people: People) -> None:
    no_token = Token(payments.web3, payments.address)
    with pytest.raises(NoPermit):
        no_token.sign_permit(people.outsider.signer, spender=payments.address, amount=5, deadline=5)


def test_a_domain_that_the_token_does_not_share_is_told(
    token: TestToken, people: People, node: FaultyNode
) -> None:
    other = answering(token, node, "name()", encode(["string"], ["Another Dollar"]))
    with pytest.raises(NoPermit, match="approve it"):
        other.sign_permit(people.outsider.signer, spender=token.address, amount=5, deadline=5)


def test_a_permit_covers_its_own_version(token: TestToken, people: People, node: FaultyNode) -> None:
    second = answering(token, node, "version()", encode(["string"], ["2"]))
    with pytest.raises(NoPermit):
        second.sign_permit(people.outsider.signer, spender=token.address, amount=5, deadline=5)


def test_another_token_stands_for_itself(people: People, token: TestToken) -> None:
    other = deploy_test_token(people.operator, "Other", "OTH", 18)
    assert other.address != token.address
    assert other.asset_info().decimals == 18
