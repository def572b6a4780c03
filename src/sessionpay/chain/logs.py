"""From logs to events, by cutting words out of bytes.

Every event of the contract has words of fixed places and at most one array at the end, so no general
decoder is needed, and none would be fast enough to read a chain from its beginning.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from struct import iter_unpack
from typing import Any

from eth_utils.crypto import keccak

from sessionpay.chain.errors import MalformedLog
from sessionpay.core import events as ev
from sessionpay.core.ids import Address, parse_address

WORD = 32
ADDRESS_PADDING = bytes(12)
# A row of a batch is a session or a node, and an amount.
ROW = ">20s12s"

Field = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one event keeps its fields: `topics` and `words` in their order, then perhaps an array.

    `array` turns the words of the array at the end into the event's last field.
    """

    event: type[ev.Event]
    signature: str
    topics: tuple[Field, ...] = ()
    words: tuple[Field, ...] = ()
    array: Field | None = None

    @property
    def name(self) -> str:
        """The event's name in the contract."""
        return self.signature.partition("(")[0]


# Ids and amounts are numbers like any other here; a function around this one would cost as much again.
_number: Field = int.from_bytes


def _role(word: bytes) -> str:
    return "0x" + word.hex()


def _address(word: bytes) -> Address:
    if not word.startswith(ADDRESS_PADDING):
        raise ValueError("an address has 20 bytes")
    return Address("0x" + word[len(ADDRESS_PADDING) :].hex())


def _charges(words: bytes) -> tuple[ev.Charge, ...]:
    rows = iter_unpack(ROW, words)
    return tuple([ev.Charge(_number(session_id), _number(amount)) for session_id, amount in rows])


def _allocations(words: bytes) -> tuple[ev.Allocation, ...]:
    rows = iter_unpack(ROW, words)
    return tuple([ev.Allocation(Address("0x" + node.hex()), _number(amount)) for node, amount in rows])


def _addresses(words: bytes) -> tuple[Address, ...]:
    return tuple(_address(word) for (word,) in iter_unpack(f"{WORD}s", words))


LAYOUTS = (
    Layout(ev.SessionRegistered, "SessionRegistered(uint256,address)", (_number, _address)),
    Layout(ev.DepositToSession, "DepositToSession(uint256,uint256)", (_number,), (_number,)),
    Layout(ev.WithdrawFromSession, "WithdrawFromSession(uint256,uint256)", (_number,), (_number,)),
    Layout(
        ev.SessionWithdrawalRequested, "SessionWithdrawalRequested(uint256,uint256)", (_number,), (_number,)
    ),
    Layout(ev.SessionWithdrawalCancelled, "SessionWithdrawalCancelled(uint256)", (_number,)),
    Layout(
        ev.SessionTransferred, "SessionTransferred(uint256,address,address)", (_number, _address, _address)
    ),
    Layout(ev.PaymentToNetwork, "PaymentToNetwork(uint256,uint256)", (_number,), (_number,)),
    Layout(
        ev.SessionsCharged, "SessionsCharged(uint256,uint256,uint256[])", (_number,), (_number,), _charges
    ),
    Layout(ev.NodePaymentAllocated, "NodePaymentAllocated(address,uint256)", (_address,), (_number,)),
    Layout(
        ev.NodesAllocated, "NodesAllocated(uint256,uint256,uint256[])", (_number,), (_number,), _allocations
    ),
    Layout(ev.NodePaymentWithdrawn, "NodePaymentWithdrawn(address,uint256)", (_address,), (_number,)),
    Layout(ev.NodePayeeSet, "NodePayeeSet(address,address)", (_address, _address)),
    Layout(ev.NodeTimestampUpdated, "NodeTimestampUpdated(address)", (_address,)),
    Layout(ev.NodeTimestampsUpdated, "NodeTimestampsUpdated(address[])", array=_addresses),
    Layout(ev.NodeTimestampDeleted, "NodeTimestampDeleted(address)", (_address,)),
    Layout(ev.TokenRecovered, "TokenRecovered(address,address,uint256)", (_address, _address), (_number,)),
    Layout(ev.Paused, "Paused(uint256)", (), (_number,)),
    Layout(ev.Unpaused, "Unpaused()"),
    Layout(ev.RoleGranted, "RoleGranted(bytes32,address,address)", (_role, _address, _address)),
    Layout(ev.RoleRevoked, "RoleRevoked(bytes32,address,address)", (_role, _address, _address)),
)
BY_TOPIC = {keccak(text=layout.signature).hex(): layout for layout in LAYOUTS}


def topic_of(event: type[ev.Event]) -> str:
    """Return the first topic of an event's logs, 0x hex."""
    return next("0x" + topic for topic, layout in BY_TOPIC.items() if layout.event is event)


def decode(log: Mapping[str, Any]) -> ev.Event | None:
    """Return the event in a log of the contract, or None for one that it does not define.

    `log` is as JSON-RPC or web3.py gives it; its `address` is not looked at. Raises `MalformedLog`.
    """
    topics = log["topics"]
    layout = BY_TOPIC.get(_digits(topics[0])) if topics else None
    if layout is None:
        return None
    try:
        return _event(layout, [_bytes(topic) for topic in topics[1:]], _bytes(log["data"]))
    except ValueError as fault:
        raise MalformedLog(layout.name, rule=str(fault)) from None


def decode_all(logs: Iterable[Mapping[str, Any]], address: Address) -> tuple[ev.Event, ...]:
    """Return the events that the contract at `address` logged, in their order, without strangers' logs."""
    decoded = (decode(log) for log in logs if parse_address(log["address"]) == address)
    return tuple(event for event in decoded if event is not None)


def _event(layout: Layout, topics: list[bytes], data: bytes) -> ev.Event:
    fixed = len(layout.words) * WORD
    if [len(topic) for topic in topics] != [WORD] * len(layout.topics):
        raise ValueError(f"its {len(topics)} indexed words are not {len(layout.topics)} of 32 bytes")
    if len(data) % WORD or len(data) < fixed or (layout.array is None and len(data) > fixed):
        raise ValueError(f"its data has a wrong length of {len(data)} bytes")
    fields = [field(word) for field, word in zip(layout.topics, topics, strict=True)]
    fields += [
        field(data[place : place + WORD])
        for field, place in zip(layout.words, range(0, fixed, WORD), strict=True)
    ]
    if layout.array is not None:
        fields.append(layout.array(_array(data, fixed)))
    return layout.event(*fields)


def _array(data: bytes, fixed: int) -> bytes:
    """Return the words of the array: behind the fixed ones stands its place, there its length."""
    start = fixed + 2 * WORD
    # The array follows its own place at once, because it is the last argument.
    if len(data) < start or _number(data[fixed : fixed + WORD]) != fixed + WORD:
        raise ValueError("its array does not stand where it should")
    said, found = _number(data[fixed + WORD : start]), (len(data) - start) // WORD
    if said != found:
        raise ValueError(f"its array says {said} rows and has {found}")
    return data[start:]


def _digits(value: str | bytes) -> str:
    """Return hexadecimal digits without 0x, from text or from bytes."""
    return value[2:].lower() if isinstance(value, str) else bytes(value).hex()


def _bytes(value: str | bytes) -> bytes:
    """Return bytes, from hexadecimal text with 0x or from bytes; raises `ValueError`."""
    if not isinstance(value, str):
        return bytes(value)
    found = bytes.fromhex(value[2:])
    # Spaces between the digits are passed over.
    if len(value) != 2 + 2 * len(found):
        raise ValueError("it has other characters than hexadecimal digits")
    return found
