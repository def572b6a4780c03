"""What one session used, from sealed segments: by model and day, and row by row."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Ppm
from sessionpay.core.usage import Outcome, UsageRecord
from sessionpay.metering.sealed import usage_table

DAY_SECONDS = 86_400

_SUMS = f"""
SELECT
    epoch_us(submitted_at) // {DAY_SECONDS * 10**6} AS day, model,
    count(*) AS assigned,
    count(*) FILTER (outcome = '{Outcome.COMMITTED}') AS committed,
    coalesce(sum(prompt_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS prompt,
    coalesce(sum(completion_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS completion
FROM usage WHERE session_id = $session_id AND epoch_us(submitted_at) >= $since
GROUP BY day, model ORDER BY day DESC, model
"""  # noqa: S608 - constants
_ROWS = """
SELECT
    task_id, node, model, sla, prompt_tokens, completion_tokens, epoch_us(submitted_at), latency_ms,
    outcome, quality_ppm
FROM usage WHERE session_id = $session_id AND epoch_us(submitted_at) >= $since
ORDER BY submitted_at, task_id, node
"""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Few enough that whoever reads slowly keeps little in memory.
ROWS_AT_ONCE = 1_000


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
    paths: Sequence[Path], session_id: SessionId, *, since: int = 0, memory_limit: int, threads: int
) -> list[Consumption]:
    """Return what a session used, the newest day first, and nothing submitted before unix time `since`.

    Raises `BadSegment` and `NotAddedUp`.
    """
    if not paths:
        return []
    with usage_table(paths, memory_limit=memory_limit, threads=threads) as connection:
        rows = connection.execute(_SUMS, _asked(session_id, since)).fetchall()
    return [Consumption(row[0] * DAY_SECONDS, row[1], *map(int, row[2:])) for row in rows]


def session_rows(
    paths: Sequence[Path], session_id: SessionId, *, since: int = 0, memory_limit: int, threads: int
) -> Iterator[UsageRecord]:
    """Yield the rows of a session by time, task and node, but those submitted before unix time `since`.

    Raises `BadSegment` and `NotAddedUp`.
    """
    if not paths:
        return
    with usage_table(paths, memory_limit=memory_limit, threads=threads) as connection:
        found = connection.execute(_ROWS, _asked(session_id, since))
        while some := found.fetchmany(ROWS_AT_ONCE):
            yield from (_record(session_id, row) for row in some)


def _asked(session_id: SessionId, since: int) -> dict[str, Any]:
    return {"session_id": session_id.to_bytes(20), "since": since * 10**6}


def _record(session_id: SessionId, row: Sequence[Any]) -> UsageRecord:
    task_id, node, model, sla, prompt, completion, submitted_at, latency_ms, outcome, quality = row
    return UsageRecord(
        task_id=task_id,
        session_id=session_id,
        node=Address(f"0x{node.hex()}"),
        model=model,
        sla=sla,
        prompt_tokens=prompt,
        completion_tokens=completion,
        submitted_at=_BEGINNING + timedelta(microseconds=submitted_at),
        latency_ms=latency_ms,
        outcome=Outcome(outcome),
        quality_ppm=Ppm(quality),
    )
