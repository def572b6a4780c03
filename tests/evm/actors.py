"""The people in the tests: one account for each role, always the same."""

from __future__ import annotations

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

ROLES = (
    "admin",
    "session_contract",
    "session_owner",
    "other_owner",
    "node_operator",
    "other_node",
    "payee",
    "outsider",
)
# More than any test spends, and far below the amount limit of 2**96.
WEALTH = 10**24


def private_key(role: str) -> PrivateKey:
    """Derive the key of a role, for the few tests that sign."""
    return PrivateKey(keccak(text=f"sessionpay test {role}"))


ACTORS: dict[str, str] = {role: private_key(role).public_key.to_address() for role in ROLES}
