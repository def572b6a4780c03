"""From what a failed call returns to the exception that says what happened."""

import re
from collections.abc import Mapping
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from sessionpay.chain.errors import CallFailed
from sessionpay.core.errors import SessionPayError
from sessionpay.core.refusals import REFUSALS

# Error(string), the one form in which the contract gives a reason.
ERROR_SELECTOR = bytes.fromhex("08c379a0")
# Panic(uint256), what compilers write for arithmetic that has no answer.
PANIC_SELECTOR = bytes.fromhex("4e487b71")
# What JSON-RPC servers agree on for a call that reverted.
REVERTED_CODE = 3

_HEXADECIMAL = re.compile(r"0x((?:[0-9a-fA-F]{2})*)")


def refusal(data: bytes | None, *, function: str, values: Mapping[str, object]) -> SessionPayError:
    """Return the exception for revert data: the contract's own refusal, or `CallFailed`.

    `values` are the arguments of the call, by their names in this package.
    """
    reason = reason_of(data)
    known = REFUSALS.get(reason)
    if known is not None:
        return known(**values)
    return CallFailed(
        function, reason=f"saying {reason!r}" if reason else "without a reason", values=dict(values)
    )


def reason_of(data: bytes | None) -> str:
    """Return the text in revert data, its hexadecimal form if it is none, or nothing."""
    if not data:
        return ""
    try:
        if data.startswith(ERROR_SELECTOR):
            return str(decode(["string"], data[4:])[0])
        if data.startswith(PANIC_SELECTOR):
            return f"panic {decode(['uint256'], data[4:])[0]:#x}"
    except (DecodingError, UnicodeDecodeError):
        pass
    return f"0x{data.hex()}"


def revert_data(error: Mapping[str, Any]) -> bytes | None:
    """Return the data of a JSON-RPC error if it tells of a revert, else None.

    Servers disagree about where the data stands: in `data` as text, in an object inside it, or, where
    there is none, as a reason behind the message.
    """
    message = str(error.get("message", ""))
    data = error.get("data")
    if isinstance(data, Mapping):
        data = data.get("data")
    found = _HEXADECIMAL.search(data) if isinstance(data, str) else None
    if found is not None:
        return bytes.fromhex(found[1])
    if error.get("code") == REVERTED_CODE or "revert" in message.lower():
        return _named_in(message)
    return None


def _named_in(message: str) -> bytes:
    """Rebuild the data from a reason that stands in the message, or return nothing."""
    reason = next((reason for reason in REFUSALS if message.endswith(reason)), None)
    if reason is None:
        return b""
    text = reason.encode()
    padded = text.ljust(-(-len(text) // 32) * 32, b"\x00")
    return ERROR_SELECTOR + (32).to_bytes(32) + len(text).to_bytes(32) + padded
