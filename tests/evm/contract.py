"""A deployed contract as a Python object: functions by name, events by name, refusals as exceptions.

For example:

books = deploy(backend, artifact, asset, admin, 0, sender=admin)
receipt = books.depositToSession(1, sender=session_owner, value=5)
assert receipt.events == [Event("DepositToSession", {"sessionId": 1, "amount": 5}, ("sessionId",))]
with pytest.raises(Reverted, match="session: not registered"):
    books.depositToSession(2, sender=session_owner, value=5)
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from .backend import TRANSACTION_GAS, ZERO_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .backend import Backend, Log, Outcome
    from .compile import AbiEntry, AbiParameter, Artifact

_ERROR_STRING = keccak(text="Error(string)")[:4]
_PANIC = keccak(text="Panic(uint256)")[:4]
_READS = ("view", "pure")


class Reverted(Exception):
    """The call failed and changed nothing.

    `reason` is the text of `Error(string)`, `Panic(0x..)` for a panic, the hex of any other data, and empty
    without data. `gas_used` is the receipt's, 0 for a call.
    """

    def __init__(self, reason: str, data: bytes, gas_used: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data
        self.gas_used = gas_used


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event; `indexed` names the arguments that are topics, in order."""

    name: str
    args: dict[str, Any]
    indexed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that succeeded: `events` are the called contract's own, `logs` everybody's."""

    gas_used: int
    events: list[Event]
    logs: tuple[Log, ...]
    created: str | None


class Function:
    """One overload of a contract's function, bound to the contract."""

    def __init__(self, contract: Contract, entry: AbiEntry) -> None:
        self._contract = contract
        self._inputs = [_type(one) for one in entry["inputs"]]
        self._outputs = entry["outputs"]
        self._reads = entry["stateMutability"] in _READS
        self.name = entry["name"]
        self.signature = _signature(entry)
        self.selector = keccak(text=self.signature)[:4]
        self.arity = len(self._inputs)

    def __call__(self, *args: object, sender: str | None = None, **options: int) -> Any:  # noqa: ANN401
        """Read (views) or transact; see `call` and `transact`."""
        if self._reads:
            return self.call(*args, sender=sender or ZERO_ADDRESS, **options)
        if sender is None:
            raise TypeError(f"{self.signature} is a transaction and needs a sender")
        return self.transact(*args, sender=sender, **options)

    def calldata(self, *args: object) -> bytes:
        """Encode the selector and the arguments."""
        return self.selector + encode(self._inputs, args)

    def transact(self, *args: object, sender: str, value: int = 0, gas: int = TRANSACTION_GAS) -> Receipt:
        """Send a transaction; raises Reverted."""
        return self._contract.send(self.calldata(*args), sender=sender, value=value, gas=gas)

    def call(
        self, *args: object, sender: str = ZERO_ADDRESS, value: int = 0, gas: int = TRANSACTION_GAS
    ) -> Any:  # noqa: ANN401 - the ABI decides
        """Run without effect and return what the function returns; raises Reverted.

        One result comes bare, several as a tuple, a struct as a named tuple.
        """
        contract = self._contract
        outcome = contract.backend.call(
            sender=sender, to=contract.address, data=self.calldata(*args), value=value, gas=gas
        )
        _raise_if_failed(outcome)
        values = decode([_type(one) for one in self._outputs], outcome.output)
        named = [_named(one, value) for one, value in zip(self._outputs, values, strict=True)]
        return named[0] if len(named) == 1 else tuple(named)


