"""What sealed usage adds up to, exactly as `core.tally` says, over more rows than memory holds.

A row's price is rounded down by itself, so prices cannot be had from sums of tokens alone, and the product
of tokens, price and multiplier passes 2**127, where the database's integers end. But with
x = (prompt * p + completion * c) * multiplier,
the sum of x // 10**6 is (the sum of x, less the sum of x % 10**6) // 10**6.
The first sum is tokens times constants, multiplied here, where integers have no end; the second is of
remainders, for which p * multiplier and c * multiplier count only modulo 10**6. So the database never
handles a price, only sums of small integers, and no price that a sheet allows can overflow it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sessionpay.core.errors import MissingPrice, NotConserved, RepeatedUsage
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import PPM, MicroUnits
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import PriceSheet
from sessionpay.core.tally import Service, Tally
from sessionpay.core.usage import COUNT_LIMIT, Outcome
from sessionpay.metering.errors import NotAddedUp
from sessionpay.metering.sealed import FETCHED_ROWS, usage_table

# A row's number in each column is from 0 to this; with it, no product in a query passes 2**63.
_GREATEST = {
    "prompt_tokens": COUNT_LIMIT - 1,
    "completion_tokens": COUNT_LIMIT - 1,
    "latency_ms": COUNT_LIMIT - 1,
    "quality_ppm": PPM,
}
# Equal keys have equal hashes; see `_require_unrepeated` for why nothing more is asked of it.
HASHED_KEY = "hash(task_id, node)"

_COUNTED = ("assigned", "committed", "in_time")
_SUMMED = ("prompt", "completion", "rest", "score_by_tokens", "score")

_PRICES = """
CREATE TEMP TABLE prices (
    number INTEGER, model VARCHAR, sla VARCHAR, prompt_rest BIGINT, completion_rest BIGINT, deadline_ms BIGINT
)
"""
# A sum without rows is NULL, so failed rows are added as zeros rather than left out.
_SUMS = f"""
SELECT
    session_id, node, number,
    count(*) AS assigned,
    count(*) FILTER (done = 1) AS committed,
    count(*) FILTER (done = 1 AND latency_ms <= deadline_ms) AS in_time,
    sum(done * prompt_tokens) AS prompt,
    sum(done * completion_tokens) AS completion,
    sum(done * ((prompt_tokens * prompt_rest + completion_tokens * completion_rest) % {PPM})) AS rest,
    sum(done * quality_ppm * (prompt_tokens + completion_tokens)) AS score_by_tokens,
    sum(done * quality_ppm) AS score
FROM (
    SELECT *, CASE WHEN outcome = '{Outcome.COMMITTED}' THEN 1::BIGINT ELSE 0::BIGINT END AS done
    FROM usage JOIN prices USING (model, sla)
)
GROUP BY session_id, node, number
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class _Terms:
    """What rows of one model and SLA cost and may take: ppm per million tokens times price, milliseconds."""

    model: str
    sla: str
    prompt: int
    completion: int
    deadline_ms: int


@dataclass(slots=True)
class _Sums:
    """The numbers of a `Tally` while they are added up."""

    work: int = 0
    assigned: int = 0
    committed: int = 0
    in_time: int = 0
    tokens: int = 0
    score_by_tokens: int = 0
    score: int = 0


def tallies(
    paths: Sequence[Path], sheet: PriceSheet, policy: Policy, *, memory_limit: int, threads: int
) -> dict[Service, Tally]:
    """Return what the rows of all segments add up to, per service and sorted by it.

    Equal to `core.tally.tally` of the same rows, for any order, number of segments and `threads`.
    `memory_limit` is in bytes; the result comes on top of it. Raises `MissingPrice`, `RepeatedUsage`,
    `BadSegment` and `NotAddedUp`.
    """
    if not paths:
        return {}
    with usage_table(paths, memory_limit=memory_limit, threads=threads) as connection:
        # The order of rows in between is nobody's business, and keeping it takes memory.
        connection.execute("SET preserve_insertion_order = false")
        rows, pairs = _survey(connection)
        if not rows:
            return {}
        terms = [_terms(sheet, policy, model=model, sla=sla) for model, sla in pairs]
        _require_unrepeated(connection)
        sums = _added_up(connection, terms)
    assigned = sum(one.assigned for one in sums.values())
    if assigned != rows:
        raise NotConserved("usage rows over services", parts=assigned, whole=rows)
    return {service: _tally(sums[service]) for service in sorted(sums)}


