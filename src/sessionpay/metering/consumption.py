"""What sessions used, by day and model: of rows as they come in, and of sealed segments."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sessionpay.core.ids import SessionId
from sessionpay.core.usage import Outcome, UsageRecord
from sessionpay.metering.sealed import FETCHED_ROWS, usage_table
from sessionpay.store.consumption import Amount, Use

DAY_SECONDS = 86_400

_SUMS = f"""
SELECT
    session_id, epoch_us(submitted_at) // {DAY_SECONDS * 10**6} AS day, model,
    count(*) AS tasks,
    count(*) FILTER (outcome = '{Outcome.COMMITTED}') AS committed,
    coalesce(sum(prompt_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS prompt,
    coalesce(sum(completion_tokens) FILTER (outcome = '{Outcome.COMMITTED}'), 0) AS completion
FROM usage GROUP BY session_id, day, model
"""  # noqa: S608 - constants


def consumed(rows: Iterable[UsageRecord]) -> dict[Use, Amount]:
    """Return what rows add up to."""
    found: dict[Use, list[int]] = {}
    for row in rows:
        use = Use(row.session_id, int(row.submitted_at.timestamp() // DAY_SECONDS), row.model)
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
