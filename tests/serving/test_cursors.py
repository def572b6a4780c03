"""Cursors: given any text from anywhere, a list should go on where it said, or refuse the text."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.ids import SESSION_ID_LIMIT
from sessionpay.serving import BadCursor
from sessionpay.serving.cursors import PLACE_LIMIT, decode, encode, is_place, is_session

PLACES = st.integers(0, PLACE_LIMIT - 1)


@given(spot=st.tuples(PLACES, PLACES, PLACES), session=st.integers(0, SESSION_ID_LIMIT - 1))
def test_a_list_goes_on_where_it_said(spot: tuple[int, int, int], session: int) -> None:
    assert decode(encode("movements", spot), "movements", *[is_place] * 3) == list(spot)
    assert decode(encode("sessions", [session]), "sessions", is_session) == [session]


@given(text=st.text(max_size=400) | st.text("abcdefXYZ019-_=", max_size=400))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        decode(text, "events", is_place, is_place)


def as_cursor(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        encode("sessions", [1]),
        encode("events", [1]),
        encode("events", [1, 2, 3]),
        encode("events", [1, PLACE_LIMIT]),
        encode("events", [-1, 2]),
        encode("events", ["1", 2]),
        as_cursor('["events",1,2.0]'),
        as_cursor('["events",1,true]'),
        as_cursor('["events", 1,2]'),
        as_cursor('["events",1,NaN]'),
        as_cursor('{"events":1}'),
        as_cursor("[" * 200),
        as_cursor('["events",' + "9" * 250),
        encode("events", [1, 2]) + "==",
        "",
        "A" * 10_000,
    ],
)
def test_a_cursor_that_was_changed_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode(cursor, "events", is_place, is_place)
