"""Sign-in messages.

Given any fields that fit
  the text should be one of EIP-4361's grammar, as a parser that is written apart reads it
  and be read back as the same
Given a text with one character added, left out or changed
  it should be refused, or say something else
Given the examples of EIP-4361
  the parser of the tests should read them, so that it is no stricter and no laxer than the grammar
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.sign_in_message import BadSignInMessage, SignInMessage, parse_sign_in_message
from tests import eip4361

ADDRESS = Address("0x" + "70997970c51812dc3a010c7d01b50e0d17dc79c8")
MESSAGE = SignInMessage(
    scheme="https",
    domain="pay.example.org",
    address=ADDRESS,
    statement="Sign in.",
    uri="https://pay.example.org/",
    chain_id=1,
    nonce="32891756",
    issued_at=1_632_997_524,
    expires_at=1_632_997_824,
)
TIMES = st.integers(0, 253_402_300_799)
messages = st.builds(
    SignInMessage,
    scheme=st.sampled_from(["https", "http"]),
    domain=st.sampled_from(
        ["localhost", "127.0.0.1:8080", "[::1]:1", "pay.example.org", "a-b.example:65535"]
    ),
    address=st.binary(min_size=20, max_size=20).map(lambda raw: Address("0x" + raw.hex())),
    statement=st.text("abcXYZ019 .,:/?#[]@!$&'()*+;=-_~", min_size=1, max_size=80),
    uri=st.sampled_from(["http://127.0.0.1:8080/", "https://pay.example.org/"]),
    chain_id=st.integers(1, 2**256 - 1),
    nonce=st.text("abcdef0123456789ABCXYZ", min_size=8, max_size=96),
    issued_at=TIMES,
    expires_at=TIMES,
)


@given(messages)
def test_a_message_is_one_of_the_grammar(message: SignInMessage) -> None:
    found = eip4361.parse(message.text())
    assert found is not None
    assert found.pop("scheme", "https") == message.scheme
    assert found == {
        "domain": message.domain,
        "address": checksum_address(message.address),
        "statement": message.statement,
        "uri": message.uri,
        "version": "1",
        "chain_id": str(message.chain_id),
        "nonce": message.nonce,
        "issued_at": written(message.issued_at),
        "expiration_time": written(message.expires_at),
    }
    assert parse_sign_in_message(message.text()) == message


def written(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")


@given(messages, st.data())
def test_a_changed_message_is_another_one_or_none(message: SignInMessage, data: st.DataObject) -> None:
    text = message.text()
    place = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from(["", " ", "\n", "\r", "a", "F", "0", "\u00e9", "/", "\t"]))
    changed = text[:place] + put + text[place + data.draw(st.integers(0, 1)) :]
    try:
        found = parse_sign_in_message(changed)
    except BadSignInMessage:
        return
    assert (found == message) == (changed == text)
    assert found.text() == changed
    assert eip4361.parse(changed) is not None


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("\n", "\r\n", "lines of EIP-4361"),
        ("Version: 1", "Version: 2", "lines of EIP-4361"),
        ("Sign in.\n", "", "lines of EIP-4361"),
        ("Nonce: 32891756", "Nonce: 3289175", "lines of EIP-4361"),
        (checksum_address(ADDRESS), checksum_address(ADDRESS).replace("C", "c", 1), "checksum"),
        (checksum_address(ADDRESS), ADDRESS, "spelled otherwise"),
        ("2021-09-30", "2021-09-31", "no such day"),
        ("pay.example.org wants", "https://pay.example.org wants", "spelled otherwise"),
        ("Sign in.", "Sign in." * 300, "longer than 2000"),
    ],
)
def test_another_text_is_refused(before: str, after: str, rule: str) -> None:
    text = MESSAGE.text()
    assert before in text
    with pytest.raises(BadSignInMessage, match=rule):
        parse_sign_in_message(text.replace(before, after))


EXAMPLE = """{}example.com{} wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""


@pytest.mark.parametrize(("scheme", "port"), [("", ""), ("", ":3388"), ("https://", "")])
def test_the_parser_of_the_tests_reads_the_examples_of_the_proposal(scheme: str, port: str) -> None:
    text = EXAMPLE.format(scheme, port)
    found = eip4361.parse(text)
    assert found is not None
    assert (found["domain"], found["nonce"]) == (f"example.com{port}", "32891756")
    for wrong in (
        text.replace("Version: 1", "Version: 2"),
        text.replace("Nonce: 32891756", "Nonce: 328-1756"),
        text.replace("URI: https:", "URI: "),
        text + "\n",
        text.replace("2021-09-30T", "2021-13-30T"),
    ):
        assert eip4361.parse(wrong) is None
