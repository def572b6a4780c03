"""Signing in.

Given a message that the server made
  signed by its address, it should be taken once, and a token be given
  changed, signed by somebody else, late, twice, on another site or for another chain, it should be refused
Given a signature of two forms, or none
  it should be refused
Given a wallet that is a contract
  it should be asked where a chain is named, and it should be said where none is
Given requests without end
  nothing should be kept of messages, and no owner lose a token by what strangers do
Given a token
  it should be kept as its hash alone, expire, and be gone once it is ended
"""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.chain.embedded import embedded_chain
from sessionpay.chain.errors import BadSignature, MalleableSignature
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.sender import Sender
from sessionpay.chain.text_signature import ContractWallets, bytes_of
from sessionpay.core.sign_in_message import BadSignInMessage, parse_sign_in_message
from sessionpay.services import sign_in
from sessionpay.services.origins import Origin
from sessionpay.services.sign_in import (
    CONTRACT_TOKEN_SECONDS,
    MESSAGE_SECONDS,
    STRANGER_TOKENS_MAX,
    TOKEN_SECONDS,
    TOKENS_OF_ADDRESS_MAX,
    MessageExpired,
    MessageUsed,
    NotOurMessage,
    OtherChain,
    OtherDomain,
    OtherSigner,
    SignedIn,
    SignIns,
    SignInsBusy,
)
from tests import eip4361
from tests.chain.signing import deploy_wallet, signed_text, upper

if TYPE_CHECKING:
    from sessionpay.core.ids import Address

NOW = 1_800_000_000
CHAIN = 31_337
SITE = Origin("https", "pay.example.org")
KEYS = [f"{number:064x}" for number in range(1, 10)]
OWNERS = [signer_from_key(key).address for key in KEYS]
OWNER, KEY = OWNERS[0], KEYS[0]
OUTSIDER_KEY = "aa" * 32
OUTSIDER = signer_from_key(OUTSIDER_KEY).address


@dataclass
class Desk:
    """Sign-ins on a clock of the test."""

    now: int = NOW
    wallets: ContractWallets | None = None
    sign_ins: SignIns = field(init=False)

    def __post_init__(self) -> None:
        """Open the desk."""
        self.sign_ins = SignIns(
            CHAIN, clock=lambda: self.now, is_owner=lambda address: address in OWNERS, wallets=self.wallets
        )

    def message(self, address: Address = OWNER) -> str:
        return self.sign_ins.offer(address, site=SITE).message

    def enter(self, key: str = KEY) -> tuple[str, SignedIn]:
        text = self.message(signer_from_key(key).address)
        return self.accept(text, signed_text(text, key))

    def accept(self, text: str, signature: str) -> tuple[str, SignedIn]:
        return self.sign_ins.accept(text, signature, site=SITE)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_who_signs_is_let_in(desk: Desk) -> None:
    offer = desk.sign_ins.offer(OWNER, site=SITE)
    said = eip4361.parse(offer.message)
    assert said is not None
    assert (said["domain"], said["uri"], said["chain_id"]) == (
        SITE.domain,
        "https://pay.example.org/",
        "31337",
    )
    assert offer.expires_at == NOW + MESSAGE_SECONDS
    assert "moves no money" in said["statement"]
    token, made = desk.accept(offer.message, signed_text(offer.message, KEY))
    assert made == SignedIn(OWNER, TOKEN_SECONDS, NOW + TOKEN_SECONDS)
    assert desk.sign_ins.find(token) == made
    for wrong in ("", token[:-1], token + "x", token.upper(), "sps_" + "\u00e9" * 43, "spk_" + token[4:]):
        assert desk.sign_ins.find(wrong) is None


def test_a_message_counts_once(desk: Desk) -> None:
    text = desk.message()
    signature = signed_text(text, KEY)
    desk.accept(text, signature)
    with pytest.raises(MessageUsed, match="counts once"):
        desk.accept(text, signature)
    # Also just before it would expire, after others signed in.
    desk.now += MESSAGE_SECONDS - 1
    desk.enter(KEYS[1])
    with pytest.raises(MessageUsed):
        desk.accept(text, signature)


def test_two_who_come_at_once_with_one_message_are_not_both_let_in(desk: Desk) -> None:
    for _ in range(20):
        text = desk.message()
        signature, line = signed_text(text, KEY), Barrier(4)

        def enter(text: str = text, signature: str = signature, line: Barrier = line) -> bool:
            line.wait()
            try:
                desk.accept(text, signature)
            except MessageUsed:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(enter) for _ in range(4)]
            assert sorted(each.result() for each in found) == [False, False, False, True]


