"""Where the contract keeps its words and what their bits mean, stated independently of its sources.

Fields are named from the high bits to the low ones, as the comments above each word in the contract do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE_ACCOUNTS, NODE_PAYEES, SESSION_ACCOUNTS, SESSION_TITLES, TREASURY = 2, 3, 4, 5, 6

SESSION_ACCOUNT: Final = {"balance": 96, "usage": 96, "lastPaymentAt": 40, "free": 24}
SESSION_TITLE: Final = {"owner": 160, "registeredAt": 40, "withdrawalRequestedAt": 40, "free": 16}
NODE_ACCOUNT: Final = {"pending": 96, "earned": 96, "lastUsedAt": 40, "free": 24}
TREASURY_WORD: Final = {"network": 96, "liabilities": 96, "sequence": 32, "pausedUntil": 32}


def slot_of(mapping: int, key: int) -> int:
    """Find the slot of one entry of a mapping."""
    return int.from_bytes(keccak(mapping.to_bytes(32, "big") + key.to_bytes(32, "big")), "big")


def pack(fields: Mapping[str, int], /, **values: int) -> int:
    """Make a word; fields not named are zero. ValueError for a value too large or an unknown name."""
    if values.keys() - fields.keys():
        raise ValueError(f"no such fields: {values.keys() - fields.keys()}")
    word = 0
    for name, width in fields.items():
        value = values.get(name, 0)
        if value >> width:
            raise ValueError(f"{name} does not fit {width} bits: {value}")
        word = word << width | value
    return word


def unpack(fields: Mapping[str, int], word: int) -> dict[str, int]:
    """Take a word apart."""
    values: dict[str, int] = {}
    for name, width in reversed(list(fields.items())):
        values[name] = word & ((1 << width) - 1)
        word >>= width
    return values
