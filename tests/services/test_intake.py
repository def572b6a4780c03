"""Intake: rows that come in once, whoever sends them how often.

Given a batch
  it should answer each row in the order given, and keep every row that it accepts once
Given a row that came before, in this batch or at any time
  when it is the same, it should be answered as repeated, whatever happened to its epoch and its price
  when it differs, it should be rejected, and kept with the reason
Given a bad row
  it should be rejected and kept, and the others accepted
Given many writers at once
  every acknowledged row should be counted exactly once
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from sessionpay.core.ids import SESSION_ID_LIMIT, SessionId
from sessionpay.core.pricing import parse_price_sheet, row_price
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord, from_line, to_line
from sessionpay.metering.lines import Rejected
from sessionpay.services.home import open_epoch
from sessionpay.services.intake import DIFFERS, Answer, Intake, Verdict
from sessionpay.store import epochs
from sessionpay.store import intake as stored
from sessionpay.store.database import Database
from sessionpay.store.errors import NoEpoch, NotKept
from sessionpay.store.intake import Work
from sessionpay.store.settlement_tables import usage_keys, usage_rows
from tests.core.rows import NODE_A, NODE_B, row
from tests.services.conftest import NOW, POLICY, PRICES, RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ACCEPTED, REPEATED = Answer(Verdict.ACCEPTED), Answer(Verdict.REPEATED)
ROOT = Path(__file__).parents[2]
CLIENTS = 50
ROWS = 300
KILLS = 2
MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
SECONDS_MAX = 120
GOOD: dict[str, Any] = {
    "task_id": "t1",
    "session_id": "7",
    "node": NODE_A,
    "model": "large",
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "submitted_at": "2026-01-02T12:00:00.25Z",
    "latency_ms": 900,
    "outcome": "committed",
}


def accept(intake: Intake, *rows: object) -> list[Answer]:
    return intake.accept(rows, source="test", at=NOW)


def kept(database: Database) -> list[UsageRecord]:
    with database.reading() as connection:
        lines = connection.execute(select(usage_rows.c.row).order_by(usage_rows.c.id)).scalars()
        return [from_line(line) for line in lines]


def keys(database: Database) -> int:
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(usage_keys)).scalar_one()


def work(database: Database, epoch: int = 1) -> dict[SessionId, Work]:
    with database.reading() as connection:
        return stored.work(connection, epoch)


def priced(records: Sequence[UsageRecord]) -> dict[SessionId, Work]:
    """Add up the plain way what sessions used."""
    sheet = parse_price_sheet(PRICES)
    total: dict[SessionId, Any] = {}
    for each in records:
        if each.outcome is Outcome.COMMITTED:
            before = total.get(each.session_id, Work(0, 0))  # type: ignore[arg-type]
            total[each.session_id] = Work(before.rows + 1, before.micro + row_price(sheet, each))
    return total


def reasons(database: Database) -> list[tuple[str, int, str]]:
    with database.reading() as connection:
        return [(each.source, each.line, each.reason) for each in stored.rejected(connection, newest=1000)][
            ::-1
        ]


def test_a_row_is_accepted_once(intake: Intake) -> None:
    first, second = row(), row(node=NODE_B)
    assert accept(intake, first, second) == [ACCEPTED, ACCEPTED]
    assert accept(intake, second, first) == [REPEATED, REPEATED]
    assert kept(intake.database) == [first, second]
    assert work(intake.database) == priced([first, second])


def test_objects_and_records_are_the_same_row(intake: Intake) -> None:
    assert accept(intake, GOOD, {**GOOD, "session_id": 7, "sla": "standard", "node": NODE_A}) == [
        ACCEPTED,
        REPEATED,
    ]
    [record] = kept(intake.database)
    assert accept(intake, record) == [REPEATED]


def test_the_same_task_at_two_nodes_is_two_rows(intake: Intake) -> None:
    assert accept(intake, row(task_id="t", node=NODE_A), row(task_id="t", node=NODE_B)) == [ACCEPTED] * 2


def test_within_a_batch_the_first_row_under_a_key_counts(intake: Intake) -> None:
    first = row()
    other = replace(first, prompt_tokens=9)
    answers = accept(intake, first, first, other, other, first)
    assert answers == [ACCEPTED, REPEATED, Answer(Verdict.REJECTED, DIFFERS), answers[2], REPEATED]
    assert kept(intake.database) == [first]
    assert reasons(intake.database) == [("test", 3, DIFFERS), ("test", 4, DIFFERS)]


@pytest.mark.parametrize(
    "change",
    [
        {"session_id": SessionId(8)}, {"model": "large", "sla": "priority"}, {"completion_tokens": 1},
        {"latency_ms": 1}, {"outcome": Outcome.FAILED}, {"quality_ppm": 1},
    ],
)  # fmt: skip
def test_another_row_under_a_key_is_refused_and_kept(intake: Intake, change: dict[str, Any]) -> None:
    first = row()
    other = replace(first, **change)
    accept(intake, first)
    assert accept(intake, other) == [Answer(Verdict.REJECTED, DIFFERS)]
    with intake.database.reading() as connection:
        [reject] = stored.rejected(connection, newest=10)
    assert (reject.received_at, reject.row) == (NOW, to_line(other).rstrip())
    assert accept(intake, first) == [REPEATED]


BAD: list[tuple[object, str]] = [
    ({**GOOD, "node": "0x12"}, "node '0x12'"),
    ({**GOOD, "prompt_tokens": -1}, "prompt_tokens -1"),
    ({**GOOD, "prompt_tokens": 1.0}, "prompt_tokens 1.0"),
    ({**GOOD, "prompt_tokens": True}, "prompt_tokens True"),
    ({**GOOD, "session_id": SESSION_ID_LIMIT}, "session_id"),
    ({**GOOD, "outcome": ["committed"]}, "outcome"),
    ({**GOOD, "outcome": {}}, "outcome"),
    ({**GOOD, "model": {"a": 1}}, "model"),
    ({**GOOD, "model": "unknown"}, "model 'unknown' has no price"),
    ({**GOOD, "sla": "unknown"}, "sla 'unknown' has no price"),
    ({**GOOD, "task_id": "a\x00b"}, "control character"),
    ({**GOOD, "task_id": "\ud800"}, "control character"),
    ({**GOOD, "\ud800\x00": 1}, "unknown key"),
    ({"task_id": "t1"}, "is missing"),
    (None, "not a JSON object"),
    ([], "not a JSON object"),
    ("t1", "not a JSON object"),
    (Rejected(17, "cut off", "half a \x00 row"), "cut off"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_row_stops_nothing(intake: Intake, bad: object, reason: str) -> None:
    before, after = row(), row()
    first, refused, last = accept(intake, before, bad, after)
    assert (first, last) == (ACCEPTED, ACCEPTED)
    assert refused.verdict is Verdict.REJECTED
    assert reason in refused.reason
    assert kept(intake.database) == [before, after]
    [(_, line, _)] = reasons(intake.database)
    assert line == 2


def test_an_empty_batch_is_no_trouble(intake: Intake) -> None:
    assert accept(intake) == []


def test_lines_of_a_file_are_those_of_its_rejects(intake: Intake) -> None:
    intake.accept([None, row(), None], source="a.csv", at=NOW, lines=[5, 6, 9])
    assert [(source, line) for source, line, _ in reasons(intake.database)] == [("a.csv", 5), ("a.csv", 9)]


def test_work_is_exact_at_any_size(intake: Intake) -> None:
    dear = PRICES.replace("1_000_000\ncompletion", f"{2**96 - 1}\ncompletion")
    with intake.database.writing() as connection:
        epochs.close(connection, 1, prices=dear, policy=POLICY, at=NOW)
    many = [row(prompt_tokens=COUNT_LIMIT - 1, session_id=SessionId(SESSION_ID_LIMIT - 1)) for _ in range(3)]
    for each in many:
        accept(intake, each)
    assert work(intake.database, 2) == {
        SessionId(SESSION_ID_LIMIT - 1): Work(3, 3 * (2**96 - 1) * (COUNT_LIMIT - 1))  # type: ignore[arg-type]
    }


def test_failed_work_is_kept_and_raises_nothing(intake: Intake) -> None:
    assert accept(intake, row(outcome=Outcome.FAILED), row(outcome=Outcome.TIMEOUT)) == [ACCEPTED] * 2
    assert work(intake.database) == {}


def test_a_repeat_is_known_after_its_epoch_its_rows_and_its_price_are_gone(intake: Intake) -> None:
    first = row()
    accept(intake, first)
    without = PRICES.replace("models.large", "models.small")
    with intake.database.writing() as connection:
        epochs.close(connection, 1, prices=without, policy=POLICY, at=NOW)
        connection.execute(text("DELETE FROM usage_rows"))
    other = replace(first, latency_ms=5)
    same, differs, new = accept(intake, first, other, row())
    assert same == REPEATED
    assert [answer.verdict for answer in (differs, new)] == [Verdict.REJECTED] * 2
    assert "has no price" in new.reason
    assert kept(intake.database) == []


def test_a_row_belongs_to_the_epoch_that_is_open(intake: Intake) -> None:
    accept(intake, row())
    with intake.database.writing() as connection:
        epochs.close(connection, 1, prices=PRICES, policy=POLICY, at=NOW)
    accept(intake, row(), row())
    with intake.database.reading() as connection:
        found = connection.execute(select(usage_rows.c.epoch)).scalars().all()
    assert Counter(found) == {1: 1, 2: 2}
    assert [work(intake.database, epoch)[SessionId(7)].rows for epoch in (1, 2)] == [1, 2]


def test_more_keys_than_one_statement_takes(intake: Intake) -> None:
    many = [row() for _ in range(2 * stored.KEYS_AT_ONCE + 1)]
    assert accept(intake, *many) == [ACCEPTED] * len(many)
    assert accept(intake, *many) == [REPEATED] * len(many)


def test_nothing_is_taken_before_there_is_an_epoch(database: Database) -> None:
    database.migrate()
    with pytest.raises(NoEpoch, match="usage import"):
        accept(Intake(database), row())


def test_two_open_the_first_epoch_once(database: Database) -> None:
    database.migrate()
    with ThreadPoolExecutor(2) as pool:
        opened = [pool.submit(open_epoch, database, RULES, at=NOW + n) for n in range(2)]
    assert {each.result().number for each in opened} == {1}


def test_many_clients_with_the_same_and_with_different_rows(intake: Intake, url: str) -> None:
    """Half of each client's rows are everybody's, some under a shared key differ, the rest are its own."""
    shared = [row(session_id=SessionId(n % 3)) for n in range(20)]
    disputed = row()
    random = Random(1)
    batches = []
    for client in range(CLIENTS):
        own = [row(session_id=SessionId(client % 7)) for _ in range(20)]
        batch = [*shared, *own, replace(disputed, prompt_tokens=client)]
        random.shuffle(batch)
        batches.append(batch)
    databases = [Database.open(url) for _ in range(2)]
    intakes = [Intake(each) for each in databases]
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(
            pool.map(lambda n: intakes[n % 2].accept(batches[n], source="c", at=NOW), range(CLIENTS))
        )
    for each in databases:
        each.close()
    assert_counted_once(intake.database, list(zip(batches, answers, strict=True)))
    verdicts = Counter(answer.verdict for part in answers for answer in part)
    assert verdicts[Verdict.ACCEPTED] == 20 + 20 * CLIENTS + 1
    assert verdicts[Verdict.REJECTED] == CLIENTS - 1


def assert_counted_once(
    database: Database, answered: Sequence[tuple[Sequence[UsageRecord], Sequence[Answer]]]
) -> None:
    """Compare what is stored with what was acknowledged."""
    acknowledged = {
        to_line(record)
        for records, answers in answered
        for record, answer in zip(records, answers, strict=True)
        if answer.verdict is not Verdict.REJECTED
    }
    stored_rows = kept(database)
    lines = Counter(map(to_line, stored_rows))
    assert set(lines.values()) == {1}
    assert set(lines) == acknowledged
    assert keys(database) == len(lines)
    assert work(database) == priced(stored_rows)


def test_two_processes_at_once(intake: Intake, url: str) -> None:
    """Both send the same rows, each in an order of its own."""
    running = [reporter(url, start=0, seed=seed) for seed in (1, 2)]
    verdicts: Counter[str] = Counter()
    for process in running:
        out, errors = process.communicate(timeout=SECONDS_MAX)
        assert process.returncode == 0, errors
        verdicts.update(json.loads(line)["verdict"] for line in out.splitlines())
    assert verdicts == {"accepted": ROWS, "repeated": ROWS}
    assert len(kept(intake.database)) == ROWS


def reporter(url: str, *, start: int, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.services.run_intake", url, str(start), str(ROWS), str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_acknowledged_row_survives_kill_9(intake: Intake, url: str) -> None:
    """Killed between any two of its steps, and started again with the same rows until all are in."""
    random, acknowledged, kills = Random(7), Counter[str](), 0
    for attempt in range(20):
        process = reporter(url, start=0, seed=attempt)
        assert process.stdout is not None
        if attempt < KILLS:
            for _ in range(random.randint(1, ROWS // 2)):
                answer = json.loads(process.stdout.readline())
                acknowledged[answer["task_id"]] += answer["verdict"] == "accepted"
            time.sleep(random.random() / 100)
            process.kill()
        out, errors = process.communicate(timeout=SECONDS_MAX)
        kills += process.returncode != 0
        for line in out.splitlines():
            if line.endswith("}"):
                answer = json.loads(line)
                acknowledged[answer["task_id"]] += answer["verdict"] == "accepted"
        present = Counter(record.task_id for record in kept(intake.database))
        assert set(present.values()) <= {1}
        assert {task for task, times in acknowledged.items() if times} <= set(present)
        if process.returncode == 0:
            break
        assert not errors, errors
    assert kills == KILLS
    assert len(present) == ROWS
    assert max(acknowledged.values()) == 1
    assert work(intake.database) == priced(kept(intake.database))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, str(folder)], check=True)


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(small_disk: Path) -> None:
    database = Database.open(f"sqlite:///{small_disk / 'books.db'}")
    open_epoch(database, RULES, at=NOW)
    intake = Intake(database)
    acknowledged: list[UsageRecord] = []
    refused = [row() for _ in range(50)]

    def fill() -> None:
        nonlocal acknowledged, refused
        while accept(intake, *refused) == [ACCEPTED] * 50:
            acknowledged += refused
            refused = [row() for _ in range(50)]

    with pytest.raises(NotKept, match=r"full.*send the same rows again"):
        fill()
    assert acknowledged
    assert kept(database) == acknowledged
    subprocess.run([MOUNT, "-o", "remount,size=8m", str(small_disk)], check=True)
    assert accept(intake, *refused) == [ACCEPTED] * 50
    assert kept(database) == [*acknowledged, *refused]
    assert work(database) == priced(kept(database))
    database.close()
