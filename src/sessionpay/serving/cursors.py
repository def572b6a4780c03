"""Where a list goes on: the key of the last row that was shown, as a text that means nothing to others."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence

from sessionpay.core.errors import InputError
from sessionpay.core.ids import SESSION_ID_LIMIT
from sessionpay.core.usage import NAME_LENGTH_MAX, unwritable

# The longest key is the name of a model, of which JSON may write each character as twelve.
CURSOR_LENGTH_MAX = 2_500
# Databases keep places on the chain as signed numbers of 64 bits.
PLACE_LIMIT = 2**63
# No calendar has a day as far from 1970.
DAY_LIMIT = 2**31

Part = Callable[[object], bool]


class BadCursor(InputError):
    """A text that no list gave out, or another list than the one that is asked."""

    def __init__(self) -> None:
        """Say what to do; the text itself means nothing to people."""
        super().__init__(
            "this cursor is not one of this list: begin without one, and take each from the page before"
        )


def is_place(value: object) -> bool:
    """Tell whether a part of a key can be a number of a block, a log, a row or an epoch."""
    return type(value) is int and 0 <= value < PLACE_LIMIT


def is_session(value: object) -> bool:
    """Tell whether a part of a key can be the number of a session."""
    return type(value) is int and 0 <= value < SESSION_ID_LIMIT


def is_day(value: object) -> bool:
    """Tell whether a part of a key can be a day, counted from 1970-01-01."""
    return type(value) is int and -DAY_LIMIT < value < DAY_LIMIT


def is_model(value: object) -> bool:
    """Tell whether a part of a key can be the name of a model."""
    return isinstance(value, str) and 1 <= len(value) <= NAME_LENGTH_MAX and not unwritable(value)


def encode(listed: str, key: Sequence[int | str]) -> str:
    """Return the cursor behind `key` in the list of name `listed`."""
    text = json.dumps([listed, *key], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, listed: str, *parts: Part) -> list[int | str]:
    """Return the key that `encode` was given, if its parts are as `parts` say; raises `BadCursor`."""
    if len(cursor) > CURSOR_LENGTH_MAX or not cursor.isascii():
        raise BadCursor
    try:
        found = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise BadCursor from None
    if not isinstance(found, list) or len(found) != 1 + len(parts) or found[0] != listed:
        raise BadCursor
    key: list[int | str] = found[1:]
    if not all(fits(value) for fits, value in zip(parts, key, strict=True)):
        raise BadCursor
    if encode(listed, key) != cursor:
        # One place has one cursor, so that whoever keeps them can compare them.
        raise BadCursor
    return key
