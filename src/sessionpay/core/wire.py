"""Events as canonical JSON, and back: the form in which they are stored.

An object of the event's fields in their order; numbers are texts of decimal digits, because amounts and
ids are larger than what other readers of JSON keep exactly. A row of a batch is a list of two texts.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from sessionpay.core import events as ev
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits

_NUMBERS = frozenset({"session_id", "amount", "total", "sequence", "available_at", "until"})
_BY_NAME: dict[str, type[ev.Event]] = {event.__name__: event for event in ev.EVENTS}
_NAMES = {event: tuple(field.name for field in fields(event)) for event in ev.EVENTS}


def _charges(rows: list[list[str]]) -> tuple[ev.Charge, ...]:
    return tuple(ev.Charge(SessionId(int(key)), BaseUnits(int(amount))) for key, amount in rows)


def _allocations(rows: list[list[str]]) -> tuple[ev.Allocation, ...]:
    return tuple(ev.Allocation(Address(key), BaseUnits(int(amount))) for key, amount in rows)


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_NUMBERS, int),
    "charges": _charges,
    "allocations": _allocations,
    "nodes": tuple,
}


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - the field decides
    """Return one field as JSON; every text in an event is hexadecimal and needs no escapes."""
    if name in {"charges", "allocations"}:
        return "[" + ",".join(f'["{key}","{amount}"]' for key, amount in value) + "]"
    if name == "nodes":
        return "[" + ",".join(f'"{node}"' for node in value) + "]"
    return f'"{value}"'


_PLAIN = {
    event: "{{" + ",".join(f'"{name}":"{{0.{name}}}"' for name in names) + "}}"
    for event, names in _NAMES.items()
    if not {"charges", "allocations", "nodes"} & set(names)
}
_CODECS = {
    name: (event, tuple((field, _READERS.get(field, str)) for field in _NAMES[event]))
    for name, event in _BY_NAME.items()
}


def to_json(event: ev.Event) -> str:
    """Return the fields of `event` as one line of JSON."""
    plain = _PLAIN.get(type(event))
    if plain is not None:
        return plain.format(event)
    return "{" + ",".join(f'"{n}":{_text(n, getattr(event, n))}' for n in _NAMES[type(event)]) + "}"


def outline(text: str) -> tuple[tuple[tuple[str, str], ...], int | None]:
    """Return the fields of a stored event as texts, and how many rows it has, None if it is no batch.

    The rows of a batch are counted and not read, of which there are hundreds. Raises ValueError.
    """
    start = text.find("[")
    if start < 0:
        return tuple((str(name), str(value)) for name, value in json.loads(text).items()), None
    head = json.loads(text[: max(1, text.rfind(",", 0, start))] + "}")
    # A row is a pair in brackets, or a text of hexadecimal digits: one sign is counted sooner than two.
    rows = text.count("[", start + 1) or text.count('"', start) // 2
    return tuple((str(name), str(value)) for name, value in head.items()), rows


def is_event_name(name: str) -> bool:
    """Tell whether an event of the contract has this name."""
    return name in _CODECS


def from_json(name: str, text: str) -> ev.Event:
    """Return the event of class `name` with these fields; raises KeyError or ValueError for others."""
    event, readers = _CODECS[name]
    found = json.loads(text)
    return event(*[read(found[field]) for field, read in readers])
