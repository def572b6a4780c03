"""What sessions used, by day and model: of rows as they come in, and of sealed segments; and row by row."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Ppm
from sessionpay.core.usage import Outcome, UsageRecord
from sessionpay.metering.sealed import FETCHED_ROWS, usage_table
from sessionpay.store.consumption import Amount, Use

DAY_SECONDS = 86_400

_SUMS = f"""
SELECT
    session_id, epoch_us(submitted_at) // {DAY_SECONDS * 10**6} AS day, model,
    count(*) AS assigned,
    count(*) FILTER (outcome = '{Outcome.COMMITTED}') AS committed,
    coalesce(sum(prompt_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS prompt,
    coalesce(sum(completion_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS completion
FROM usage GROUP BY session_id, day, model
"""  # noqa: S608 - constants
_ROWS = """
SELECT
    task_id, node, model, sla, prompt_tokens, completion_tokens, epoch_us(submitted_at), latency_ms,
    outcome, quality_ppm
FROM usage WHERE session_id = $session_id AND epoch_us(submitted_at) >= $since
ORDER BY submitted_at, task_id, node
"""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING_DAY = _BEGINNING.toordinal()
# Few enough that whoever reads slowly keeps little in memory.
ROWS_AT_ONCE = 1_000


def consumed(rows: Iterable[UsageRecord]) -> dict[Use, Amount]:
    """Return what rows add up to."""
    found: dict[Use, list[int]] = {}
    for row in rows:
        use = Use(row.session_id, row.submitted_at.toordinal() - _BEGINNING_DAY, row.model)
        amount = found.setdefault(use, [0, 0, 0, 0])
        amount[0] += 1
        if row.outcome is Outcome.COMMITTED:
            amount[1] += 1
            amount[2] += row.prompt_tokens
            amount[3] += row.completion_tokens
    return {use: Amount(*amount) for use, amount in found.items()}


def consumption(paths: Sequence[Path], *, memory_limit: int, threads: int) -> dict[Use, Amount]:
    """Return what the rows of segments add up to. Raises `BadSegment` and `NotAddedUp`."""
    if not paths:
        return {}
    found: dict[Use, Amount] = {}
    with usage_table(paths, memory_limit=memory_limit, threads=threads) as connection:
        result = connection.execute(_SUMS)
        while rows := result.fetchmany(FETCHED_ROWS):
            for session_id, day, model, *amount in rows:
                use = Use(SessionId(int.from_bytes(session_id)), day, model)
                found[use] = Amount(*map(int, amount))
    return found


def added(one: dict[Use, Amount], other: dict[Use, Amount]) -> dict[Use, Amount]:
    """Return the sum of both."""
    sums = dict(one)
    for use, amount in other.items():
        before = sums.get(use)
        sums[use] = amount if before is None else Amount(*map(sum, zip(before, amount, strict=True)))
    return sums


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
