"""The frozen artifact.

Given what is deployed for real
    It should be made for cancun by the pinned compiler, with the lock on
    It should be small enough, and be what a deployment leaves on the chain
"""

from __future__ import annotations

from typing import Any, cast

from tests.contracts.books import DELAY, Books, artifact

RUNTIME_BYTES_MAX = 20_000


def _artifact() -> dict[str, Any]:
    return cast("dict[str, Any]", artifact())


def test_settings() -> None:
    compiler = _artifact()["compiler"]
    assert (compiler["name"], compiler["version"]) == ("vyper", "0.4.3")
    assert compiler["settings"] == {"evm-version": "cancun", "nonreentrancy": "on", "optimize": "gas"}


def test_runtime_size(books: Books) -> None:
    assert 0 < len(books.backend.code(books.address)) < RUNTIME_BYTES_MAX


def test_deployed_code(delayed: Books) -> None:
    # What follows the frozen code are the immutables: the asset and the delay.
    frozen = bytes.fromhex(_artifact()["deployedBytecode"].removeprefix("0x"))
    immutables = {"ASSET": int(delayed.asset, 16), "WITHDRAWAL_DELAY": DELAY}
    places = {"ASSET": _artifact()["codeLayout"]["holdings"]["ASSET"]} | {
        "WITHDRAWAL_DELAY": _artifact()["codeLayout"]["WITHDRAWAL_DELAY"]
    }
    data = bytearray(64)
    for name, place in places.items():
        data[place["offset"] : place["offset"] + 32] = immutables[name].to_bytes(32, "big")
    assert delayed.backend.code(delayed.address) == frozen + bytes(data)


def test_nobody_can_end_or_replace_it(books: Books) -> None:
    # No DELEGATECALL or SELFDESTRUCT among the opcodes, once the constants that PUSH carries are skipped.
    code, found, position = books.backend.code(books.address), set(), 0
    end = len(code) - 64
    while position < end:
        opcode = code[position]
        found.add(opcode)
        position += 1 + (opcode - 0x5F if 0x60 <= opcode <= 0x7F else 0)
    assert not found & {0xF2, 0xF4, 0xFF}
