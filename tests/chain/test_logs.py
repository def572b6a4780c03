"""logs.decode, held against web3.py's own decoder.

Given a log that the contract wrote, for every event of its interface
  when it is decoded by cutting words
    it should be the event that web3.py reads from it, field by field
    and decoding its event's class should need no more than the log
Given a log that the contract cannot have written
  when it is decoded
    it should be None if its topic is unknown, and MalformedLog otherwise
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3
from web3.datastructures import AttributeDict

from sessionpay import ZERO_ADDRESS, Address
from sessionpay.chain import logs
from sessionpay.chain.artifacts import load
from sessionpay.chain.errors import MalformedLog
from sessionpay.core.events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sessionpay.core.events import Event

CONTRACT = Address("0x" + "c0" * 20)
ABI = {entry["name"]: entry for entry in load("SessionPayment").abi if entry["type"] == "event"}
ORACLE = Web3().eth.contract(abi=list(ABI.values()))
ROWS_MAX = 512

addresses = st.integers(0, 2**160 - 1).map(lambda number: f"0x{number:040x}")
words = st.one_of(st.integers(0, 2**256 - 1), st.sampled_from((0, 1, 2**96 - 1, 2**160, 2**256 - 1)))
VALUES = {
    "uint256": words,
    "address": addresses,
    "bytes32": st.binary(min_size=32, max_size=32),
    "uint256[]": st.lists(words, max_size=6),
    "address[]": st.lists(addresses, max_size=6),
}


def log_of(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write a log as the contract would."""
    inputs = ABI[name]["inputs"]
    types = ",".join(each["type"] for each in inputs)
    topics = [keccak(text=f"{name}({types})")]
    topics += [encode([each["type"]], [values[each["name"]]]) for each in inputs if each["indexed"]]
    rest = [each for each in inputs if not each["indexed"]]
    data = encode([each["type"] for each in rest], [values[each["name"]] for each in rest])
    return {
        "address": to_checksum_address(CONTRACT),
        "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + data.hex(),
    }


def oracle(name: str, log: Mapping[str, Any]) -> dict[str, Any]:
    """Read a log with web3.py."""
    receipt = {
        "address": log["address"],
        "topics": [HexBytes(topic) for topic in log["topics"]],
        "data": HexBytes(log["data"]),
        "blockNumber": 1,
        "blockHash": HexBytes(bytes(32)),
        "transactionHash": HexBytes(bytes(32)),
        "transactionIndex": 0,
        "logIndex": 0,
    }
    return dict(ORACLE.events[name]().process_log(AttributeDict(receipt))["args"])


def plain(value: object) -> object:
    """Bring a field of an event into web3.py's form."""
    match value:
        case tuple() if value and isinstance(value[0], tuple):
            return [_word(*row) for row in value]
        case tuple():
            return [plain(each) for each in value]
        case str() if len(value) == 42:
            return to_checksum_address(value)
        case str():
            return HexBytes(value)
        case _:
            return value


def _word(key: int | str, amount: int) -> int:
    return (int(key, 16) if isinstance(key, str) else key) << 96 | amount


def assert_same(name: str, values: Mapping[str, Any]) -> None:
    log = log_of(name, values)
    event = logs.decode(log)
    assert type(event).__name__ == name
    named = {re.sub("_([a-z])", lambda match: match[1].upper(), one.name): one.name for one in fields(event)}  # type: ignore[arg-type]
    expected = oracle(name, log)
    assert list(named) == [each["name"] for each in ABI[name]["inputs"]]
    assert {camel: plain(getattr(event, snake)) for camel, snake in named.items()} == expected


@pytest.mark.parametrize("name", sorted(ABI))
@given(data=st.data())
def test_an_event_is_read_as_web3_reads_it(name: str, data: st.DataObject) -> None:
    values = {each["name"]: data.draw(VALUES[each["type"]], each["name"]) for each in ABI[name]["inputs"]}
    assert_same(name, values)


