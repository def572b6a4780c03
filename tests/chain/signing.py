"""What wallets do with texts, with development keys; and a wallet that is a contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak

from sessionpay.chain.transactions import Intent
from sessionpay.core.ids import Address, parse_address
from tests.evm.compile import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessionpay.chain.sender import Sender

# Of secp256k1.
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
WALLETS = Path(__file__).parent / "wallets"


def signed_text(text: str, key: str) -> str:
    """Return what `personal_sign` gives."""
    made = Account.sign_message(encode_defunct(text=text), f"0x{key}")
    return f"0x{bytes(made.signature).hex()}"


def upper(signature: bytes) -> bytes:
    """Return the second form of a signature, which anybody can make of the first one."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64]), signature[64]
    return r + (ORDER - s).to_bytes(32) + bytes([55 - v])


def deploy_wallet(sender: Sender, key: Address) -> tuple[Address, Callable[[int], bytes]]:
    """Deploy a wallet of one key; return where, and the data of the call that tells it how to misbehave."""
    code = bytes.fromhex(compiled("KeyWallet", folder=WALLETS)["bytecode"].removeprefix("0x"))
    mined = sender.send(None, code + encode(["address"], [key]), intent=Intent("deploying a wallet", {}))
    assert mined.contract_address is not None

    def misbehave(mode: int) -> bytes:
        return keccak(text="misbehave(uint256)")[:4] + encode(["uint256"], [mode])

    return parse_address(mined.contract_address), misbehave