def test_two_messages_of_one_moment_differ(desk: Desk) -> None:
    assert desk.message() != desk.message()


def test_somebody_else_is_not_let_in(desk: Desk) -> None:
    text = desk.message()
    with pytest.raises(OtherSigner, match="did not sign"):
        desk.accept(text, signed_text(text, OUTSIDER_KEY))
    # A wrong signature does not use the message up.
    desk.accept(text, signed_text(text, KEY))


def test_another_address_in_the_message_is_no_message_of_ours(desk: Desk) -> None:
    message = parse_sign_in_message(desk.message(OUTSIDER))
    text = replace(message, address=OWNER).text()
    with pytest.raises(NotOurMessage, match="ask for another"):
        desk.accept(text, signed_text(text, KEY))


def test_a_late_message_is_refused(desk: Desk) -> None:
    text = desk.message()
    desk.now += MESSAGE_SECONDS - 1
    desk.accept(text, signed_text(text, KEY))
    text = desk.message()
    desk.now += MESSAGE_SECONDS
    with pytest.raises(MessageExpired, match="300 seconds"):
        desk.accept(text, signed_text(text, KEY))


@pytest.mark.parametrize(
    "site",
    [
        Origin("http", "pay.example.org"),
        Origin("https", "pay.example.org:8443"),
        Origin("https", "evil.example"),
    ],
)
def test_a_message_of_another_site_is_refused(desk: Desk, site: Origin) -> None:
    text = desk.sign_ins.offer(OWNER, site=site).message
    with pytest.raises(OtherDomain, match="ask here") as fault:
        desk.accept(text, signed_text(text, KEY))
    assert (fault.value.found, fault.value.expected) == (str(site), str(SITE))


def test_a_message_for_another_chain_is_refused(desk: Desk) -> None:
    text = replace(parse_sign_in_message(desk.message()), chain_id=1).text()
    with pytest.raises(OtherChain, match="chain 1, and the contract is on 31337"):
        desk.accept(text, signed_text(text, KEY))


def test_a_message_of_another_process_is_refused(desk: Desk) -> None:
    text = Desk().message()
    with pytest.raises(NotOurMessage, match="began anew"):
        desk.accept(text, signed_text(text, KEY))


@given(st.sampled_from(["statement", "uri", "nonce", "issued_at", "expires_at"]), st.integers(1, 10**6))
def test_a_changed_message_is_refused(changed: str, number: int) -> None:
    desk = Desk()
    message = parse_sign_in_message(desk.message())
    values = {
        "statement": f"Something else {number}",
        "uri": f"https://pay{number}.example.org/",
        "nonce": message.nonce[:-6] + f"{(int(message.nonce[-6:], 16) + number) % 16**6:06x}",
        "issued_at": message.issued_at - number,
        "expires_at": message.expires_at + number,
    }
    text = replace(message, **{changed: values[changed]}).text()  # type: ignore[arg-type]
    with pytest.raises(NotOurMessage):
        desk.accept(text, signed_text(text, KEY))


@pytest.mark.parametrize("text", ["", "hello", "\ud800", "a" * 10_000])
def test_another_text_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(BadSignInMessage):
        desk.accept(text, "0x" + "11" * 65)


def test_the_second_form_of_a_signature_is_refused(desk: Desk) -> None:
    text = desk.message()
    signature = upper(bytes_of(signed_text(text, KEY)))
    with pytest.raises(MalleableSignature):
        desk.accept(text, "0x" + signature.hex())


@pytest.mark.parametrize("signature", ["", "0x", "hello", "0x" + "00" * 65, "0x" + "11" * 5_000])
def test_what_is_no_signature_is_refused(desk: Desk, signature: str) -> None:
    with pytest.raises(BadSignature):
        desk.accept(desk.message(), signature)


