"""The contract's roles: 32-byte ids as 0x hex, and the names that people use."""

from eth_utils.crypto import keccak

DEFAULT_ADMIN_ROLE = "0x" + "00" * 32
ADMIN_ROLE = "0x" + keccak(text="ADMIN_ROLE").hex()
SESSION_CONTRACT_ROLE = "0x" + keccak(text="SESSION_CONTRACT_ROLE").hex()

ROLES = {
    "DEFAULT_ADMIN_ROLE": DEFAULT_ADMIN_ROLE,
    "ADMIN_ROLE": ADMIN_ROLE,
    "SESSION_CONTRACT_ROLE": SESSION_CONTRACT_ROLE,
}
