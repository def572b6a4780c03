"""wire: events as canonical JSON.

Given any event of a random history
  when it is written and read back
    it should be the same event, and its numbers should be texts
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.events import EVENTS
from sessionpay.core.wire import from_json, to_json
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
            assert not any(isinstance(value, int) for value in json.loads(written).values())


def test_random_histories_have_every_event() -> None:
    chain = Chain(1)
    chain.grow(600)
    assert {type(event) for block in chain.blocks for event in block.events} == set(EVENTS)
