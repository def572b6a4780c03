"""From JSON to values, by the types of their fields."""

import types
from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Answer = TypeVar("Answer")


def decode(form: type[Answer], found: Any) -> Answer:  # noqa: ANN401 - JSON has no narrower type
    """Return the value that JSON says; raises `ValueError`, `TypeError` or `LookupError` for another form.

    A field that `form` does not have is left aside, because later versions of the API may tell more.
    """
    return form(**{name: _value(hint, found[name]) for name, hint in _hints(cast("Hashable", form)).items()})


def each(form: type[Answer], found: list[Any]) -> tuple[Answer, ...]:
    """Return the values of a list; raises as `decode`."""
    return tuple(decode(form, one) for one in found)


@cache
def _hints(form: Hashable) -> dict[str, Any]:
    hints = get_type_hints(form)
    return {field.name: hints[field.name] for field in fields(form)}  # type: ignore[arg-type]


def _value(hint: Any, found: Any) -> Any:  # noqa: ANN401 - any field of any answer
    if get_origin(hint) in {Union, types.UnionType}:
        [hint] = [one for one in get_args(hint) if one is not type(None)]
        if found is None:
            return None
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint)[0], found)
    if isinstance(hint, type) and is_dataclass(hint):
        return decode(hint, found)
    return _plain(getattr(hint, "__supertype__", hint), found)


def _tuple(item: Any, found: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as above
    if get_origin(item) is tuple:
        # An object of texts, whose names are not known before.
        return tuple((str(name), str(value)) for name, value in found.items())
    return tuple(_value(item, one) for one in found)


def _plain(kind: type, found: Any) -> Any:  # noqa: ANN401 - as above
    is_text = isinstance(found, str)
    if kind is datetime and is_text:
        return datetime.fromisoformat(found)
    if issubclass(kind, Enum) or (kind is int and is_text):
        return kind(found)
    if type(found) is not kind:
        raise TypeError(f"{found!r} is not of type {kind.__name__}")
    return found
