"""A figure as it is printed: a rate or a size, and what it is beside its baseline."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """`amount` is in `unit`; `ratio` is how many times as good as the baseline, which `against` names."""

    what: str
    amount: int
    unit: str
    ratio: float
    against: str

    def line(self) -> str:
        """Return the figure as one line of a table."""
        return f"{self.what:42} {self.amount:>11,} {self.unit:11} {self.ratio:7.3g} times {self.against}"


def seconds(work: Callable[[], object]) -> float:
    """Return the median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
