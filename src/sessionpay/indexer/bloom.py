"""The filter in every block header that says which addresses and topics its logs may have.

It never denies what is there, so a log that it denies was made up, and an event that it allows and that
nobody gave deserves a second look.
"""

from collections.abc import Iterable
from functools import lru_cache

from eth_utils.crypto import keccak

BITS = 2048
# The twenty events, the contracts of one database, and room to spare.
REMEMBERED_MAX = 1_024


def allows(bloom: int, values: Iterable[str]) -> bool:
    """Tell whether logs with all these addresses or topics, in 0x hex, may be in the block."""
    return all(bloom & mask(value) == mask(value) for value in values)


@lru_cache(maxsize=REMEMBERED_MAX)
def mask(value: str) -> int:
    """Return the three bits of one address or topic."""
    digest = keccak(hexstr=value)
    places = (int.from_bytes(digest[start : start + 2]) % BITS for start in (0, 2, 4))
    bits = 0
    for place in places:
        bits |= 1 << place
    return bits
