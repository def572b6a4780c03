"""Calls as the chain reads them: a selector, then arguments encoded by their ABI types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.crypto import keccak

from sessionpay.chain.errors import BadArgument


class NotThese(Exception):
    """An answer does not have the types that the function has."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a contract, named as `depositToSession(uint256,uint256)`."""

    name: str
    selector: bytes
    types: tuple[str, ...]


@cache
def function(signature: str) -> Function:
    """Return the function of a signature."""
    name, _, types = signature.removesuffix(")").partition("(")
    return Function(name, keccak(text=signature)[:4], tuple(types.split(",")) if types else ())


def encoded(types: Sequence[str], arguments: Mapping[str, object]) -> bytes:
    """Return arguments as words; raises `BadArgument` for the first that does not fit its type."""
    pairs = zip(types, arguments.items(), strict=True)
    values = [_plain(kind, name, value) for kind, (name, value) in pairs]
    try:
        return encode(types, values)
    except EncodingError:
        pass
    for kind, (name, value) in zip(types, arguments.items(), strict=True):
        try:
            encode([kind], [_plain(kind, name, value)])
        except EncodingError:
            raise BadArgument(name, value, rule=f"it does not fit {kind}") from None
    raise AssertionError("arguments that fit one by one fit together")


def _plain(kind: str, name: str, value: object) -> object:
    """Return a value as eth-abi takes it: bytes where this package has them as 0x text, none too few."""
    if not kind.startswith("bytes"):
        return value
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            raise BadArgument(name, value, rule="it is not hexadecimal") from None
    # eth-abi fills what is too short with zeros, which would name another role.
    if isinstance(value, bytes) and len(value) != int(kind.removeprefix("bytes")):
        raise BadArgument(name, value, rule=f"it does not fit {kind}")
    return value


def calldata(called: Function, arguments: Mapping[str, object]) -> bytes:
    """Return the data of a call; `arguments` are in the order of the function's types."""
    return called.selector + encoded(called.types, arguments)


def decoded(types: Sequence[str], answer: bytes) -> tuple[Any, ...]:
    """Return the values in the answer of a call; raises `NotThese`."""
    try:
        return decode(types, answer)
    except (DecodingError, UnicodeDecodeError, OverflowError):
        raise NotThese from None
