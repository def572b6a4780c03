"""The binding is written by hand, so it is held against the contract's frozen interface.

Given the ABI and the sources of the contract
  every function should have a method of its name, with arguments and results of its types
  every method should send exactly the call that it is named after
  every event should have a class with its fields, in its order and of its types
  every reason of the sources should have an exception, and no exception should be without a reason
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Union, cast, get_args, get_origin, get_type_hints

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from web3 import Web3
from web3.providers.base import JSONBaseProvider

import sessionpay
from sessionpay import (
    Account,
    Address,
    Allocation,
    BaseUnits,
    Charge,
    Preview,
    Receipt,
    SessionPayment,
    events,
)
from sessionpay.chain.artifacts import load
from sessionpay.chain.sender import Mined
from sessionpay.core.events import EVENTS
from sessionpay.core.refusals import REFUSALS

if TYPE_CHECKING:
    from web3.types import RPCEndpoint, RPCResponse

    from sessionpay import Sender

ABI = load("SessionPayment").abi
SOURCES = Path(sessionpay.__file__).parent / "contracts"
REASON_BYTES_MAX = 32
OWN_FUNCTIONS_OF_THE_BINDING = {
    "asset_info",
    "balance",
    "block_number",
    "check_code",
    "receipt",
    "with_sender",
}


def snake(name: str) -> str:
    """Return a name of the contract as Python writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(one['type'] for one in entry['inputs'])})"


def is_view(entry: dict[str, Any]) -> bool:
    return bool(entry["stateMutability"] in {"view", "pure"})


def longest(name: str) -> dict[str, Any]:
    """Return the overload of a function that takes everything."""
    return max((entry for entry in FUNCTIONS if entry["name"] == name), key=lambda one: len(one["inputs"]))


FUNCTIONS = [entry for entry in ABI if entry["type"] == "function"]
# The binding always says how much it deposits, so it has no use for the shorter overload.
CALLED = [entry for entry in FUNCTIONS if signature(entry) != "depositToSession(uint256)"]
NAMES = sorted({entry["name"] for entry in FUNCTIONS})
LOGGED = {entry["name"]: entry for entry in ABI if entry["type"] == "event"}

# How a type of the ABI appears in Python.
ARGUMENTS: dict[str, set[object]] = {
    "uint256": {int},
    "uint8": {int},
    "address": {Address},
    "bytes32": {str, bytes},
    "bytes4": {bytes},
    "uint256[]": {Sequence[Charge], Sequence[Allocation]},
    "address[]": {Sequence[Address]},
}
RESULTS: dict[tuple[str, ...], set[object]] = {
    (): {Receipt},
    ("uint256",): {int, BaseUnits},
    ("address",): {Address},
    ("bool",): {bool},
    ("bytes32",): {str},
    ("tuple",): {Account},
    ("uint256", "uint256[]"): {Preview[Charge], Preview[Allocation]},
}
FIELDS: dict[str, set[object]] = {
    "uint256": {int, sessionpay.SessionId, BaseUnits},
    "address": {Address},
    "bytes32": {str},
    "uint256[]": {tuple[Charge, ...], tuple[Allocation, ...]},
    "address[]": {tuple[Address, ...]},
}


def method_of(name: str) -> Callable[..., Any]:
    return cast("Callable[..., Any]", getattr(SessionPayment, snake(name)))


def required(hint: object) -> object:
    """Return a type without the None that a default stands for."""
    if get_origin(hint) in {Union, type(int | None)}:
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    return hint


@pytest.mark.parametrize("name", NAMES)
def test_a_method_has_the_arguments_of_its_function(name: str) -> None:
    entry = longest(name)
    parameters = dict(inspect.signature(method_of(name)).parameters)
    hints = get_type_hints(method_of(name))
    assert next(iter(parameters)) == "self"
    block = parameters.pop("block", None)
    assert (block is not None) == is_view(entry)
    assert block is None or (block.kind, block.default) == (inspect.Parameter.KEYWORD_ONLY, None)
    own = list(parameters)[1:]
    assert len(own) == len(entry["inputs"])
    for argument, expected in zip(own, entry["inputs"], strict=True):
        # snekmate's public mappings name no argument.
        assert expected["name"].startswith("arg") or argument == snake(expected["name"])
        assert required(hints[argument]) in ARGUMENTS[expected["type"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_returns_what_its_function_returns(name: str) -> None:
    outputs = tuple(one["type"] for one in longest(name)["outputs"])
    assert get_type_hints(method_of(name))["return"] in RESULTS[outputs]


def test_no_method_is_without_a_function() -> None:
    public = {name for name, _ in inspect.getmembers(SessionPayment, inspect.isfunction) if name[0] != "_"}
    assert public - OWN_FUNCTIONS_OF_THE_BINDING == {snake(name) for name in NAMES}


# What each argument is in the calls below, by its type in the ABI; two of a type are told apart by place.
ROLE = "0x" + "5a" * 32


def sample(name: str, kind: str, place: int) -> Any:  # noqa: ANN401 - the ABI decides
    """Return a value for one argument."""
    node = Address(f"0x{0xA0 + place:040x}")
    row: Charge | Allocation = Charge(sessionpay.SessionId(3), BaseUnits(4))
    if name == "allocations":
        row = Allocation(node, BaseUnits(4))
    return {
        "uint256": 1_000 + place,
        "uint8": 27,
        "address": node,
        "bytes32": ROLE if name in {"role", "arg0"} else bytes([place]) * 32,
        "bytes4": b"\x01\x02\x03\x04",
        "uint256[]": [row],
        "address[]": [node, Address("0x" + "0b" * 20)],
    }[kind]


def sent(value: object) -> object:
    """Return a sample as the chain sees it."""
    match value:
        case [Charge() | Allocation(), *_]:
            return tuple(
                (int(key, 16) if isinstance(key, str) else key) << 96 | amount
                for key, amount in cast("list[Charge]", value)
            )
        case list():
            return tuple(value)
        case str() if len(value) == len(ROLE):
            return bytes.fromhex(value[2:])
        case _:
            return value


class Recorder(JSONBaseProvider):
    """A node on which every view answers zeros; it remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[bytes, str]] = []
        self.answer = b""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        assert method == "eth_call"
        self.calls.append((bytes.fromhex(params[0]["data"][2:]), params[1]))
        return cast("RPCResponse", {"jsonrpc": "2.0", "id": 1, "result": "0x" + self.answer.hex()})


class Outbox:
    """A sender that sends nothing and remembers what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, int]] = []
        self.address = Address("0x" + "0e" * 20)

    def send(self, _to: Address, data: bytes, value: int, **_: object) -> Mined:
        self.sent.append((data, value))
        return Mined("0x", 1, 2, 3, (), None)


