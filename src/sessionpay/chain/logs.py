"""From logs to events, by cutting words out of hexadecimal text.

Every event of the contract has words of fixed places and at most one array at the end, so no general
decoder is needed, and none would be fast enough to read a chain from its beginning.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from sessionpay.chain import rows
from sessionpay.chain.errors import MalformedLog
from sessionpay.core import events as ev
from sessionpay.core.ids import Address, SessionId, parse_address
from sessionpay.core.money import BaseUnits

WORD_DIGITS = 64
ADDRESS_DIGITS = 40
ADDRESS_PADDING = "0" * (WORD_DIGITS - ADDRESS_DIGITS)

Field = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one event keeps its fields: `topics` and `words` in their order, then perhaps an array.

    `array` turns the words of the array at the end into the event's last field.
    """

    event: type[ev.Event]
    signature: str
    topics: tuple[Field, ...] = ()
    words: tuple[Field, ...] = ()
    array: Callable[[list[str]], Any] | None = None

    @property
    def name(self) -> str:
        """The event's name in the contract."""
        return self.signature.partition("(")[0]


def _number(word: str) -> int:
    return int(word, 16)


def _amount(word: str) -> BaseUnits:
    return BaseUnits(int(word, 16))


def _session(word: str) -> SessionId:
    return SessionId(int(word, 16))


def _role(word: str) -> str:
    return "0x" + word


def _address(word: str) -> Address:
    if not word.startswith(ADDRESS_PADDING):
        raise ValueError("an address has 20 bytes")
    return Address("0x" + word[-ADDRESS_DIGITS:])


def _charges(words: list[str]) -> tuple[ev.Charge, ...]:
    return rows.charges(int(word, 16) for word in words)


def _allocations(words: list[str]) -> tuple[ev.Allocation, ...]:
    return rows.allocations(int(word, 16) for word in words)


def _addresses(words: list[str]) -> tuple[Address, ...]:
    return tuple(_address(word) for word in words)


LAYOUTS = (
    Layout(ev.SessionRegistered, "SessionRegistered(uint256,address)", (_session, _address)),
    Layout(ev.DepositToSession, "DepositToSession(uint256,uint256)", (_session,), (_amount,)),
    Layout(ev.WithdrawFromSession, "WithdrawFromSession(uint256,uint256)", (_session,), (_amount,)),
    Layout(
        ev.SessionWithdrawalRequested, "SessionWithdrawalRequested(uint256,uint256)", (_session,), (_number,)
    ),
    Layout(ev.SessionWithdrawalCancelled, "SessionWithdrawalCancelled(uint256)", (_session,)),
    Layout(
        ev.SessionTransferred, "SessionTransferred(uint256,address,address)", (_session, _address, _address)
    ),
    Layout(ev.PaymentToNetwork, "PaymentToNetwork(uint256,uint256)", (_session,), (_amount,)),
    Layout(
        ev.SessionsCharged, "SessionsCharged(uint256,uint256,uint256[])", (_number,), (_amount,), _charges
    ),
    Layout(ev.NodePaymentAllocated, "NodePaymentAllocated(address,uint256)", (_address,), (_amount,)),
    Layout(
        ev.NodesAllocated, "NodesAllocated(uint256,uint256,uint256[])", (_number,), (_amount,), _allocations
    ),
    Layout(ev.NodePaymentWithdrawn, "NodePaymentWithdrawn(address,uint256)", (_address,), (_amount,)),
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
    topics = [_digits(topic) for topic in log["topics"]]
    layout = BY_TOPIC.get(topics[0]) if topics else None
    if layout is None:
        return None
    return _event(layout, topics[1:], _digits(log["data"]))


def decode_all(logs: Iterable[Mapping[str, Any]], address: Address) -> tuple[ev.Event, ...]:
    """Return the events that the contract at `address` logged, in their order, without strangers' logs."""
    decoded = (decode(log) for log in logs if parse_address(log["address"]) == address)
    return tuple(event for event in decoded if event is not None)


def _event(layout: Layout, topics: list[str], data: str) -> ev.Event:
    words = [data[place : place + WORD_DIGITS] for place in range(0, len(data), WORD_DIGITS)]
    fixed = len(layout.words)
    if len(topics) != len(layout.topics):
        raise MalformedLog(layout.name, rule=f"it has {len(topics)} indexed words, not {len(layout.topics)}")
    if len(data) % WORD_DIGITS or len(words) < fixed or (layout.array is None and len(words) > fixed):
        raise MalformedLog(layout.name, rule=f"its data has a wrong length of {len(data) // 2} bytes")
    try:
        fields = [field(word) for field, word in zip(layout.topics, topics, strict=True)]
        fields += [field(word) for field, word in zip(layout.words, words, strict=False)]
        if layout.array is not None:
            fields.append(layout.array(_array(layout, words)))
    except ValueError as fault:
        raise MalformedLog(layout.name, rule=str(fault)) from None
    return layout.event(*fields)


def _array(layout: Layout, words: list[str]) -> list[str]:
    """Return the words of the array: behind the fixed ones stand its place, there its length."""
    fixed = len(layout.words)
    # The array follows its own place at once, because it is the last argument.
    place_expected = (fixed + 1) * WORD_DIGITS // 2
    if len(words) < fixed + 2 or int(words[fixed], 16) != place_expected:
        raise ValueError("its array does not stand where it should")
    elements = words[fixed + 2 :]
    if int(words[fixed + 1], 16) != len(elements):
        raise ValueError(f"its array says {int(words[fixed + 1], 16)} rows and has {len(elements)}")
    return elements


def _digits(value: str | bytes) -> str:
    """Return hexadecimal digits without 0x, from text or from bytes."""
    return value[2:].lower() if isinstance(value, str) else bytes(value).hex()
