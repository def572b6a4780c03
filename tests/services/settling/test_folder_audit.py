"""The audit of settled epochs: folders, database and chain held against each other.

Given a home of which two epochs are settled
  it should find nothing, and a treasury that covers what is held and retained
  when a file of a folder is changed, or a folder is gone
    it should name the epoch
  when the database keeps other books than the last epoch ended with, or another amount or manifest
    it should name that
  when only the last epoch is computed anew
    it should still see that an earlier folder has another manifest
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from sessionpay.chain.embedded import embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.money import BaseUnits
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.metering.records import csv_rows
from sessionpay.services import trial_rules
from sessionpay.services.engine import Engine
from sessionpay.services.epoch_files import APPLIED, MANIFEST
from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.importing import Importer
from sessionpay.services.intake import Intake
from sessionpay.services.outbox import Outbox, Timing
from sessionpay.services.proof import Audit, audit_books
from sessionpay.services.sealing import Sealer
from sessionpay.services.trial_chain import open_sessions
from sessionpay.store import intake, queries, settling
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from sessionpay.chain.client import SessionPayment
    from sessionpay.core.ids import Address
    from sessionpay.store.evidence import Contract

USAGE = Path(__file__).parents[3] / "examples/demo/usage.csv"
RULES = Rules(trial_rules.text("prices.toml"), trial_rules.text("policy.toml"))
NOW = 1_800_000_000


@dataclass(frozen=True, slots=True)
class Scene:
    """A home with settled epochs, and the contract that they were settled on."""

    home: Home
    contract: SessionPayment
    known: Contract

    def audit(self, *, recomputed: int | None = None) -> Audit:
        """Audit everything."""
        database = Database.open(self.home.database_url)
        try:
            with database.reading() as connection:
                return audit_books(
                    self.contract, connection, self.known, folders=self.home.epochs, recomputed=recomputed
                )
        finally:
            database.close()

    def read(self) -> None:
        """Read the chain into the books."""
        database = Database.open(self.home.database_url)
        source = ChainSource(self.contract.web3, self.contract.address)
        Follower(database, self.known, [source]).catch_up()
        database.close()

    def active(self) -> list[Address]:
        """Return the nodes that the contract pays."""
        database = Database.open(self.home.database_url)
        with database.reading() as connection:
            found = [node for node, kept in queries.nodes(connection, self.known) if kept.last_used_at]
        database.close()
        return found

    def change(self, statement: str) -> None:
        """Change the database behind everybody's back."""
        database = Database.open(self.home.database_url)
        with database.engine.begin() as connection:
            assert connection.execute(text(statement)).rowcount > 0
        database.close()


def settle(folder: Path) -> Scene:
    """Settle two epochs of the demonstration on a chain of their own."""
    home = Home(folder)
    home.make()
    database = Database.open(home.database_url)
    open_epoch(database, RULES, at=NOW)
    sealer = Sealer(database, home)
    importer = Importer(Intake(database), sealer, now=lambda: NOW, progress=lambda _done: None)
    importer.cut((("usage", row) for row in csv_rows(USAGE)), 2, RULES)
    chain = embedded_chain()
    with database.reading() as connection:
        work = intake.work_by_session(connection)
    contract = open_sessions(Sender(chain.web3, chain.accounts[0]), work)
    known = enrol(database, contract)
    with database.writing() as connection:
        settling.bind(connection, known)
    follower = Follower(database, known, [ChainSource(chain.web3, contract.address)])
    sending = Outbox(database, contract, confirmations=None, timing=Timing(poll_seconds=0))
    engine = Engine(database, follower, sending, home, clock=lambda: NOW)
    for number in (1, 2):
        engine.settle(number)
    follower.catch_up()
    database.close()
    return Scene(home, contract, known)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A home that no test changes."""
    return settle(tmp_path_factory.mktemp("settled"))


@pytest.fixture
def scene(settled: Scene, tmp_path: Path) -> Scene:
    """A copy of the home that a test may spoil."""
    copied = tmp_path / "home"
    shutil.copytree(settled.home.path, copied)
    return Scene(Home(copied), settled.contract, settled.known)


def test_finds_nothing_where_all_is_well(settled: Scene) -> None:
    found = settled.audit()
    assert (found.difference, found.first_difference) == (0, None)
    assert found.totals["contract"].treasury > 0


def spoil(path: Path) -> None:
    raw = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(raw.replace(b"1", b"2", 1))


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("name", [APPLIED, MANIFEST, "explain.jsonl", "prices.toml"])
def test_names_the_epoch_of_a_changed_file(scene: Scene, epoch: int, name: str) -> None:
    spoil(scene.home.epochs / f"{epoch:06}" / name)
    found = scene.audit()
    assert found.difference > 0
    assert f"epoch {epoch}" in str(found.first_difference)


def test_names_a_folder_that_is_gone(scene: Scene) -> None:
    shutil.rmtree(scene.home.epochs / "000002")
    found = scene.audit()
    assert found.difference > 0
    assert "folder of epoch 2" in str(found.first_difference)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE epochs SET manifest_sha256 = 'x' WHERE number = 1", "manifest of epoch 1"),
        ("UPDATE charges SET collected = '010' WHERE epoch = 2", "what epoch 2 collected from session"),
        ("UPDATE settlement SET retained = '011'", "the books after epoch 2"),
        ("DELETE FROM debts", "the books after epoch 2"),
        ("INSERT INTO held VALUES ('0x" + "ab" * 20 + "', '017')", "the books after epoch 2"),
        ("UPDATE settlement SET held = '011'", "all that is held"),
        ("UPDATE settlement SET arrears = '0299'", "all arrears"),
        ("UPDATE consumption SET assigned = assigned + 1 WHERE epoch = 2", "used of"),
    ],
)
def test_names_what_the_database_keeps_otherwise(scene: Scene, statement: str, named: str) -> None:
    scene.change(statement)
    found = scene.audit()
    assert found.difference > 0
    assert named in str(found.first_difference)


def test_sees_a_changed_manifest_of_an_epoch_that_is_not_computed_anew(scene: Scene) -> None:
    spoil(scene.home.epochs / "000001" / MANIFEST)
    # The next folder names the manifest that it follows.
    assert "manifest" in str(scene.audit(recomputed=1).first_difference)


def test_finds_a_treasury_that_somebody_else_allocated_from(tmp_path: Path) -> None:
    scene = settle(tmp_path)
    node = next(iter(scene.active()))
    scene.contract.allocate_node_payments([node], BaseUnits(1))
    scene.read()
    found = scene.audit()
    assert found.difference == 1
    assert "collected and did not allocate" in str(found.first_difference)
