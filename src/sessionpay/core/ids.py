"""The names of things: sessions by number, nodes and accounts by address."""

import re
from functools import lru_cache
from typing import NewType

from eth_utils.address import to_checksum_address

from sessionpay.core.errors import BadAddress, BadSessionId

SessionId = NewType("SessionId", int)
Address = NewType("Address", str)

# A session id shares a 256-bit word with a 96-bit amount, so it has the other 160 bits.
SESSION_ID_LIMIT = 2**160
SESSION_ID_DIGITS_MAX = len(str(SESSION_ID_LIMIT))
ZERO_ADDRESS = Address("0x" + "00" * 20)

# A file of usage repeats few addresses in many rows; this many are remembered after their check.
ADDRESS_CACHE_MAX = 65_536

_CANONICAL = re.compile(r"0x[0-9a-f]{40}")
_ANY_CASE = re.compile(r"0x[0-9a-fA-F]{40}")
_DECIMAL = re.compile(r"[0-9]+")


def parse_address(text: str) -> Address:
    """Return the lower-case form of an address, so that sorting texts is sorting numbers.

    `text` is 0x and 40 hexadecimal digits; where it mixes upper and lower case, the case must be
    the EIP-55 checksum. Raises `BadAddress`.
    """
    if not isinstance(text, str) or not _ANY_CASE.fullmatch(text):
        raise BadAddress(text, rule="write 0x and 40 hexadecimal digits")
    return _from_hexadecimal(text)


@lru_cache(maxsize=ADDRESS_CACHE_MAX)
def _from_hexadecimal(text: str) -> Address:
    digits = text[2:]
    is_one_case = digits in (digits.lower(), digits.upper())
    if not is_one_case and to_checksum_address(text) != text:
        raise BadAddress(text, rule="its checksum is wrong; copy it again, a character may have changed")
    return Address(text.lower())


def checksum_address(address: Address) -> str:
    """Return the EIP-55 mixed-case form of `address`, for people and for RPC calls."""
    return str(to_checksum_address(address))


def is_address(value: object) -> bool:
    """Tell whether `value` is already in the one form that this package compares and sorts."""
    return isinstance(value, str) and _CANONICAL.fullmatch(value) is not None


def parse_session_id(text: str) -> SessionId:
    """Return the session id written in decimal digits; raises `BadSessionId`."""
    # The length is looked at first, because turning a very long text into a number is slow.
    if not isinstance(text, str) or len(text) > SESSION_ID_DIGITS_MAX or not _DECIMAL.fullmatch(text):
        raise BadSessionId(text)
    return session_id(int(text))


def session_id(value: int) -> SessionId:
    """Return `value` as a session id if 0 <= value < 2**160; raises `BadSessionId`."""
    if type(value) is not int or not 0 <= value < SESSION_ID_LIMIT:
        raise BadSessionId(value)
    return SessionId(value)