class Overloads:
    """All functions of one name; the number of arguments chooses."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._by_arity = {one.arity: one for one in functions}

    def __call__(self, *args: object, sender: str | None = None, **options: int) -> Any:  # noqa: ANN401
        """See `Function.__call__`."""
        return self._for(args)(*args, sender=sender, **options)

    def calldata(self, *args: object) -> bytes:
        """See `Function.calldata`."""
        return self._for(args).calldata(*args)

    def transact(self, *args: object, sender: str, **options: int) -> Receipt:
        """See `Function.transact`."""
        return self._for(args).transact(*args, sender=sender, **options)

    def call(self, *args: object, sender: str = ZERO_ADDRESS, **options: int) -> Any:  # noqa: ANN401
        """See `Function.call`."""
        return self._for(args).call(*args, sender=sender, **options)

    def _for(self, args: tuple[object, ...]) -> Function:
        try:
            return self._by_arity[len(args)]
        except KeyError:
            known = [one.signature for one in self._by_arity.values()]
            raise TypeError(f"{len(args)} arguments fit none of {known}") from None


class Contract:
    """A contract at an address. Its functions are attributes, `fn` finds one overload by its signature."""

    def __init__(self, backend: Backend, address: str, abi: Sequence[AbiEntry]) -> None:
        self.backend = backend
        self.address = address
        self.abi = abi
        self.functions = {
            function.signature: function
            for function in (Function(self, entry) for entry in abi if entry["type"] == "function")
        }
        self._overloads: dict[str, Overloads] = {}
        self._events = {_topic(entry): entry for entry in abi if entry["type"] == "event"}

    def __getattr__(self, name: str) -> Overloads:
        """Find the function of that name, whatever its arguments."""
        named = [one for one in self.__dict__.get("functions", {}).values() if one.name == name]
        if not named:
            raise AttributeError(f"the contract has no function {name}")
        return self._overloads.setdefault(name, Overloads(named))

    def fn(self, signature: str) -> Function:
        """Find a function by its full signature, as `depositToSession(uint256)`; KeyError if unknown."""
        return self.functions[signature]

    def calldata(self, name: str, *args: object) -> bytes:
        """Encode a call by function name or full signature."""
        function: Function | Overloads = self.fn(name) if "(" in name else getattr(self, name)
        return function.calldata(*args)

    def send(self, data: bytes = b"", *, sender: str, value: int = 0, gas: int = TRANSACTION_GAS) -> Receipt:
        """Send raw calldata, which may be malformed or empty; raises Reverted."""
        outcome = self.backend.execute(sender=sender, to=self.address, data=data, value=value, gas=gas)
        _raise_if_failed(outcome)
        return Receipt(outcome.gas_used, self.decode(outcome.logs), outcome.logs, outcome.created)

    def decode(self, logs: Sequence[Log]) -> list[Event]:
        """Decode what this contract emitted; KeyError for an event of its own that its ABI does not know."""
        return [_event(self._events[log.topics[0]], log) for log in logs if log.address == self.address]


def deploy(backend: Backend, artifact: Artifact, *args: object, sender: str, value: int = 0) -> Contract:
    """Create a contract from its artifact; raises Reverted."""
    inputs = next((one["inputs"] for one in artifact["abi"] if one["type"] == "constructor"), [])
    data = bytes.fromhex(artifact["bytecode"].removeprefix("0x")) + encode(
        [_type(one) for one in inputs], args
    )
    outcome = backend.execute(sender=sender, to=None, data=data, value=value)
    _raise_if_failed(outcome)
    if outcome.created is None:
        raise AssertionError("a creation that succeeded has an address")
    return Contract(backend, outcome.created, artifact["abi"])


def revert_reason(data: bytes) -> str:
    """Read revert data; see `Reverted.reason`. Data that only pretends to be a text comes back as hex."""
    try:
        if data[:4] == _ERROR_STRING:
            return str(decode(["string"], data[4:])[0])
        if data[:4] == _PANIC:
            return f"Panic({decode(['uint256'], data[4:])[0]:#x})"
    except (DecodingError, UnicodeDecodeError):
        pass
    return f"0x{data.hex()}" if data else ""


def _raise_if_failed(outcome: Outcome) -> None:
    if not outcome.success:
        raise Reverted(revert_reason(outcome.output), outcome.output, outcome.gas_used)


def _type(parameter: AbiParameter) -> str:
    if not parameter["type"].startswith("tuple"):
        return parameter["type"]
    fields = ",".join(_type(one) for one in parameter["components"])
    return f"({fields}){parameter['type'].removeprefix('tuple')}"


def _signature(entry: AbiEntry) -> str:
    return f"{entry['name']}({','.join(_type(one) for one in entry['inputs'])})"


def _topic(entry: AbiEntry) -> bytes:
    return keccak(text=_signature(entry))


def _event(entry: AbiEntry, log: Log) -> Event:
    indexed = [one for one in entry["inputs"] if one["indexed"]]
    others = [one for one in entry["inputs"] if not one["indexed"]]
    args = {
        one["name"]: decode([_type(one)], topic)[0]
        for one, topic in zip(indexed, log.topics[1:], strict=True)
    }
    values = decode([_type(one) for one in others], log.data)
    args |= {one["name"]: value for one, value in zip(others, values, strict=True)}
    in_order = {one["name"]: args[one["name"]] for one in entry["inputs"]}
    return Event(entry["name"], in_order, tuple(one["name"] for one in indexed))


def _named(parameter: AbiParameter, value: Any) -> Any:  # noqa: ANN401 - the ABI decides
    """Give the fields of a struct their names; everything else passes through."""
    if parameter["type"] != "tuple":
        return value
    return _record(tuple(one["name"] for one in parameter["components"]))(*value)


@cache
def _record(fields: tuple[str, ...]) -> Any:  # noqa: ANN401 - made at run time
    return namedtuple("Struct", fields)  # noqa: PYI024
