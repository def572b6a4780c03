"""Signatures of usage batches (EIP-712): who vouches for which rows, for which contract on which chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from sessionpay.chain.errors import BadSignature
from sessionpay.chain.keys import Signer
from sessionpay.core.ids import Address, checksum_address, parse_address

DOMAIN_NAME = "sessionpay usage"
DOMAIN_VERSION = "1"
SIGNATURE_BYTES = 65
TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "UsageBatch": [
        {"name": "reporter", "type": "string"},
        {"name": "rows", "type": "uint256"},
        {"name": "digest", "type": "bytes32"},
    ],
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What is signed: the rows as their lines, in order, who reports them, and to which contract."""

    reporter: str
    lines: Sequence[str]
    chain_id: int
    contract: Address

    def typed_data(self) -> dict[str, Any]:
        """Return the full message; `digest` is the keccak-256 of all lines, one after another."""
        return {
            "types": TYPES,
            "primaryType": "UsageBatch",
            "domain": {
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": self.chain_id,
                "verifyingContract": checksum_address(self.contract),
            },
            "message": {
                "reporter": self.reporter,
                "rows": len(self.lines),
                "digest": keccak("".join(self.lines).encode()),
            },
        }


def sign(batch: Batch, signer: Signer) -> str:
    """Return the signature of a batch, 65 bytes as 0x hex: r, s and v."""
    v, r, s = signer.sign_typed_data(batch.typed_data())
    return f"0x{(r + s + bytes([v])).hex()}"


def signer_of(batch: Batch, signature: str) -> Address:
    """Return whose signature of the batch that is; raises `BadSignature`.

    Any 65 bytes may be somebody's signature of something, so the address has to be compared.
    """
    try:
        given = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        given = b""
    if len(given) != SIGNATURE_BYTES:
        raise BadSignature
    try:
        found = Account.recover_message(encode_typed_data(full_message=batch.typed_data()), signature=given)
    except Exception:  # noqa: BLE001 - numbers that are no signature fail in many ways
        raise BadSignature from None
    return parse_address(found)
