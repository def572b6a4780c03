"""Signatures of texts.

Given a text that somebody signed
  that account should be found, with v from 27 or from 0, and another one once the text is changed
Given a signature whose s is in the upper half, or that is none
  it should be refused, each for its own reason
Given a wallet that is a contract
  it should be asked, and believed only if it says yes in time
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from sessionpay.chain.errors import BadSignature, MalleableSignature, TooManyAsked
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.text_signature import CHECKS_AT_ONCE_MAX, ContractWallets, bytes_of, signer_of_text
from sessionpay.chain.transactions import Intent
from sessionpay.core.ids import Address
from tests.chain.signing import ORDER, deploy_wallet, signed_text, upper

if TYPE_CHECKING:
    from sessionpay.chain.embedded import EmbeddedChain
    from tests.chain.conftest import People

KEY, OTHER_KEY = "11" * 32, "22" * 32
ADDRESS = signer_from_key(KEY).address
TEXT = "example.org wants you to sign in\n\u00e9"


def test_the_signer_is_found() -> None:
    signature = bytes_of(signed_text(TEXT, KEY))
    assert signer_of_text(TEXT, signature) == ADDRESS
    assert signer_of_text(TEXT, signature[:64] + bytes([signature[64] - 27])) == ADDRESS
    assert signer_of_text(TEXT + " ", signature) != ADDRESS


def test_the_second_form_of_a_signature_is_refused() -> None:
    signature = bytes_of(signed_text(TEXT, KEY))
    second = upper(signature)
    # It is a signature of the same account, to whoever does not look at s.
    assert Account.recover_message(encode_defunct(text=TEXT), signature=second).lower() == ADDRESS
    with pytest.raises(MalleableSignature, match="upper half"):
        signer_of_text(TEXT, second)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x1",
        "zz",
        "0x " + "11" * 64,
        "11 " * 65,
        "0x" + "11" * 5_000,
        "\u0661" * 130,
        "\ud800" * 130,
    ],
)
def test_what_is_no_hexadecimal_text_is_refused(text: str) -> None:
    with pytest.raises(BadSignature, match="65 bytes"):
        bytes_of(text)


@pytest.mark.parametrize(
    "raw",
    [
        bytes(65),
        b"\xff" * 32 + bytes(31) + b"\x01\x1b",
        bytes(31) + b"\x01" + bytes(31) + b"\x01\x1d",
        ORDER.to_bytes(32) + bytes(31) + b"\x01\x1b",
        b"\x11" * 64,
        b"\x11" * 66,
        b"",
    ],
)
def test_what_is_no_signature_is_refused(raw: bytes) -> None:
    with pytest.raises(BadSignature, match="65 bytes"):
        signer_of_text(TEXT, raw)


def test_a_contract_is_asked(embedded: EmbeddedChain, people: People) -> None:
    wallet, binding = deploy_wallet(people.operator, ADDRESS)
    wallets = ContractWallets(embedded.web3)
    right, wrong = bytes_of(signed_text(TEXT, KEY)), bytes_of(signed_text(TEXT, OTHER_KEY))
    assert wallets.is_contract(wallet)
    assert not wallets.is_contract(ADDRESS)
    assert wallets.accepts(wallet, TEXT, right)
    assert not wallets.accepts(wallet, TEXT, wrong)
    assert not wallets.accepts(wallet, TEXT + " ", right)
    assert not wallets.accepts(wallet, TEXT, right[:64])
    # Nobody is there to say no, and nobody said yes.
    assert not wallets.accepts(Address("0x" + "ee" * 20), TEXT, right)
    for mode in (1, 2, 3):
        people.operator.send(
            wallet, binding(mode), intent=Intent("misbehave", {"mode": mode}), refuse_false=False
        )
        assert not wallets.accepts(wallet, TEXT, right), mode


def test_few_questions_are_open_at_a_time(embedded: EmbeddedChain) -> None:
    wallets = ContractWallets(embedded.web3)
    for _ in range(CHECKS_AT_ONCE_MAX):
        wallets._open.acquire()
    with pytest.raises(TooManyAsked, match="try again"):
        wallets.is_contract(ADDRESS)
    with pytest.raises(TooManyAsked, match="try again"):
        wallets.accepts(ADDRESS, TEXT, b"")
    wallets._open.release()
    assert not wallets.is_contract(ADDRESS)
    # Each question gives its place back, however it was answered.
    for _ in range(3 * CHECKS_AT_ONCE_MAX):
        assert not wallets.accepts(ADDRESS, TEXT, b"")
