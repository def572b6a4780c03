"""wire: events as canonical JSON.

Given any event of a random history
  when it is written and read back
    it should be the same event, and its numbers should be texts
  when only its outline is read
    it should have the same fields, and as many rows
"""

from __future__ import annotations

import json
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.events import EVENTS, Event, NodeTimestampsUpdated, SessionsCharged
from sessionpay.core.ids import Address
from sessionpay.core.money import BaseUnits
from sessionpay.core.wire import from_json, outline, to_json
from tests.indexer.history import Chain


@given(st.integers(0, 2**32))
def test_every_event_comes_back(seed: int) -> None:
    chain = Chain(seed)
    chain.grow(20)
    for block in chain.blocks:
        for event in block.events:
            written = to_json(event)
            assert from_json(type(event).__name__, written) == event
            assert json.dumps(json.loads(written), separators=(",", ":")) == written
            assert outline(written) == outlined(event)
            assert not any(isinstance(value, int) for value in json.loads(written).values())


def outlined(event: Event) -> object:
    """Return the same of the event itself."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    rows = [len(value) for value in values.values() if isinstance(value, tuple)]
    plain = [(name, str(value)) for name, value in values.items() if not isinstance(value, tuple)]
    return tuple(plain), rows[0] if rows else None


def test_an_empty_batch_has_no_rows() -> None:
    for event in (
        SessionsCharged(1, BaseUnits(0), ()),
        NodeTimestampsUpdated(()),
        NodeTimestampsUpdated((Address("0x" + "0a" * 20),)),
    ):
        assert outline(to_json(event)) == outlined(event)


def test_random_histories_have_every_event() -> None:
    chain = Chain(1)
    chain.grow(600)
    assert {type(event) for block in chain.blocks for event in block.events} == set(EVENTS)
