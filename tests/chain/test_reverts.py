"""reverts: from what a failed call returns to an exception.

Given revert data
  it should be the refusal whose reason it is, with the values of the call
  it should be CallFailed for every other reason, and for none
Given the error of a node
  it should find the data wherever that node puts it
"""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from sessionpay.chain.errors import CallFailed
from sessionpay.chain.reverts import reason_of, refusal, revert_data
from sessionpay.core.refusals import REFUSALS


def data_of(reason: str) -> bytes:
    return bytes.fromhex("08c379a0") + encode(["string"], [reason])


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_every_reason_has_its_exception(reason: str) -> None:
    error = refusal(data_of(reason), function="pause", values={"seconds": 5})
    assert type(error) is REFUSALS[reason]
    assert str(error).startswith(f"{reason} (seconds 5): ")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (data_of("Pausable: paused"), "saying 'Pausable: paused'"),
        (b"", "without a reason"),
        (None, "without a reason"),
        (bytes.fromhex("4e487b71") + (17).to_bytes(32), "saying 'panic 0x11'"),
        (bytes.fromhex("08c379a0"), "saying '0x08c379a0'"),
        (bytes.fromhex("08c379a0") + encode(["bytes"], [b"\xff"]), "saying '0x08c379a0"),
        (b"\xde\xad", "saying '0xdead'"),
        (data_of("first line\nsecond line"), r"saying 'first line\nsecond line'"),
    ],
)
def test_other_reasons_are_told_on_one_line(data: bytes | None, told: str) -> None:
    error = refusal(data, function="pause", values={"seconds": 5})
    assert isinstance(error, CallFailed)
    assert told in str(error)
    assert "\n" not in str(error)


REASON = "session: not registered"
HEX = "0x" + data_of(REASON).hex()


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": HEX},
        {"code": -32000, "message": "VM execution error.", "data": f"Reverted {HEX}"},
        {"code": -32603, "message": "call failed", "data": {"data": HEX}},
        {"code": -32000, "message": f"execution reverted: {REASON}"},
    ],
    ids=["as most do", "behind a word", "in an object", "in the message"],
)
def test_data_is_found_wherever_nodes_put_it(error: dict[str, object]) -> None:
    data = revert_data(error)
    assert reason_of(data) == REASON


def test_a_revert_without_data_is_a_revert() -> None:
    assert revert_data({"code": 3, "message": "execution reverted"}) == b""
    assert revert_data({"code": 3, "message": "execution reverted", "data": "0x"}) == b""


def test_another_error_is_no_revert() -> None:
    assert revert_data({"code": -32601, "message": "method not found"}) is None