def test_a_contract_is_asked_where_a_chain_is_named() -> None:
    chain = embedded_chain(accounts=1)
    wallet, misbehave = deploy_wallet(Sender(chain.web3, chain.accounts[0]), OWNER)
    desk = Desk(wallets=ContractWallets(chain.web3))
    text = desk.message(wallet)
    assert len(misbehave(1)) == 36
    for wrong in (signed_text(text, OUTSIDER_KEY), "0x" + "11" * 300):
        with pytest.raises(OtherSigner, match="no contract there accepts it"):
            desk.accept(text, wrong)
    _, made = desk.accept(text, signed_text(text, KEY))
    # A contract may change its mind, so it is asked again sooner.
    assert made == SignedIn(wallet, CONTRACT_TOKEN_SECONDS, NOW + CONTRACT_TOKEN_SECONDS)
    with pytest.raises(BadSignature):
        desk.accept(desk.message(), "0x" + "11" * 300)
    text = desk.message()
    with pytest.raises(OtherSigner, match="no contract there"):
        desk.accept(text, signed_text(text, OUTSIDER_KEY))


@pytest.mark.parametrize("length", [65, 300])
def test_without_a_chain_it_is_said_that_contracts_cannot_be_asked(desk: Desk, length: int) -> None:
    text = desk.message()
    raw = bytes_of(signed_text(text, OUTSIDER_KEY)) + bytes(length - 65)
    with pytest.raises(OtherSigner, match="only where the server names a chain"):
        desk.accept(text, "0x" + raw.hex())


def test_messages_without_end_leave_nothing(desk: Desk) -> None:
    token, made = desk.enter()
    first = desk.message()
    desk.message()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(1_000):
        desk.message(OUTSIDER)
    gc.collect()
    assert len(gc.get_objects()) - before < 50
    assert desk.sign_ins.find(token) == made
    # Who asked before all of them can still sign in.
    desk.accept(first, signed_text(first, KEY))


def test_strangers_crowd_out_strangers_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "STRANGER_TOKENS_MAX", 5)
    desk = Desk()
    token, made = desk.enter()
    strangers = [desk.enter(f"{1_000 + number:064x}")[0] for number in range(12)]
    assert desk.sign_ins.find(token) == made
    assert [desk.sign_ins.find(each) is not None for each in strangers] == [False] * 7 + [True] * 5
    assert STRANGER_TOKENS_MAX > 5


def test_an_address_has_so_many_tokens_and_loses_its_own_oldest(desk: Desk) -> None:
    other, kept = desk.enter(KEYS[1])
    tokens = [desk.enter()[0] for _ in range(TOKENS_OF_ADDRESS_MAX + 3)]
    assert [desk.sign_ins.find(each) is not None for each in tokens] == [False] * 3 + [True] * 10
    assert desk.sign_ins.find(other) == kept


def test_the_oldest_owner_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "OWNER_TOKENS_MAX", 3)
    desk = Desk()
    tokens = [desk.enter(key)[0] for key in KEYS[:5]]
    assert [desk.sign_ins.find(each) is not None for each in tokens] == [False, False, True, True, True]


def test_none_used_is_forgotten_too_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "USED_MAX", 3)
    desk = Desk()
    text = desk.message()
    signature = signed_text(text, KEY)
    desk.accept(text, signature)
    token, made = desk.enter(KEYS[1])
    desk.enter(KEYS[2])
    with pytest.raises(SignInsBusy, match="try again"):
        desk.enter(KEYS[3])
    with pytest.raises(MessageUsed):
        desk.accept(text, signature)
    assert desk.sign_ins.find(token) == made
    desk.now += MESSAGE_SECONDS
    desk.enter(KEYS[3])


def test_a_token_expires(desk: Desk) -> None:
    token, _ = desk.enter()
    desk.now += TOKEN_SECONDS - 1
    assert desk.sign_ins.find(token) is not None
    desk.now += 1
    assert desk.sign_ins.find(token) is None


def test_who_signs_out_is_out(desk: Desk) -> None:
    (token, _), (other, _) = desk.enter(), desk.enter()
    desk.sign_ins.end(token)
    assert desk.sign_ins.find(token) is None
    assert desk.sign_ins.find(other) is not None
    for gone in (token, "", "sps_" + "x" * 43):
        desk.sign_ins.end(gone)


def test_no_token_is_kept(desk: Desk) -> None:
    token, _ = desk.enter()
    held: list[object] = [desk.sign_ins]
    texts: list[str] = []
    for _ in range(6):
        held = [inner for each in held for inner in gc.get_referents(each) if not isinstance(inner, type)]
        texts += [each for each in held if isinstance(each, str)]
    assert OWNER in texts
    assert not [each for each in texts if token in each or token[4:] in each]
