"""What a node did in the epoch that is open.

Given rows of many nodes and sessions
  it should count the node's own, and estimate what settling all would give it, sessions paying in full
Given an epoch that was closed, a node without rows, or more rows than are counted
  it should tell only what is of the open epoch, that there is nothing, and how many are left out
Given any of this
  only the node's own rows should be looked at
Given rows from before nodes were written beside them
  it should find them all the same
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from runpy import run_path
from typing import TYPE_CHECKING

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import select, text

from sessionpay.core.epochs import Opening, asks, settle
from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.money import Asset
from sessionpay.core.policy import parse_policy
from sessionpay.core.pricing import parse_price_sheet
from sessionpay.core.tally import tally
from sessionpay.core.usage import Outcome
from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.intake import Intake
from sessionpay.services.sealing import Sealer
from sessionpay.serving import so_far as module
from sessionpay.serving.so_far import so_far
from sessionpay.store import evidence, migrations
from sessionpay.store import intake as stored
from sessionpay.store.settlement_tables import usage_rows
from tests.core.rows import NODE_A, NODE_B, NODE_C, row
from tests.services.conftest import NOW, PRICES, RULES
from tests.store.test_pages import plans

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sessionpay.core.ids import Address
    from sessionpay.core.usage import UsageRecord
    from sessionpay.serving.so_far import SoFar
    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract

POLICY = """
fee_ppm = 50_000
min_assigned = 5
threshold_ppm = 600_000
[deadlines_ms]
default = 1_000
"""
# By its path: importing it would hide what the package of migrations calls by the name of the folder.
STEP = Path(migrations.__file__).parent / "versions" / "v0008_usage_of_nodes.py"
NODES = (NODE_A, NODE_B, NODE_C)
# Rounding of what is asked, of the fee, and of the node's share and the pot it is taken from.
ROUNDING = 4


def told(database: Database, node: Address) -> SoFar:
    with database.reading() as connection:
        found = so_far(connection, node)
    assert found is not None
    return found


def made(count: int, seed: int) -> list[UsageRecord]:
    random = Random(seed)
    return [
        row(
            session_id=SessionId(random.randrange(6)),
            node=random.choice(NODES),
            prompt_tokens=random.randrange(5_000),
            latency_ms=random.choice((10, 5_000)),
            outcome=random.choice((Outcome.COMMITTED,) * 4 + (Outcome.FAILED,)),
            quality_ppm=random.randrange(10**6 + 1),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_settling_would_give(database: Database, seed: int) -> None:
    open_epoch(database, Rules(PRICES, POLICY), at=NOW)
    records = made(200, seed)
    Intake(database).accept(records, source="test", at=NOW)
    policy = parse_policy(POLICY)
    tallies = tally(records, parse_price_sheet(PRICES), policy)
    paid = asks(Opening(), tallies)
    result = settle(Opening(), tallies, policy, epoch=1, collected=paid, active=set(NODES))
    for node in NODES:
        own = [each for each in records if each.node == node]
        done = [each for each in own if each.outcome is Outcome.COMMITTED]
        found = told(database, node)
        assert (found.epoch, found.opened_at, found.sealed) == (1, NOW, 0)
        assert found.assigned == found.waiting == len(own)
        assert found.committed == len(done)
        assert found.sessions == len({each.session_id for each in own})
        assert found.success == len(done) * 10**6 // len(own)
        assert found.on_time == sum(each.latency_ms <= 1_000 for each in done) * 10**6 // len(done)
        assert found.work_micro == sum(one.work for (_, of), one in tallies.items() if of == node)
        [account] = [each for each in result.accounts if each.account == node]
        assert abs(found.estimate - account.served) <= ROUNDING * found.sessions
        assert found.estimate > 0


def test_it_is_of_the_open_epoch(database: Database, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    open_epoch(database, RULES, at=NOW)
    Intake(database).accept([row(), row(node=NODE_B)], source="test", at=NOW)
    Sealer(database, home).close(1, RULES, at=NOW + 5)
    found = told(database, NODE_A)
    assert (found.epoch, found.opened_at, found.waiting, found.assigned) == (2, NOW + 5, 0, 0)
    assert (found.success, found.on_time, found.estimate, found.work_micro) == (None, None, 0, 0)
    Intake(database).accept([row(), row(), row(node=NODE_B)], source="test", at=NOW)
    assert told(database, NODE_A).assigned == 2
    Sealer(database, home, rows_max=3).seal()
    found = told(database, NODE_A)
    assert (found.assigned, found.sealed) == (0, 3)


def test_only_so_many_rows_are_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    open_epoch(database, RULES, at=NOW)
    Intake(database).accept([row(prompt_tokens=3) for _ in range(7)], source="test", at=NOW)
    monkeypatch.setattr(module, "ROWS_MAX", 5)
    found = told(database, NODE_A)
    assert (found.waiting, found.assigned, found.estimate) == (7, 5, 15)


def test_nobody_elses_rows_are_looked_at(database: Database) -> None:
    open_epoch(database, RULES, at=NOW)
    Intake(database).accept([row(), row(node=NODE_B)], source="test", at=NOW)

    def read(connection: Connection, _: Contract) -> None:
        so_far(connection, NODE_A)
        stored.count_of(connection, 1, NODE_A)

    contract = evidence.Contract(1, 1, NODE_C, Asset(ZERO_ADDRESS, "ETH", 18), 0, 1)
    lines = [line for line in plans(database, contract, read) if "usage_rows" in line]
    assert len(lines) == 2
    assert all("usage_rows_of_node" in line for line in lines), lines


def test_there_is_nothing_where_no_epoch_is_open(database: Database) -> None:
    open_epoch(database, RULES, at=NOW)
    with database.writing() as connection:
        connection.execute(text("UPDATE epochs SET closed_at = 1"))
    with database.reading() as connection:
        assert so_far(connection, NODE_A) is None


def test_rows_from_before_get_their_nodes(database: Database) -> None:
    open_epoch(database, RULES, at=NOW)
    # A name that tries to be taken for the node is only a name.
    records = [row(), row(node=NODE_B, task_id=f'"node":"{ZERO_ADDRESS}"')]
    Intake(database).accept(records, source="test", at=NOW)
    with database.writing() as connection:
        connection.execute(text("DROP INDEX usage_rows_of_node"))
        connection.execute(text("ALTER TABLE usage_rows DROP COLUMN node"))
        with Operations.context(MigrationContext.configure(connection)):
            run_path(str(STEP))["upgrade"]()
    with database.reading() as connection:
        nodes = connection.execute(select(usage_rows.c.node).order_by(usage_rows.c.id)).scalars().all()
    assert nodes == [NODE_A, NODE_B]
