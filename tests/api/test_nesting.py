"""Nesting of JSON: for any JSON it should be what a reader finds, whatever its texts hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.api.nesting import is_nested_deeper

texts = st.text(alphabet='[]{}"\\,:ab\n', max_size=6)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(values)
def test_it_is_what_a_reader_finds(value: object) -> None:
    text = json.dumps(value).encode()
    found = depth(value)
    assert not is_nested_deeper(text, found)
    if found:
        assert is_nested_deeper(text, found - 1)


@pytest.mark.parametrize("text", [b"[" * 10, b"{" * 10, b'[{"":' * 5, b"[{" * 50_000, b'{"}":' * 50_000])
def test_brackets_that_are_never_closed_are_deep(text: bytes) -> None:
    assert is_nested_deeper(text, 4)