@pytest.mark.parametrize("count", [0, 1, ROWS_MAX])
@pytest.mark.parametrize("name", ["SessionsCharged", "NodesAllocated"])
def test_a_batch_is_read_with_all_its_rows(name: str, count: int) -> None:
    rows = [(number * 7919 % 2**160) << 96 | (2**96 - 1 - number) for number in range(count)]
    last = "charges" if name == "SessionsCharged" else "allocations"
    assert_same(name, {"sequence": 2**32 - 1, "total": 2**96 - 1, last: rows})


@pytest.mark.parametrize("count", [0, 1, ROWS_MAX])
def test_timestamps_are_read_with_all_their_nodes(count: int) -> None:
    assert_same("NodeTimestampsUpdated", {"nodes": [f"0x{number:040x}" for number in range(count)]})


def test_web3_logs_are_read_too() -> None:
    log = log_of("DepositToSession", {"sessionId": 7, "amount": 9})
    bare = {"topics": [HexBytes(topic) for topic in log["topics"]], "data": HexBytes(log["data"])}
    assert logs.decode(bare) == logs.decode(log)


def test_every_event_has_a_layout() -> None:
    assert [layout.event for layout in logs.LAYOUTS] == list(EVENTS)
    assert {layout.name for layout in logs.LAYOUTS} == set(ABI)


def test_strangers_are_left_out() -> None:
    ours = log_of("NodeTimestampUpdated", {"node": ZERO_ADDRESS})
    stranger = {**ours, "address": "0x" + "11" * 20}
    transfer = {**ours, "topics": ["0x" + keccak(text="Transfer(address,address,uint256)").hex()]}
    nameless = {**ours, "topics": []}
    decoded: tuple[Event, ...] = logs.decode_all([stranger, ours, transfer, nameless], CONTRACT)
    assert decoded == (logs.decode(ours),)


CHARGED = log_of("SessionsCharged", {"sequence": 0, "total": 3, "charges": [1, 2]})
WITHDRAWN = log_of("NodePaymentWithdrawn", {"node": ZERO_ADDRESS, "amount": 3})


@pytest.mark.parametrize(
    "log",
    [
        {**WITHDRAWN, "data": "0x"},
        {**WITHDRAWN, "data": WITHDRAWN["data"][:-2]},
        {**WITHDRAWN, "data": WITHDRAWN["data"] + "00" * 32},
        {**WITHDRAWN, "topics": WITHDRAWN["topics"][:1]},
        {**WITHDRAWN, "topics": WITHDRAWN["topics"] * 2},
        {**WITHDRAWN, "topics": [WITHDRAWN["topics"][0], "0x" + "ff" * 32]},
        {**WITHDRAWN, "topics": [WITHDRAWN["topics"][0], "0x" + "00" * 31]},
        {**WITHDRAWN, "topics": [WITHDRAWN["topics"][0], "0x" + "00" * 31 + "-1"]},
        {**WITHDRAWN, "data": "0x " + "00" * 32},
        {**CHARGED, "data": CHARGED["data"][:-64]},
        {**CHARGED, "data": CHARGED["data"] + "00" * 32},
        {**CHARGED, "data": CHARGED["data"][:66]},
        {**CHARGED, "data": CHARGED["data"][:130]},
        {**CHARGED, "data": CHARGED["data"][:66] + "00" * 31 + "60" + CHARGED["data"][130:]},
        {**CHARGED, "data": "0x" + "zz" * 160},
    ],
    ids=[
        "no data",
        "half a word",
        "a word too many",
        "a topic missing",
        "topics too many",
        "an address of 32 bytes",
        "half a topic",
        "a sign in a topic",
        "a space among the digits",
        "a row missing",
        "a row too many",
        "no array",
        "an array without length",
        "an array elsewhere",
        "not hexadecimal",
    ],
)
def test_a_malformed_log_is_refused(log: dict[str, Any]) -> None:
    with pytest.raises(MalformedLog, match=r"^log of (NodePaymentWithdrawn|SessionsCharged): .+"):
        logs.decode(log)
