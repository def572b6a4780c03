"""Addresses and session ids.

parse_address
  given lower case, upper case or a right checksum: it should give the lower-case form
  given a mixed case that is no checksum, another length, prefix or digit: it should name the text and say why
checksum_address
  given any address: it should give the EIP-55 form, which parses back
parse_session_id
  given decimal digits below 2**160: it should give the number, 0 included
  given anything else: it should refuse
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.errors import BadAddress, BadSessionId
from sessionpay.core.ids import (
    ZERO_ADDRESS,
    Address,
    checksum_address,
    is_address,
    parse_address,
    parse_session_id,
    session_id,
)

# From the EIP-55 text: one of mixed case, one all upper and one all lower.
MIXED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
UPPER = "0x52908400098527886E0F7030069857D2E4169EE7"
LOWER = "0xde709f2102306220921060314715629080e2fb77"

addresses = st.integers(0, 2**160 - 1).map(lambda number: Address(f"0x{number:040x}"))


@pytest.mark.parametrize("text", [MIXED, UPPER, LOWER, MIXED.lower(), "0x" + MIXED[2:].upper()])
def test_gives_the_lower_case_form(text: str) -> None:
    assert parse_address(text) == text.lower()


@pytest.mark.parametrize("text", [MIXED, UPPER, LOWER])
def test_checksum_is_that_of_the_standard(text: str) -> None:
    assert checksum_address(Address(text.lower())) == text


@given(addresses)
def test_checksum_form_parses_back(address: Address) -> None:
    assert parse_address(checksum_address(address)) == address
    assert is_address(address)


@given(addresses, addresses)
def test_sorting_texts_is_sorting_numbers(one: Address, other: Address) -> None:
    assert (one < other) == (int(one, 16) < int(other, 16))


def test_one_changed_letter_case_is_caught() -> None:
    with pytest.raises(BadAddress, match="checksum is wrong") as caught:
        parse_address("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    assert caught.value.value == "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        LOWER[2:],
        LOWER[:-1],
        LOWER + "0",
        LOWER + "\n",
        " " + LOWER,
        "0X" + LOWER[2:],
        LOWER[:-1] + "g",
        LOWER[:-1] + "\u0661",
        None,
        7,
        ["0x"],
    ],
)
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress, match="40 hexadecimal digits") as caught:
        parse_address(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [LOWER[:-1], LOWER + "\n", UPPER, 7, None])
def test_other_forms_are_not_the_compared_one(value: object) -> None:
    assert not is_address(value)
    assert is_address(ZERO_ADDRESS)


@pytest.mark.parametrize("number", [0, 1, 2**32, 2**160 - 1])
def test_gives_the_session_id(number: int) -> None:
    assert parse_session_id(str(number)) == number
    assert session_id(number) == number


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.0", "1e3", "0x10", " 1", "1_0", "1\n", "\u0661", str(2**160), "9" * 5_000, 7, None],
)
def test_refuses_what_is_no_session_id(text: str) -> None:
    with pytest.raises(BadSessionId, match="whole number from 0") as caught:
        parse_session_id(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [-1, 2**160, True, "1"])
def test_refuses_a_value_out_of_range(value: int) -> None:
    with pytest.raises(BadSessionId):
        session_id(value)
