"""One SHA-256 over all rows of an epoch, the same however they were sealed.

It is taken over the canonical line of every row (`core.usage.to_line`), sorted by task as UTF-8 bytes and
by node. The lines are written by the database and hashed as they lie in memory, because a line made in
Python takes longer than all the rest.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sessionpay.core.errors import RepeatedUsage
from sessionpay.metering.errors import BadOrder
from sessionpay.metering.sealed import FETCHED_ROWS, usage_table

# A session id has 160 bits and the database's integers 127, so it is divided by hand, as two digits of 80
# bits: a remainder below 10**13 and 80 more bits, and the quotient of 160 bits, all stay below 2**127.
_DIGITS = 13
_SESSION = f"""
CASE WHEN quotient > 0 THEN quotient || lpad(remainder::VARCHAR, {_DIGITS}, '0') ELSE remainder::VARCHAR END
"""
_SORTED = f"""
SELECT *,
    high // {10**_DIGITS} * {2**80}::HUGEINT + carried // {10**_DIGITS} AS quotient,
    carried % {10**_DIGITS} AS remainder
FROM (
    SELECT *, high % {10**_DIGITS} * {2**80}::HUGEINT + low AS carried
    FROM (
        SELECT *,
            ('0x' || hex(session_id)[:20])::HUGEINT AS high,
            ('0x' || hex(session_id)[21:])::HUGEINT AS low
        FROM (SELECT * FROM usage ORDER BY task_id, node)
    )
)
"""  # noqa: S608 - constants
# Keys in the order of the alphabet, as in a canonical line. The time goes by its number of microseconds,
# so that no time zone of the machine has a say in it.
_LINES = f"""
SELECT
    '{{"completion_tokens":' || completion_tokens
    || ',"latency_ms":' || latency_ms
    || ',"model":' || to_json(model)
    || ',"node":"0x' || lower(hex(node))
    || '","outcome":' || to_json(outcome)
    || ',"prompt_tokens":' || prompt_tokens
    || ',"quality_ppm":' || quality_ppm
    || ',"session_id":"' || {_SESSION}
    || '","sla":' || to_json(sla)
    || ',"submitted_at":"' || strftime(make_timestamp(epoch_us(submitted_at)), '%Y-%m-%dT%H:%M:%S.%fZ')
    || '","task_id":' || to_json(task_id) || '}}' || chr(10) AS line,
    task_id, node
FROM ({_SORTED})
"""  # noqa: S608 - constants


def usage_digest(paths: Sequence[Path], *, memory_limit: int, threads: int) -> str:
    """Return the SHA-256, in hexadecimal, over the canonical lines of all rows in order of their keys.

    The same for any order of rows, number of segments and `threads`; no rows have the SHA-256 of nothing.
    `memory_limit` is in bytes; sorting goes on on the disk beyond it. Raises `RepeatedUsage`, `BadSegment`
    and `NotAddedUp`.
    """
    digest = sha256()
    if not paths:
        return digest.hexdigest()
    with usage_table(paths, memory_limit=memory_limit, threads=threads) as connection:
        last: pa.RecordBatch | None = None
        for batch in connection.sql(_LINES).to_arrow_reader(FETCHED_ROWS):
            _require_rising(batch if last is None else pa.concat_batches([last, batch]))
            digest.update(_text(batch.column("line")))
            last = batch.slice(batch.num_rows - 1)
    return digest.hexdigest()


def _require_rising(run: pa.RecordBatch) -> None:
    """Refuse two rows under one key, and any order but that of the keys."""
    tasks, nodes = run.column("task_id"), run.column("node")
    same_task = pc.equal(tasks[:-1], tasks[1:])
    rises = pc.or_(pc.less(tasks[:-1], tasks[1:]), pc.and_(same_task, pc.less(nodes[:-1], nodes[1:])))
    position = pc.index(rises, value=False).as_py()
    if position < 0:
        return
    task_id, node = tasks[position + 1].as_py(), f"0x{nodes[position + 1].as_py().hex()}"
    if same_task[position].as_py() and nodes[position] == nodes[position + 1]:
        raise RepeatedUsage(task_id, node=node)
    raise BadOrder(task_id, node=node)


def _text(lines: pa.StringArray) -> memoryview:
    """Return the bytes of all lines, one behind the other, as they already lie in memory."""
    first, last = (
        int.from_bytes(memoryview(lines.buffers()[1])[4 * index : 4 * index + 4], "little")
        for index in (lines.offset, lines.offset + len(lines))
    )
    return memoryview(lines.buffers()[2])[first:last]