def assert_call(data: bytes, entry: dict[str, Any], arguments: Sequence[object]) -> None:
    assert data[:4] == keccak(text=signature(entry))[:4]
    assert decode([one["type"] for one in entry["inputs"]], data[4:]) == tuple(map(sent, arguments))


@pytest.mark.parametrize("entry", CALLED, ids=signature)
def test_a_method_makes_the_call_it_is_named_after(entry: dict[str, Any]) -> None:
    node, outbox = Recorder(), Outbox()
    contract = SessionPayment(Web3(node), Address("0x" + "0c" * 20), sender=cast("Sender", outbox))
    contract._is_native = True
    arguments = [sample(one["name"], one["type"], place) for place, one in enumerate(entry["inputs"])]
    if is_view(entry):
        kinds = [_flat(one) for one in entry["outputs"]]
        node.answer = encode(kinds, [_zero(kind) for kind in kinds])
        method_of(entry["name"])(contract, *arguments, block=0x1234)
        ((data, block),) = node.calls
        assert block == "0x1234"
    else:
        method_of(entry["name"])(contract, *arguments)
        ((data, value),) = outbox.sent
        assert value == (arguments[1] if entry["stateMutability"] == "payable" else 0)
    assert_call(data, entry, arguments)


def _flat(output: dict[str, Any]) -> str:
    if output["type"] != "tuple":
        return str(output["type"])
    return f"({','.join(one['type'] for one in output['components'])})"


def _zero(kind: str) -> Any:  # noqa: ANN401 - the ABI decides
    if kind.startswith("("):
        return tuple(_zero(one) for one in kind[1:-1].split(","))
    if kind.endswith("]"):
        return []
    return {"address": "0x" + "00" * 20, "bool": False, "bytes32": bytes(32)}.get(kind, 0)


def test_an_account_has_the_fields_of_the_struct() -> None:
    (struct,) = longest("getAccount")["outputs"]
    hints = get_type_hints(Account)
    assert [one.name for one in fields(Account)] == [snake(one["name"]) for one in struct["components"]]
    for one in struct["components"]:
        assert hints[snake(one["name"])] in FIELDS[one["type"]]


def test_every_event_has_a_class() -> None:
    assert {event.__name__ for event in EVENTS} == set(LOGGED)


@pytest.mark.parametrize("name", sorted(LOGGED))
def test_an_event_has_the_fields_of_its_class(name: str) -> None:
    event = getattr(events, name)
    hints = get_type_hints(event)
    inputs = LOGGED[name]["inputs"]
    assert [one.name for one in fields(event)] == [snake(one["name"]) for one in inputs]
    for one in inputs:
        assert hints[snake(one["name"])] in FIELDS[one["type"]]


def reasons() -> set[str]:
    """Return every reason in the sources; each is a text behind a comma or behind `raise`."""
    found: set[str] = set()
    for path in SOURCES.glob("*.vy"):
        # A check that spans lines has its reason behind the closing bracket.
        found |= set(re.findall(r'(?:,|raise)\s+"([^"]+)"$', path.read_text(), re.MULTILINE))
    return found


def test_every_reason_has_an_exception() -> None:
    # snekmate checks roles in its own sources, with its own texts.
    snekmates = {reason for reason in REFUSALS if reason.startswith("access_control:")}
    assert reasons() | snekmates == set(REFUSALS)
    assert len(snekmates) == 2


def test_reasons_fit_one_word_each() -> None:
    for reason, refusal in REFUSALS.items():
        assert refusal.reason == reason
        assert re.fullmatch(r"[a-z_]+: [a-zA-Z ]+", reason)
        assert reason.startswith("access_control:") or len(reason.encode()) <= REASON_BYTES_MAX
    assert len({refusal.__name__ for refusal in REFUSALS.values()}) == len(REFUSALS)
