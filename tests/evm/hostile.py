"""Names for what the contracts in `tests/contracts/hostile` can be told to do, and what Vyper cannot say."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from .actors import ACTORS, private_key
from .backend import CHAIN_ID

if TYPE_CHECKING:
    from .compile import Artifact
    from .contract import Contract


class Function(IntFlag):
    """Where a `FailingToken` fails and a `CallbackToken` calls back."""

    NONE = 0
    TRANSFER = 1
    TRANSFER_FROM = 2
    PERMIT = 4
    BALANCE_OF = 8


class Fault(IntEnum):
    """How a `FailingToken` or a `HostilePayee` fails."""

    NONE = 0
    SILENT = 1
    FORGED = 2
    BURN = 3
    MEGABYTE = 4


PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
TRUE: Final = (1).to_bytes(32, "big")
FALSE: Final = bytes(32)
# What an `OddReturnToken` may answer, and a strict caller must judge.
ODD_ANSWERS: Final[dict[str, bytes]] = {
    "nothing": b"",
    "true": TRUE,
    "false": FALSE,
    "two": (2).to_bytes(32, "big"),
    "all ones": b"\xff" * 32,
    "one byte": b"\x01",
    "31 bytes": TRUE[1:],
    "true and more": TRUE + TRUE,
    "false and more": FALSE + TRUE,
}

# A contract that succeeds at everything and answers with a megabyte whose first word is one: as a payee it
# floods its payer, as a token every transfer is true and every balance 1. Its 12 bytes of code are PUSH1 1,
# PUSH1 0, MSTORE, PUSH3 0x100000, PUSH1 0, RETURN; around them stands what stores them.
MEGABYTE_ANSWER: Final[Artifact] = {
    "abi": [],
    "bytecode": "0x6b" + "6001600052621000006000f3" + "600052600c6014f3",
}


def sign_permit(
    token: Contract, *, role: str, spender: str, amount: int, deadline: int
) -> tuple[int, bytes, bytes]:
    """Sign an EIP-2612 permit of a role's tokens, with the token's next nonce; returns v, r, s."""
    owner = ACTORS[role]
    kind = keccak(text=PERMIT)
    words = encode(
        ["bytes32", "address", "address", "uint256", "uint256", "uint256"],
        [kind, owner, spender, amount, token.nonces(owner), deadline],
    )
    digest = keccak(b"\x19\x01" + _domain_separator(token) + keccak(words))
    signature = private_key(role).sign_msg_hash(digest)
    return signature.v + 27, signature.r.to_bytes(32, "big"), signature.s.to_bytes(32, "big")


def _domain_separator(token: Contract) -> bytes:
    # Built here rather than asked from the token, so that a token that signs in a wrong domain is noticed.
    kind = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [kind, keccak(text=token.name()), keccak(text="1"), CHAIN_ID, token.address],
        )
    )
