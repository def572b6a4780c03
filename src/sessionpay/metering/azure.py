"""The published Azure LLM inference trace, spread over sessions and nodes by a seeded rule.

The trace (Patel et al., ISCA 2024, CC-BY 4.0) has only a time and two token counts per request, so
everything else about a row is derived from the seed and the row's line, the same on every machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from math import isqrt
from pathlib import Path

from sessionpay.core.errors import BadSpread, UnreadableUsage
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import Ppm
from sessionpay.core.usage import COUNT_LIMIT, DEFAULT_SLA, Outcome, UsageRecord, parse_timestamp
from sessionpay.metering.lines import (
    Imported,
    Row,
    Taken,
    csv_fields,
    gather,
    parse_integer,
    parsed,
    read_header,
    read_lines,
    require_fields,
)

AZURE_HEADER = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")

# Of this many hash values, so many are committed and so many more failed; the rest are timeouts.
OUTCOMES = 1_000
COMMITTED = 950
FAILED = 30

LATENCY_LEAST_MS = 100
LATENCY_JITTER_MS = 1_000
PROMPT_TOKENS_PER_MS = 10
MS_PER_COMPLETION_TOKEN = 20
SLOW_ONE_IN = 20
SLOW_TIMES = 10

QUALITY_LEAST_PPM = 800_000
QUALITY_VALUES = 200_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How the rows of a trace that names no session and no node are given to some.

    Sessions are 0 to `sessions` - 1; each row is a task for one node. With h = sha256("seed:line"), cut
    into eight big-endian numbers h0 to h7, and T(n) = n * (n + 1) / 2:
    the session is the greatest k with T(k) <= h0 mod T(sessions), so session k has a weight of k + 1;
    the node is found alike from h1, the model and the SLA are h2 and h3 modulo how many there are;
    of 1000 values of h4, 950 are committed, 30 failed, 20 timeouts;
    latency is 100 ms + prompt / 10 + completion * 20 + h5 mod 1000, tenfold for one in 20 of h6;
    quality is 800,000 + h7 mod 200,001 ppm.
    Only the first rows are dealt out in turn, committed, until every session and every node has one.
    Raises `BadSpread`.
    """

    seed: int
    sessions: int
    nodes: Sequence[Address]
    models: Sequence[str]
    slas: Sequence[str] = (DEFAULT_SLA,)

    def __post_init__(self) -> None:
        """Refuse a spread over nobody, and one that names somebody twice."""
        if self.sessions < 1:
            raise BadSpread("sessions", self.sessions, rule="give at least 1")
        for name, given in (("nodes", self.nodes), ("models", self.models), ("slas", self.slas)):
            if not given or len(set(given)) != len(given):
                raise BadSpread(name, list(given), rule="give at least 1, and each only once")
            object.__setattr__(self, name, tuple(given))

    @property
    def dealt(self) -> int:
        """How many first rows are dealt out in turn."""
        return max(self.sessions, len(self.nodes))


def read_azure(path: Path, *, spread: Spread) -> Imported:
    """Read the published Azure LLM trace and give its rows to sessions and nodes by `spread`.

    Times are UTC, cut to microseconds; a task is named by its line. Raises `UnreadableUsage`, and
    `BadSpread` where the file has too few good rows for every session and node to get one.
    """
    return gather(azure_rows(path, spread=spread))


def azure_rows(path: Path, *, spread: Spread) -> Iterator[Row]:
    """Yield the rows of a trace as `read_azure` reads it; raises what that raises, before the first row."""
    lines = read_lines(path)
    if tuple(read_header(path, lines)) != AZURE_HEADER:
        raise UnreadableUsage(str(path), rule=f"the first line is not {','.join(AZURE_HEADER)}")
    rows = parsed(lines, _Dealer(spread).record)
    dealt: list[Row] = []
    good = 0
    while good < spread.dealt and (row := next(rows, None)):
        dealt.append(row)
        good += isinstance(row, Taken)
    if good < spread.dealt:
        name = "sessions" if spread.sessions == spread.dealt else "nodes"
        raise BadSpread(
            name, spread.dealt, rule=f"the file has {good} good rows; give at most as many {name}"
        )
    return chain(dealt, rows)


@dataclass(slots=True)
class _Dealer:
    """Gives each row of a trace what the trace does not say."""

    spread: Spread
    rows: int = 0

    def record(self, line: int, text: str) -> UsageRecord:
        fields = csv_fields(text)
        require_fields(fields, columns=len(AZURE_HEADER), text=text)
        prompt_tokens = parse_integer(AZURE_HEADER[1], fields[1])
        completion_tokens = parse_integer(AZURE_HEADER[2], fields[2])
        numbers = _numbers(self.spread.seed, line)
        session_id, node, outcome = self._place(numbers)
        record = UsageRecord(
            task_id=f"azure-{line}",
            session_id=session_id,
            node=node,
            model=self.spread.models[numbers[2] % len(self.spread.models)],
            sla=self.spread.slas[numbers[3] % len(self.spread.slas)],
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            submitted_at=parse_timestamp(fields[0], zone_required=False),
            latency_ms=_latency_ms(prompt_tokens, completion_tokens, numbers=numbers),
            outcome=outcome,
            quality_ppm=Ppm(QUALITY_LEAST_PPM + numbers[7] % QUALITY_VALUES),
        )
        self.rows += 1
        return record

    def _place(self, numbers: Sequence[int]) -> tuple[SessionId, Address, Outcome]:
        sessions, nodes = self.spread.sessions, self.spread.nodes
        if self.rows < self.spread.dealt:
            return SessionId(self.rows % sessions), nodes[self.rows % len(nodes)], Outcome.COMMITTED
        return (
            SessionId(_uneven(numbers[0], sessions)),
            nodes[_uneven(numbers[1], len(nodes))],
            _outcome(numbers[4]),
        )


def _numbers(seed: int, line: int) -> list[int]:
    digest = sha256(f"{seed}:{line}".encode()).digest()
    return [int.from_bytes(digest[start : start + 4], "big") for start in range(0, len(digest), 4)]


def _uneven(number: int, count: int) -> int:
    """Return one of 0 to `count` - 1, the k-th with a weight of k + 1."""
    position = number % (count * (count + 1) // 2)
    return (isqrt(8 * position + 1) - 1) // 2


def _outcome(number: int) -> Outcome:
    value = number % OUTCOMES
    if value < COMMITTED:
        return Outcome.COMMITTED
    return Outcome.FAILED if value < COMMITTED + FAILED else Outcome.TIMEOUT


def _latency_ms(prompt_tokens: int, completion_tokens: int, *, numbers: Sequence[int]) -> int:
    working = prompt_tokens // PROMPT_TOKENS_PER_MS + completion_tokens * MS_PER_COMPLETION_TOKEN
    latency = LATENCY_LEAST_MS + working + numbers[5] % LATENCY_JITTER_MS
    times = SLOW_TIMES if numbers[6] % SLOW_ONE_IN == 0 else 1
    # A valid but enormous count of tokens must not make the row invalid by its latency.
    return min(latency * times, COUNT_LIMIT - 1)
