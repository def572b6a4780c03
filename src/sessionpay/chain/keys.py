"""Private keys: from text, from an encrypted file, into an encrypted file, and never shown."""

import json
import os
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from sessionpay.chain.errors import BadKey, BadKeystore
from sessionpay.core.ids import Address, parse_address

KEY_DIGITS = 64
# A key file of a few hundred bytes; whatever is larger is something else.
KEYSTORE_BYTES_MAX = 65_536


class Signer:
    """An account that can sign. Its key never shows in a text of this class."""

    __slots__ = ("_account", "address")

    def __init__(self, account: LocalAccount) -> None:
        """Wrap an account of eth-account."""
        self._account = account
        self.address: Address = parse_address(account.address)

    def __repr__(self) -> str:
        """Show the address, and nothing else."""
        return f"Signer({self.address})"

    def sign_transaction(self, transaction: dict[str, Any]) -> tuple[bytes, str]:
        """Return the signed transaction as it is sent, and its hash as 0x hex."""
        signed = self._account.sign_transaction(transaction)
        return bytes(signed.raw_transaction), "0x" + signed.hash.hex()

    def sign_typed_data(self, message: dict[str, Any]) -> tuple[int, bytes, bytes]:
        """Return v, r and s of the EIP-712 signature of a full message."""
        signed = self._account.sign_typed_data(full_message=message)
        return signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)

    def encrypted(self, passphrase: str) -> dict[str, Any]:
        """Return the key in web3 secret storage, version 3, as scrypt and AES protect it."""
        return self._account.encrypt(passphrase)


def signer_from_key(text: str) -> Signer:
    """Return the signer of a private key in 64 hexadecimal digits, 0x before them or not.

    Raises `BadKey`, which does not contain the text.
    """
    digits = text.strip().removeprefix("0x")
    if len(digits) != KEY_DIGITS:
        raise BadKey
    try:
        return Signer(Account.from_key(bytes.fromhex(digits)))
    except Exception:  # noqa: BLE001 - whatever was raised may quote the key, so nothing of it is kept
        raise BadKey from None


def signer_from_keystore(path: Path, passphrase: str) -> Signer:
    """Return the signer of an encrypted key file; raises `BadKeystore`."""
    encrypted = _read(path)
    try:
        key = Account.decrypt(encrypted, passphrase)
    except ValueError:
        raise BadKeystore(path, rule="the passphrase does not open it; type it again") from None
    except Exception:  # noqa: BLE001 - a file of another form fails in many ways
        raise BadKeystore(path, rule="it is no key file in web3 secret storage") from None
    return Signer(Account.from_key(key))


def save_keystore(path: Path, signer: Signer, passphrase: str) -> None:
    """Write the key of `signer` into a new file that only its owner reads; raises `BadKeystore`.

    A file that stands is never written over, and the key is on the disk when this returns.
    """
    if not passphrase:
        raise BadKeystore(path, rule="the passphrase is empty; choose one")
    text = json.dumps(signer.encrypted(passphrase))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadKeystore(path, rule="it exists already; choose another name") from None
    except OSError as error:
        raise BadKeystore(path, rule=f"it cannot be written ({error.strerror})") from None
    try:
        _write(descriptor, text)
    except OSError as error:
        path.unlink()
        raise BadKeystore(path, rule=f"it cannot be written ({error.strerror})") from None
    _keep_name(path.parent)


def _write(descriptor: int, text: str) -> None:
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _keep_name(folder: Path) -> None:
    """Have the folder written to the disk, without which a new file may be there and not be found."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a key file."""
    try:
        with path.open("rb") as file:
            text = file.read(KEYSTORE_BYTES_MAX)
    except OSError as error:
        raise BadKeystore(path, rule=f"it cannot be read ({error.strerror})") from None
    try:
        encrypted = json.loads(text)
    except ValueError:
        encrypted = None
    if not isinstance(encrypted, dict):
        raise BadKeystore(path, rule="it is no key file in web3 secret storage")
    return encrypted
