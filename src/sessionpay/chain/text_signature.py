"""Signatures of texts (EIP-191): whose they are, of accounts with a key and of wallets that are contracts."""

from threading import BoundedSemaphore
from typing import NoReturn

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import SignableMessage, encode_defunct
from eth_utils.crypto import keccak
from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.errors import BadSignature, MalleableSignature, NodeRefused, TooManyAsked
from sessionpay.core.ids import Address, parse_address

SIGNATURE_BYTES = 65
# Of a contract's wallet: some dozens of owners, or a passkey with what its browser says beside it.
SIGNATURE_BYTES_MAX = 4_096
# Half of the order of secp256k1: of two values of s that both fit, wallets give the lower one (EIP-2).
S_MAX = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
_V = {0, 1, 27, 28}

# isValidSignature(bytes32,bytes) answers with its own selector (EIP-1271).
VALID = bytes.fromhex("1626ba7e")
# Enough for a wallet of many owners; more would be work that a stranger gives to the node.
CHECK_GAS_MAX = 2_000_000
# Anybody may have a contract asked, so only few questions are open at a time.
CHECKS_AT_ONCE_MAX = 4


def bytes_of(signature: str) -> bytes:
    """Return a signature written as 0x and hexadecimal digits; raises `BadSignature`."""
    digits = signature.removeprefix("0x")
    if not digits or len(digits) > 2 * SIGNATURE_BYTES_MAX or not digits.isascii():
        raise BadSignature
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        raise BadSignature from None
    # White space between digits is none of a signature.
    return found if 2 * len(found) == len(digits) else _refuse()


def signer_of_text(text: str, signature: bytes) -> Address:
    """Return whose signature of a text that is; raises `BadSignature`, and `MalleableSignature`.

    Any 65 bytes may be somebody's signature of something, so the address has to be compared.
    """
    if len(signature) != SIGNATURE_BYTES or signature[64] not in _V:
        raise BadSignature
    if int.from_bytes(signature[32:64]) > S_MAX:
        raise MalleableSignature
    try:
        found = Account.recover_message(encode_defunct(text=text), signature=signature)
    except Exception:  # noqa: BLE001 - numbers that are no signature fail in many ways
        raise BadSignature from None
    return parse_address(found)


class ContractWallets:
    """Asks accounts that are contracts whether a signature is theirs (EIP-1271), at the latest block."""

    def __init__(self, web3: Web3) -> None:
        """Ask this node, which must serve the chain that the messages name."""
        self._web3 = web3
        self._open = BoundedSemaphore(CHECKS_AT_ONCE_MAX)

    def is_contract(self, account: Address) -> bool:
        """Tell whether code stands at an address. Raises `Unreachable`, `NodeRefused`, `TooManyAsked`."""
        if not self._open.acquire(blocking=False):
            raise TooManyAsked
        try:
            return bool(rpc.code(self._web3, account))
        finally:
            self._open.release()

    def accepts(self, account: Address, text: str, signature: bytes) -> bool:
        """Tell whether a contract calls a signature of a text its own. Raises as `is_contract`."""
        data = VALID + encode(["bytes32", "bytes"], [_digest(encode_defunct(text=text)), signature])
        if not self._open.acquire(blocking=False):
            raise TooManyAsked
        try:
            answer = rpc.call(self._web3, rpc.Call(account, data, gas=CHECK_GAS_MAX))
        except (rpc.Reverted, NodeRefused):
            # A contract that runs out of gas or knows no such function did not say yes.
            return False
        finally:
            self._open.release()
        return answer == VALID + bytes(28)


def _digest(message: SignableMessage) -> bytes:
    return keccak(b"\x19" + message.version + message.header + message.body)


def _refuse() -> NoReturn:
    raise BadSignature