def _survey(connection: duckdb.DuckDBPyConnection) -> tuple[int, list[tuple[str, str]]]:
    """Return how many rows there are and the models and SLAs they name, and refuse impossible numbers."""
    bounds = ", ".join(f"min({name}), max({name})" for name in _GREATEST)
    found = connection.execute(
        f"SELECT model, sla, outcome, count(*), {bounds} FROM usage GROUP BY ALL ORDER BY ALL"  # noqa: S608
    ).fetchall()
    for _, _, outcome, _, *extremes in found:
        if outcome not in tuple(Outcome):
            raise NotAddedUp(f"a row has the outcome {outcome!r}")
        for (name, greatest), least, most in zip(
            _GREATEST.items(), extremes[::2], extremes[1::2], strict=True
        ):
            if least < 0 or most > greatest:
                raise NotAddedUp(f"{name} is {least if least < 0 else most} in a row, not 0 to {greatest}")
    pairs = sorted({(model, sla) for model, sla, *_ in found})
    return sum(count for _, _, _, count, *_ in found), pairs


def _terms(sheet: PriceSheet, policy: Policy, *, model: str, sla: str) -> _Terms:
    price = sheet.models.get(model)
    if price is None:
        raise MissingPrice("model", name=model)
    multiplier = sheet.sla.get(sla)
    if multiplier is None:
        raise MissingPrice("sla", name=sla)
    return _Terms(
        model,
        sla,
        prompt=price.prompt * multiplier,
        completion=price.completion * multiplier,
        deadline_ms=policy.deadline_ms(model, sla=sla),
    )


def _require_unrepeated(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise `RepeatedUsage` if two rows have one key.

    Equal keys have equal hashes, so where all hashes differ, all keys do. Sorted 8-byte hashes take little
    memory or disk; the few rows whose hashes do meet are compared by their keys, so a chance meeting, or one
    that somebody contrived, costs time and never an answer.
    """
    hashes = connection.cursor().sql(f"SELECT {HASHED_KEY} AS hashed FROM usage ORDER BY hashed")  # noqa: S608
    before = pa.array([], pa.uint64())
    for batch in hashes.to_arrow_reader(FETCHED_ROWS):
        # The last one of a batch may meet the first of the next.
        run = pa.concat_arrays([before, batch.column(0)])
        met = run[1:].filter(pc.equal(run[1:], run[:-1]))
        if len(met):
            _require_different(connection, met.unique().to_pylist())
        before = run[-1:]


def _require_different(connection: duckdb.DuckDBPyConnection, hashes: list[int]) -> None:
    listed = ", ".join(str(number) for number in hashes)
    repeated = connection.execute(
        f"""
        SELECT task_id, node FROM usage WHERE {HASHED_KEY} IN ({listed})
        GROUP BY task_id, node HAVING count(*) > 1 ORDER BY task_id, node LIMIT 1
        """  # noqa: S608 - numbers
    ).fetchone()
    if repeated is not None:
        task_id, node = repeated
        raise RepeatedUsage(task_id, node=f"0x{node.hex()}")


def _added_up(connection: duckdb.DuckDBPyConnection, terms: Sequence[_Terms]) -> dict[Service, _Sums]:
    connection.execute(_PRICES)
    connection.executemany(
        "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, one.model, one.sla, one.prompt % PPM, one.completion % PPM, one.deadline_ms)
            for number, one in enumerate(terms)
        ],
    )
    result = connection.execute(_SUMS)
    _require_integers({name: str(kind) for name, kind, *_ in result.description or ()})
    sums: dict[Service, _Sums] = {}
    batches = iter(lambda: result.fetchmany(FETCHED_ROWS), [])
    for session, node, number, *group in chain.from_iterable(batches):
        service = SessionId(int.from_bytes(session)), Address(f"0x{node.hex()}")
        _add(sums.setdefault(service, _Sums()), terms[number], *group)
    return sums


def _require_integers(types: Mapping[str, str]) -> None:
    """Refuse a version of the database whose sums round or wrap: counts have 64 bits, sums 128."""
    expected = {**dict.fromkeys(_COUNTED, "BIGINT"), **dict.fromkeys(_SUMMED, "HUGEINT")}
    for name, kind in expected.items():
        if types[name] != kind:
            raise NotAddedUp(f"{name} would be {types[name]}, not {kind}: use the version that was locked")


def _add(  # noqa: PLR0917 - the columns of one row of the query, in its order
    sums: _Sums,
    terms: _Terms,
    assigned: int,
    committed: int,
    in_time: int,
    prompt: int,
    completion: int,
    rest: int,
    score_by_tokens: int,
    score: int,
) -> None:
    whole = prompt * terms.prompt + completion * terms.completion - rest
    work, left = divmod(whole, PPM)
    if left:
        raise NotConserved("prices and their remainders", parts=work * PPM, whole=whole)
    sums.work += work
    sums.assigned += assigned
    sums.committed += committed
    sums.in_time += in_time
    sums.tokens += prompt + completion
    sums.score_by_tokens += score_by_tokens
    sums.score += score


def _tally(sums: _Sums) -> Tally:
    return Tally(
        work=MicroUnits(sums.work),
        assigned=sums.assigned,
        committed=sums.committed,
        in_time=sums.in_time,
        tokens=sums.tokens,
        score_by_tokens=sums.score_by_tokens,
        score=sums.score,
    )
