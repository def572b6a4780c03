"""What the caller encodes wrongly.

Given any function
    When its arguments are cut short
        It should revert without data, or read what is missing of a list as zeros
    When an argument has bits that its type does not
        It should revert without data
Given any function but `depositToSession`
    When value is sent along
        It should revert without data
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    ADMIN,
    NODE,
    OTHER_SESSION,
    ROWS_MAX,
    SESSION,
    Books,
    artifact,
    row,
)

_ABI = [entry for entry in artifact()["abi"] if entry["type"] == "function"]
_SIGNATURES = [f"{entry['name']}({','.join(one['type'] for one in entry['inputs'])})" for entry in _ABI]
FUNCTIONS = dict(zip(_SIGNATURES, _ABI, strict=True))
# A value that every type of the interface takes, an empty list included.
HARMLESS = {"address": ADMIN, "bytes4": bytes(4), "bytes32": bytes(32), "uint8": 1, "uint256": 1}
WORDS = {"address": 2**160, "uint8": 2**8, "bytes4": 1}


def _calldata(books: Books, signature: str) -> bytes:
    args = [HARMLESS.get(one["type"], []) for one in FUNCTIONS[signature]["inputs"]]
    return books.contract.calldata(signature, *args)


def _assert_malformed(books: Books, data: bytes, value: int = 0) -> None:
    outcome = books.backend.call(sender=ADMIN, to=books.address, data=data, value=value)
    assert (outcome.success, outcome.output) == (False, b"")


@pytest.mark.parametrize(
    "signature", [name for name in FUNCTIONS if not name.startswith("depositToSession(")]
)
def test_takes_no_value(books: Books, signature: str) -> None:
    _assert_malformed(books, _calldata(books, signature), value=1)


@pytest.mark.parametrize("signature", [name for name, entry in FUNCTIONS.items() if entry["inputs"]])
def test_arguments_cut_short(books: Books, signature: str) -> None:
    # Of a list, only its place is an argument of fixed length; what it holds is looked at below.
    data = _calldata(books, signature)[: 4 + 32 * len(FUNCTIONS[signature]["inputs"])]
    for cut in (1, 32, len(data) - 4):
        _assert_malformed(books, data[:-cut])


@pytest.mark.parametrize("cut", [1, 2, 31, 32, 33])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("payFromSessionsToNetwork", (0, [row(SESSION, 5), row(OTHER_SESSION, 5)])),
        ("allocateNodeAmounts", (0, [row(NODE, 1), row(NODE, 1)])),
        ("allocateNodePayments", ([NODE, NODE], 1)),
        ("updateNodeLastUsedTimestamps", ([NODE, NODE],)),
    ],
)
def test_list_cut_short(books: Books, name: str, args: tuple[object, ...], cut: int) -> None:
    books.mark(NODE)
    _assert_malformed(books, books.contract.calldata(name, *args)[:-cut])


@pytest.mark.parametrize(
    ("signature", "index"),
    [
        (name, index)
        for name, entry in FUNCTIONS.items()
        for index, one in enumerate(entry["inputs"])
        if one["type"] in WORDS
    ],
)
def test_bits_that_the_type_does_not_have(books: Books, signature: str, index: int) -> None:
    data = bytearray(_calldata(books, signature))
    place = slice(4 + 32 * index, 36 + 32 * index)
    bit = WORDS[FUNCTIONS[signature]["inputs"][index]["type"]]
    data[place] = (int.from_bytes(data[place], "big") | bit).to_bytes(32, "big")
    _assert_malformed(books, bytes(data))


@pytest.mark.parametrize("name", ["allocateNodePayments", "updateNodeLastUsedTimestamps"])
def test_address_in_a_list_with_too_many_bits(books: Books, name: str) -> None:
    args = ([ADMIN], 1) if name == "allocateNodePayments" else ([ADMIN],)
    data = bytearray(books.contract.calldata(name, *args))
    data[-32] = 1
    _assert_malformed(books, bytes(data))


@pytest.mark.parametrize("length", [ROWS_MAX + 1, 2**64, 2**255, 2**256 - 1])
def test_list_longer_than_allowed(books: Books, length: int) -> None:
    for signature, entry in FUNCTIONS.items():
        if entry["inputs"] and entry["inputs"][-1]["type"].endswith("[]"):
            data = bytearray(_calldata(books, signature))
            data[-32:] = length.to_bytes(32, "big")
            _assert_malformed(books, bytes(data))
