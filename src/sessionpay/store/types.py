"""Numbers larger than 63 bits, exact and in order in both databases."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

# 2**256 has 78 decimal digits.
DIGITS_MAX = 78
_LENGTH_DIGITS = 2
# The name under which SQLite, which cannot add such texts, finds `add_texts`.
ADD_WHOLE = "add_whole"


def to_digits(value: int) -> str:
    """Return the decimal digits of `value`, at least 0 and at most 78 digits; raises `ValueError`."""
    digits = str(value)
    if value < 0 or len(digits) > DIGITS_MAX:
        raise ValueError(f"not a number from 0 to 78 digits: {value}")
    return digits


def to_text(value: int) -> str:
    """Return a text that sorts as the number does: how many digits, then the digits.

    `value` is at least 0 and has at most 78 digits. Raises `ValueError`.
    """
    digits = to_digits(value)
    return f"{len(digits):02}{digits}"


def from_text(text: str) -> int:
    """Return the number that `to_text` wrote; raises `ValueError` for any other text."""
    # Without the look at its length, a text that was changed by hand would sort apart from its number.
    if text.isascii() and text.isdigit() and int(text[:_LENGTH_DIGITS]) == len(text) - _LENGTH_DIGITS > 0:
        return int(text[_LENGTH_DIGITS:])
    raise ValueError(f"not a number as it is stored: {text!r}")


def add_texts(left: str, right: str) -> str:
    """Return the sum of two numbers that `to_text` wrote, as it writes it."""
    return to_text(from_text(left) + from_text(right))


class WholeNumber(TypeDecorator[int]):
    """A whole number from 0 to 2**256 - 1: NUMERIC(78, 0) in PostgreSQL, `to_text` in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type in this database."""
        chosen: TypeEngine[Any] = Numeric(DIGITS_MAX, 0) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(chosen)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:  # noqa: ANN401 - as the base class
        """Turn a number into what the database keeps; refuses one below zero in both."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            to_digits(value)
            return value
        return to_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ANN401 - as above
        """Turn what the database keeps into a number."""
        return _reader(dialect)(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401, ARG002 - as the base class
        """Return what does the same, without a step between; a page has hundreds of numbers."""
        return _reader(dialect)


def _reader(dialect: Dialect) -> Callable[[Any], int | None]:
    return _counted if dialect.name == "postgresql" else _read


def _counted(value: Any) -> int | None:  # noqa: ANN401 - the driver's own type
    return None if value is None else int(value)


def _read(value: Any) -> int | None:  # noqa: ANN401 - as above
    return None if value is None else from_text(value)
