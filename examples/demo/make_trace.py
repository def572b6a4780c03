"""Writes usage.csv, the small trace that the demo settles; the same bytes on every machine.

Six sessions and six nodes over four hours, 62 rows an hour, so that four epochs are one hour each:
session 0 uses several times what any other does, and is the one to run out of money;
session 1 asks three nodes for every task;
session 3 gives most of its work to the sixth node, which commits two rows out of five and so
stays below the threshold of policy.toml in every epoch.
The nodes' addresses stand for nodes; a simulation gives each a key of its own.

    python examples/demo/make_trace.py
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

COLUMNS = (
    "task_id,session_id,node,model,sla,prompt_tokens,completion_tokens,"
    "submitted_at,latency_ms,outcome,quality_ppm"
)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOURS = 4
SECONDS_BETWEEN_TASKS = 60
NODES = tuple(f"0x{number:040x}" for number in range(0x101, 0x107))
WEAK_NODE = NODES[5]
MODELS = ("mixtral-8x7b", "llama-3.1-8b")

# Tasks per hour of each session, and how many thousand prompt tokens a task has at most.
TASKS = {0: 12, 1: 4, 2: 5, 3: 4, 4: 5, 5: 4}
PROMPT_THOUSANDS = {0: 40, 1: 4, 2: 6, 3: 6, 4: 3, 5: 8}
TASKS_OF_WEAK_NODE = 20
WEAK_SESSION = 3
TRIPLE_SESSION = 1
# The other nodes fail one row in this many.
FAILS_ONE_IN = 25


def chosen(name: str, count: int) -> int:
    """Return a number from 0 to `count` - 1 that depends on `name` alone."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") % count


def tasks_of_hour(hour: int) -> list[tuple[str, int, tuple[str, ...]]]:
    """Return the tasks of one hour in the order they come: their name, session and nodes."""
    tasks: list[tuple[str, int, tuple[str, ...]]] = []
    for session, count in TASKS.items():
        for number in range(count):
            task = f"h{hour}-s{session}-{number:02}"
            first = chosen(f"{task} node", 5)
            copies = 3 if session == TRIPLE_SESSION else 1
            tasks.append((task, session, tuple(NODES[(first + copy) % 5] for copy in range(copies))))
    tasks += [
        (f"h{hour}-s{WEAK_SESSION}-weak-{number:02}", WEAK_SESSION, (WEAK_NODE,))
        for number in range(TASKS_OF_WEAK_NODE)
    ]
    return sorted(tasks, key=lambda task: chosen(f"{task[0]} order", 2**64))


def outcome_of(name: str, node: str) -> str:
    """Return how a row ended; the weak node commits two out of five of its numbered tasks."""
    if node == WEAK_NODE:
        ends = ("committed", "timeout", "failed", "committed", "timeout")
        return ends[int(name[-2:]) % len(ends)]
    return "failed" if chosen(f"{name} {node} outcome", FAILS_ONE_IN) == 0 else "committed"


def row(name: str, session: int, node: str, submitted_at: datetime) -> str:
    """Return one row of the file."""
    prompt_tokens = 500 + chosen(f"{name} prompt", 1_000 * PROMPT_THOUSANDS[session])
    completion_tokens = 20 + chosen(f"{name} completion {node}", 600)
    is_late = chosen(f"{name} {node} late", 12) == 0
    latency_ms = 400 + 20 * completion_tokens + chosen(f"{name} {node} latency", 900) + 30_000 * is_late
    cells = (
        name,
        session,
        node,
        MODELS[chosen(f"{name} model", 3) // 2],
        "priority" if chosen(f"{name} sla", 4) == 0 else "standard",
        prompt_tokens,
        completion_tokens,
        submitted_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        latency_ms,
        outcome_of(name, node),
        850_000 + chosen(f"{name} {node} quality", 150_001),
    )
    return ",".join(str(cell) for cell in cells)


def lines() -> Iterator[str]:
    """Yield the header and every row, by time."""
    yield COLUMNS
    for hour in range(HOURS):
        for place, (name, session, nodes) in enumerate(tasks_of_hour(hour)):
            submitted_at = START + timedelta(hours=hour, seconds=SECONDS_BETWEEN_TASKS * place)
            for node in nodes:
                yield row(name, session, node, submitted_at)


def trace() -> str:
    """Return the whole file."""
    return "".join(f"{line}\n" for line in lines())


if __name__ == "__main__":
    Path(__file__).with_name("usage.csv").write_text(trace(), encoding="utf-8", newline="\n")
