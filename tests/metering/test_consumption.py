"""consumption: what a session used, by model and day.

Given rows of two sessions, two models and two days in two segments
  it should say what one session used, the newest day first, tokens of committed rows alone
Given no segment
  it should say nothing
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sessionpay.core.ids import SessionId
from sessionpay.core.usage import Outcome
from sessionpay.metering.consumption import Consumption, consumption
from tests.core.rows import MOMENT, SESSION, row
from tests.metering.sealing import seal

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = 256 * 2**20
DAY = int(MOMENT.timestamp())


def test_it_is_by_model_and_day(tmp_path: Path) -> None:
    later = MOMENT + timedelta(days=1) - timedelta(microseconds=1)
    first = [
        row(prompt_tokens=5, completion_tokens=2, submitted_at=later),
        row(prompt_tokens=7, submitted_at=MOMENT + timedelta(days=1)),
        row(prompt_tokens=100, session_id=SessionId(2**160 - 1)),
    ]
    second = [
        row(prompt_tokens=11, completion_tokens=3),
        row(prompt_tokens=13, outcome=Outcome.FAILED),
        row(prompt_tokens=17, model="<script>"),
    ]
    paths = [seal(first, tmp_path), seal(second, tmp_path)]
    assert consumption(paths, SESSION, memory_limit=MEMORY, threads=1) == [
        Consumption(DAY + 86_400, "large", 1, 1, 7, 0),
        Consumption(DAY, "<script>", 1, 1, 17, 0),
        Consumption(DAY, "large", 3, 2, 16, 5),
    ]
    assert consumption(paths, SessionId(9), memory_limit=MEMORY, threads=1) == []


def test_nothing_was_used_in_no_segment() -> None:
    assert consumption([], SESSION, memory_limit=MEMORY, threads=1) == []
