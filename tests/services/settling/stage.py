"""A whole settlement on a node: a contract, a home with usage, and the daemon that settles it.

Session 1 pays in full, 2 in part and 3 nothing; 8 is not registered. The first node is paid out, the second
one's payee refuses money, and the third one's timestamp was deleted, so that its money is held.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sessionpay import SessionPayment
from sessionpay.chain import rpc
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import SessionId
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.daemon import Daemon
from sessionpay.services.engine import Engine
from sessionpay.services.epoch_files import CHAIN
from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.intake import Intake, Verdict
from sessionpay.services.outbox import Outbox
from sessionpay.services.proof import audit_books
from sessionpay.services.sealing import Sealer
from sessionpay.store import accounts, credit_notes, epochs, settling
from sessionpay.store.database import Database
from tests.core.rows import row
from tests.services.outbox.scene import CONFIRMATIONS, TIMING, Scene, Ticker, connected, set_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from web3 import Web3

    from sessionpay.core.credits import Credit
    from sessionpay.core.usage import UsageRecord

NOW = 1_800_000_000
HOUR = 3_600
EPOCHS = 2
# The outbox waits so much longer here between two looks than in use, and so the daemon's turns are longer.
HASTE = 20
PRICES = """
[models.large]
prompt = 1_000_000
completion = 1_000_000
[sla]
standard = 1_000_000
"""
POLICY = """
fee_ppm = 50_000
fee_account = "{fees}"
epoch_seconds = {seconds}
payout = {{ min = 1, every = 1 }}
[deadlines_ms]
default = 30_000
"""


def rules_of(scene: Scene, *, seconds: int = HOUR) -> Rules:
    """Return rules that pay fees to an account of the scene."""
    return Rules(PRICES, POLICY.format(fees=scene.signer("fees").address, seconds=seconds))


def usage_of(scene: Scene, epoch: int) -> list[UsageRecord]:
    """Return what was used in one of the two epochs."""
    first, second, third = scene.nodes
    used = (
        [(1, first, 400), (1, second, 200), (2, first, 250), (2, third, 150), (3, first, 5), (8, first, 1)],
        [(1, first, 90), (1, third, 60), (2, second, 40), (4, second, 50), (4, first, 0)],
    )[epoch - 1]
    return [
        row(
            task_id=f"epoch-{epoch}-{number}",
            session_id=SessionId(session_id),
            node=node,
            prompt_tokens=tokens,
            quality_ppm=1_000_000 - 100_000 * (number % 3),
        )
        for number, (session_id, node, tokens) in enumerate(used)
    ]


def set_stage(url: str, seed: str) -> Scene:
    """Set the scene for a settlement: one of the nodes is not active any more."""
    scene = set_scene(url, seed)
    web3 = connected(url)
    rpc.ask(web3, "evm_setAutomine", True)
    operator = scene.binding()
    operator.update_node_last_used_timestamp(scene.nodes[2])
    operator.delete_node_last_used_timestamp(scene.nodes[2])
    rpc.ask(web3, "evm_setAutomine", False)
    return scene


def fill_home(
    folder: Path,
    scene: Scene,
    *,
    usage: Sequence[list[UsageRecord]] | None = None,
    credits: Mapping[int, Sequence[Credit]] = MappingProxyType({}),  # noqa: A002 - the word of the package
    rules: Rules | None = None,
    database_url: str | None = None,
) -> Home:
    """Make a home whose epochs are sealed but the last, which is open and long due."""
    home = Home(folder)
    home.make()
    rules = rules or rules_of(scene)
    home.prices.write_text(rules.prices)
    home.policy.write_text(rules.policy)
    database = Database.open(database_url or home.database_url)
    open_epoch(database, rules, at=NOW - 10 * HOUR)
    runs = usage or [usage_of(scene, number) for number in range(1, EPOCHS + 1)]
    for number, rows in enumerate(runs, start=1):
        if rows:
            answers = Intake(database).accept(rows, source="test", at=NOW)
            assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
        with database.writing() as connection:
            for credit in credits.get(number, ()):
                credit_notes.add(connection, credit, at=NOW)
        if number < len(runs):
            Sealer(database, home).close(number, rules, at=NOW - 9 * HOUR)
    database.close()
    return home


@dataclass
class Settlement:
    """The daemon of a scene, its home and its books; `heard` is what it reported."""

    scene: Scene
    home: Home
    url: str
    ticker: Ticker
    web3: Web3 | None = None
    role: str = "operator"
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    passed: Callable[[Any], None] = lambda _step: None
    database_url: str | None = None

    def __post_init__(self) -> None:
        """Open the books."""
        self.database = Database.open(self.database_url or self.home.database_url)

    def binding(self) -> SessionPayment:
        """Return the contract in the settlement key's hands."""
        web3 = self.web3 or connected(self.url)
        # The chain id is asked of the node itself, because the way to it may be cut.
        sender = Sender(connected(self.scene.url), self.scene.signer(self.role))
        sender.web3 = web3
        return SessionPayment(web3, self.scene.contract, sender=sender)

    def report(self, event: str, **values: object) -> None:
        self.heard.append((event, values))

    def told(self) -> str:
        """Return everything that was reported, a line each."""
        return "\n".join(f"{event} {values}" for event, values in self.heard)

    def daemon(self) -> Daemon:
        """Build the daemon as the program does, on the clock of the test."""
        contract = self.binding()
        known = enrol(self.database, contract, first_block=0)
        with self.database.writing() as connection:
            settling.bind(connection, known)
        source = ChainSource(contract.web3, contract.address)
        follower = Follower(self.database, known, [source], confirmations=CONFIRMATIONS)
        outbox = Outbox(
            self.database,
            contract,
            confirmations=CONFIRMATIONS,
            timing=TIMING,
            clock=self.ticker.clock,
            report=lambda line: self.report("outbox", what=line),
            checkpoint=self.passed,
        )
        engine = Engine(
            self.database,
            follower,
            outbox,
            self.home,
            clock=lambda: self.ticker.now,
            sleep=lambda _: self.ticker.sleep(TIMING.poll_seconds),
            report=self.report,
            checkpoint=self.passed,
        )

        def audit() -> Any:  # noqa: ANN401 - what the daemon takes
            with self.database.reading() as connection:
                return audit_books(contract, connection, known)

        return Daemon(
            database=self.database,
            home=self.home,
            follower=follower,
            sealer=Sealer(self.database, self.home),
            engine=engine,
            audit=audit,
            clock=lambda: self.ticker.now,
            elapsed=lambda: self.ticker.seconds // HASTE,
            sleep=lambda _: self.ticker.sleep(TIMING.poll_seconds),
            report=self.report,
            checkpoint=self.passed,
        )

    def states(self) -> dict[int, str]:
        with self.database.reading() as connection:
            return {each.number: each.state for each in epochs.listed(connection)}

    def books(self) -> Any:  # noqa: ANN401 - compared as a whole
        with self.database.reading() as connection:
            return accounts.opening(connection)


def settlement(scene: Scene, folder: Path, **values: Any) -> Settlement:  # noqa: ANN401 - its fields
    """Return a settlement on the scene's own node, its time standing at `NOW` but for its waits."""
    url = values.pop("url", scene.url)
    return Settlement(scene, Home(folder), url, Ticker(connected(scene.url), now=NOW), **values)


def files_of(home: Home) -> dict[str, bytes]:
    """Return the bytes that must not depend on anything but usage, rules and what the contract did."""
    return {
        str(path.relative_to(home.epochs)): path.read_bytes()
        for path in sorted(home.epochs.rglob("*"))
        if path.is_file() and path.name != CHAIN and path.parent.name != "usage"
    }


def transactions_of(home: Home, epoch: int) -> list[dict[str, Any]]:
    """Return the transactions of an epoch's folder."""
    found: list[dict[str, Any]] = json.loads((home.epochs / f"{epoch:06}" / CHAIN).read_bytes())[
        "transactions"
    ]
    return found


def copied(template: Path, folder: Path) -> Path:
    """Copy a home, which nobody has open."""
    shutil.copytree(template, folder)
    return folder
