"""What one session used, by model and day, from sealed segments."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sessionpay.core.ids import SessionId
from sessionpay.core.usage import Outcome
from sessionpay.metering.sealed import usage_table

DAY_SECONDS = 86_400

_SUMS = f"""
SELECT
    epoch_us(submitted_at) // {DAY_SECONDS * 10**6} AS day, model,
    count(*) AS assigned,
    count(*) FILTER (outcome = '{Outcome.COMMITTED}') AS committed,
    coalesce(sum(prompt_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS prompt,
    coalesce(sum(completion_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS completion
FROM usage WHERE session_id = $session_id GROUP BY day, model ORDER BY day DESC, model
"""  # noqa: S608 - constants


class Consumption(NamedTuple):
    """What a session used of one model on the UTC day that begins at unix time `day`.

    `assigned` counts all tasks, `committed` those that are charged; tokens are of those alone.
    """

    day: int
    model: str
    assigned: int
    committed: int
    prompt_tokens: int
    completion_tokens: int


def consumption(
    paths: Sequence[Path], session_id: SessionId, *, memory_limit: int, threads: int
) -> list[Consumption]:
    """Return what a session used, the newest day first. Raises `BadSegment` and `NotAddedUp`."""
    if not paths:
        return []
    with usage_table(paths, memory_limit=memory_limit, threads=threads) as connection:
        rows = connection.execute(_SUMS, {"session_id": session_id.to_bytes(20)}).fetchall()
    return [Consumption(row[0] * DAY_SECONDS, row[1], *map(int, row[2:])) for row in rows]
