"""consumption: what sessions used, by model and day.

Given rows of two sessions, two models and two days in two segments
  it should say what each used on which day, tokens of committed rows alone
  the same rows added up one by one should come to the same
Given no segment
  it should say nothing
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sessionpay.core.ids import SessionId
from sessionpay.core.usage import Outcome
from sessionpay.metering.consumption import added, consumed, consumption
from sessionpay.store.consumption import Amount, Use
from tests.core.rows import MOMENT, SESSION, row
from tests.metering.sealing import seal

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = 256 * 2**20
DAY = int(MOMENT.timestamp()) // 86_400
OTHER = SessionId(2**160 - 1)


def test_it_is_by_session_model_and_day(tmp_path: Path) -> None:
    later = MOMENT + timedelta(days=1) - timedelta(microseconds=1)
    first = [
        row(prompt_tokens=5, completion_tokens=2, submitted_at=later),
        row(prompt_tokens=7, completion_tokens=0, submitted_at=MOMENT + timedelta(days=1)),
        row(prompt_tokens=100, completion_tokens=0, session_id=OTHER),
    ]
    second = [
        row(prompt_tokens=11, completion_tokens=3),
        row(prompt_tokens=13, outcome=Outcome.FAILED),
        row(prompt_tokens=17, completion_tokens=0, model="<script>"),
    ]
    expected = {
        Use(SESSION, DAY + 1, "large"): Amount(1, 1, 7, 0),
        Use(SESSION, DAY, "<script>"): Amount(1, 1, 17, 0),
        Use(SESSION, DAY, "large"): Amount(3, 2, 16, 5),
        Use(OTHER, DAY, "large"): Amount(1, 1, 100, 0),
    }
    paths = [seal(first, tmp_path), seal(second, tmp_path)]
    assert consumption(paths, memory_limit=MEMORY, threads=1) == expected
    assert consumed([*first, *second]) == expected
    assert added(consumed(first), consumed(second)) == expected


def test_nothing_was_used_in_no_segment() -> None:
    assert consumption([], memory_limit=MEMORY, threads=1) == {}
