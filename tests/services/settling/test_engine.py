"""Epochs on a real node, held against the naive epoch that is told what the contract really did.

Given sessions that pay in part, late, or never, a node whose timestamp was deleted, credit notes, an epoch
without usage, one without tokens, and usage that names the contract itself as a node
  the engine should ask, allocate, hold and leave what the naive epoch does
  the treasury should hold exactly what is held or retained
Given more sessions and nodes than one transaction takes
  it should send as many transactions as are needed, and count every row once
Given an epoch that is not sealed, or that waits while somebody wants to do something else
  it should refuse, or give up waiting and go on later
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from sessionpay.core.credits import Credit
from sessionpay.core.epochs import Opening
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.policy import parse_policy
from sessionpay.core.pricing import parse_price_sheet
from sessionpay.metering.errors import BadSegment
from sessionpay.services.daemon import BooksDiffer
from sessionpay.services.engine import NotSealed, Unfinished, UsageChanged
from sessionpay.services.epoch_files import ACTIVE, ALLOCATIONS, APPLIED, CHARGES
from sessionpay.services.epoch_steps import EpochStep
from sessionpay.services.home import Rules
from sessionpay.services.verify import verify_folder
from sessionpay.store.outbox import Purpose, batches
from sessionpay.store.tables import sessions
from tests import naive_epoch
from tests.core.rows import row
from tests.core.test_epochs_naive import plain_books, plain_note, plain_policy, plain_prices, plain_row

from .folders import sealed
from .stage import (
    PRICES,
    Settlement,
    files_of,
    fill_home,
    rules_of,
    set_stage,
    settlement,
    transactions_of,
    usage_of,
)
from .test_epoch_files import amounts_in, books_in, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sessionpay import SessionPayment
    from sessionpay.core.usage import UsageRecord
    from tests.evm.anvil import Anvil
    from tests.services.outbox.scene import Scene

MANY = 600


@pytest.fixture(scope="module")
def first_stage(node: Anvil) -> Scene:
    return set_stage(node.url, "engine")


@pytest.fixture
def stage(node: Anvil, first_stage: Scene) -> Iterator[Scene]:
    before = node.snapshot()
    yield first_stage
    node.restore(before)


def late_money(books: SessionPayment, scene: Scene) -> None:
    """Let sessions have what they lacked, one of them be registered, and the third node be active again."""
    books.deposit_to_session(2, 70)
    books.deposit_to_session(3, 5)
    books.register_session(8, scene.nodes[0])
    books.deposit_to_session(8, 1)
    books.update_node_last_used_timestamp(scene.nodes[2])


def history_of(scene: Scene) -> list[list[UsageRecord]]:
    zero = row(task_id="zero", session_id=SessionId(1), node=scene.nodes[0], prompt_tokens=0)
    own = row(task_id="own", session_id=SessionId(1), node=scene.contract, prompt_tokens=10)
    return [usage_of(scene, 1), [], [zero], [*usage_of(scene, 2), own], []]


def note(session_id: int, amount: int) -> Credit:
    return Credit(
        session_id=SessionId(session_id),
        amount=BaseUnits(amount),
        reason="the model was another",
        reference=f"note {session_id}",
    )


CREDITS = {1: [note(2, 10)], 3: [note(1, 10)], 4: [note(4, 20), note(2, 15)]}


def act(node: Anvil, work: Settlement) -> None:
    node.ask("evm_setAutomine", True)
    late_money(work.scene.binding("operator"), work.scene)
    node.ask("evm_setAutomine", False)


def test_whole_epochs_are_those_of_the_naive_one(node: Anvil, stage: Scene, tmp_path: Path) -> None:
    usage = history_of(stage)
    fill_home(tmp_path / "home", stage, usage=usage, credits=CREDITS)
    work = settlement(stage, tmp_path / "home")
    daemon = work.daemon()
    rules = rules_of(stage)
    prices = plain_prices(parse_price_sheet(rules.prices))
    policy = plain_policy(parse_policy(rules.policy))
    books: dict[str, Any] = plain_books(Opening())
    held_once: set[str] = set()
    for number, records in enumerate(usage[:-1], start=1):
        if number == 2:
            act(node, work)
        assert daemon.engine.settle(number).state == "settled"
        folder = work.home.epochs / f"{number:06}"
        assert books_in(folder) == books
        rows, notes = (
            [plain_row(record) for record in records],
            list(map(plain_note, CREDITS.get(number, []))),
        )
        asked = naive_epoch.asks(books, rows, prices, notes)
        assert amounts_in(folder, CHARGES, "session_id", "asked") == {str(key): asked[key] for key in asked}
        applied = {
            int(key): amount for key, amount in amounts_in(folder, APPLIED, "session_id", "collected").items()
        }
        active = {line["account"] for line in lines_of((folder / ACTIVE).read_bytes())}
        naive = naive_epoch.settle(number, books, rows, prices, policy, applied, active, notes)
        assert amounts_in(folder, ALLOCATIONS, "account", "amount") == naive["allocations"]
        assert set(naive["allocations"]) == active
        books = naive["closing"]
        held_once |= set(books["held"])
        daemon.audit_now()
        assert daemon.last_audit is not None
        assert daemon.last_audit.difference == 0
        assert verify_folder(folder, contract=work.binding()).differences == ()
        network = stage.numbers()["network"]
        assert network == sum(books["held"].values()) + books["retained"]
    assert plain_books(work.books()) == books
    # The history is what it is meant to be: held and given later, asked again and paid, held for good.
    assert held_once == {stage.nodes[2], stage.contract}
    assert set(books["held"]) == {stage.contract}
    assert books["collected"][2] == 300 + 70
    assert books["collected"][8] == 1
    work.database.close()


def test_what_nobody_may_mark_stops_nothing(stage: Scene, tmp_path: Path) -> None:
    """The contract refuses itself as a node, which would take the marks of all others along."""
    own = row(session_id=SessionId(1), node=stage.contract, prompt_tokens=10)
    new = row(session_id=SessionId(1), node=Address("0x" + "99" * 20), prompt_tokens=30)
    fill_home(tmp_path / "home", stage, usage=[[own, new], []])
    work = settlement(stage, tmp_path / "home")
    work.daemon().engine.settle(1)
    told = amounts_in(work.home.epochs / "000001", ALLOCATIONS, "account", "amount")
    assert told == {new.node: 29, stage.signer("fees").address: 2}
    assert dict(work.books().held) == {stage.contract: 9}
    work.database.close()


def test_more_than_one_transaction_takes(stage: Scene, tmp_path: Path) -> None:
    nodes = [Address(f"0x{7 * number:040x}") for number in range(1, MANY + 1)]
    rows = [row(session_id=SessionId(1), node=each) for each in nodes]
    rows += [row(session_id=SessionId(1_000 + number), node=nodes[0]) for number in range(MANY)]
    policy = "fee_ppm = 0\n[deadlines_ms]\ndefault = 30_000\n"
    fill_home(tmp_path / "home", stage, usage=[rows, []], rules=Rules(PRICES, policy))
    work = settlement(stage, tmp_path / "home")
    daemon = work.daemon()
    daemon.engine.settle(1)
    folder = work.home.epochs / "000001"
    sent = [(each["purpose"], each["position"]) for each in transactions_of(work.home, 1)]
    assert sent == [(purpose, place) for purpose in ("allocate", "charge", "mark") for place in (0, 1)]
    assert amounts_in(folder, ALLOCATIONS, "account", "amount") == dict.fromkeys(nodes, 1)
    assert sum(amounts_in(folder, APPLIED, "session_id", "collected").values()) == MANY
    with work.database.reading() as connection:
        assert [len(batch.rows) for batch in batches(connection, 1, Purpose.CHARGE)] == [512, 89]
    assert work.books().claims[0].session_id == 1_000
    daemon.audit_now()
    assert verify_folder(folder, contract=work.binding()).differences == ()
    work.database.close()


def test_node_that_is_removed_in_between_is_held(node: Anvil, stage: Scene, tmp_path: Path) -> None:
    """Its row is planned, and the contract skips it; nobody marks it again but a person."""
    fill_home(tmp_path / "home", stage, usage=[usage_of(stage, 1), [], [], []])
    work = settlement(stage, tmp_path / "home")
    first = stage.nodes[0]

    def remove(step: object) -> None:
        if step is EpochStep.ALLOCATING and work.states()[1] == "allocating":
            node.ask("evm_setAutomine", True)
            stage.binding("admin").delete_node_last_used_timestamp(first)
            node.ask("evm_setAutomine", False)

    work.passed = remove
    daemon = work.daemon()
    daemon.engine.settle(1)
    told = lines_of((work.home.epochs / "000001" / "explain.jsonl").read_bytes())
    [row_of_first] = [line for line in told if line["account"] == first]
    owed = int(row_of_first["amount"])
    assert owed > 0
    assert not row_of_first["is_applied"]
    assert dict(work.books().held)[first] == owed
    daemon.engine.settle(2)
    assert dict(work.books().held)[first] == owed
    node.ask("evm_setAutomine", True)
    stage.binding("admin").update_node_last_used_timestamp(first)
    node.ask("evm_setAutomine", False)
    daemon.engine.settle(3)
    assert first not in work.books().held
    assert amounts_in(work.home.epochs / "000003", ALLOCATIONS, "account", "amount")[first] == owed
    for number in (1, 2, 3):
        assert verify_folder(work.home.epochs / f"{number:06}", contract=work.binding()).differences == ()
    work.database.close()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_either_database_settles_to_the_same_bytes(
    node: Anvil, stage: Scene, url: str, tmp_path: Path
) -> None:
    before = node.snapshot()
    found = []
    for name, database_url in (("plain", None), ("other", url)):
        fill_home(tmp_path / name, stage, database_url=database_url)
        work = settlement(stage, tmp_path / name, database_url=database_url)
        work.daemon().turn()
        found.append((files_of(work.home), work.books(), stage.numbers()))
        work.database.close()
        node.ask("anvil_dropAllTransactions")
        node.restore(before)
    assert found[0] == found[1]


def test_missing_audit_is_made_up_for_before_anything_is_paid(stage: Scene, tmp_path: Path) -> None:
    """A process that ended between an epoch and its audit is followed by one that audits first."""
    fill_home(tmp_path / "home", stage)
    work = settlement(stage, tmp_path / "home")
    work.daemon().engine.settle(1)
    with work.database.writing() as connection:
        connection.execute(update(sessions).where(sessions.c.session_id == SessionId(4)).values(balance=1))
    with pytest.raises(BooksDiffer):
        work.daemon().turn()
    assert work.states() == {1: "settled", 2: "sealed", 3: "open"}
    work.database.close()


def test_other_usage_than_was_charged_is_refused(stage: Scene, tmp_path: Path) -> None:
    """As after half a restore; with the right segments it goes on."""
    fill_home(tmp_path / "home", stage, usage=[usage_of(stage, 1), []])
    work = settlement(stage, tmp_path / "home")

    class Died(Exception):
        """The process ended."""

    def die(step: object) -> None:
        if step is EpochStep.CHARGED:
            raise Died

    work.passed = die
    with pytest.raises(Died):
        work.daemon().engine.settle(1)
    work.passed = lambda _step: None
    [segment] = work.home.segments.glob("*.parquet")
    raw = segment.read_bytes()
    [other] = sealed(usage_of(stage, 1)[:-1], tmp_path / "other")
    segment.write_bytes(other.read_bytes())
    with pytest.raises(UsageChanged, match=r"epoch 1 was charged for usage with SHA-256 [0-9a-f]{64}, its"):
        work.daemon().engine.settle(1)
    segment.unlink()
    with pytest.raises(BadSegment):
        work.daemon().engine.settle(1)
    segment.write_bytes(raw)
    assert work.daemon().engine.settle(1).state == "settled"
    work.database.close()


def test_open_and_unknown_epochs_are_refused(stage: Scene, tmp_path: Path) -> None:
    fill_home(tmp_path / "home", stage)
    work = settlement(stage, tmp_path / "home")
    for number in (2, 7):
        with pytest.raises(NotSealed, match=f"epoch {number} is not closed and sealed"):
            work.daemon().engine.settle(number)
    work.database.close()


def test_waiting_ends_when_somebody_wants_it(stage: Scene, tmp_path: Path) -> None:
    """A wait that is broken off after each look comes to the same end."""
    fill_home(tmp_path / "home", stage, usage=[usage_of(stage, 1), []])
    work = settlement(stage, tmp_path / "home")
    daemon = work.daemon()
    waited = set()
    for _ in range(100):
        try:
            daemon.engine.settle(1, stop=lambda: True)
        except Unfinished as waiting:
            waited.add(waiting.purpose)
            work.ticker.sleep(120)
        else:
            break
    assert waited == set(Purpose)
    daemon.audit_now()
    assert work.states()[1] == "settled"
    work.database.close()


def test_changed_chain_json_is_found_with_a_node(stage: Scene, tmp_path: Path) -> None:
    """Whatever byte it is: the file is rebuilt from what the node says."""
    fill_home(tmp_path / "home", stage, usage=[usage_of(stage, 1), []])
    work = settlement(stage, tmp_path / "home")
    work.daemon().engine.settle(1)
    folder = work.home.epochs / "000001"
    path, contract = folder / "chain.json", work.binding()
    raw = path.read_bytes()
    assert verify_folder(folder, contract=contract).transactions == len(json.loads(raw)["transactions"])
    for place in range(0, len(raw), 37):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        assert verify_folder(folder, contract=contract).differences, raw[place - 20 : place + 20]
    told = json.loads(raw)
    told["transactions"] = [each for each in told["transactions"] if each["purpose"] != "charge"]
    path.write_text(json.dumps(told))
    assert any(
        "applied.jsonl: 1 has 600" in each for each in verify_folder(folder, contract=contract).differences
    )
    path.write_bytes(raw)
    other = replace(stage, contract=Address("0x" + "11" * 20)).binding()
    assert "asked was 0x1111" in verify_folder(folder, contract=other).differences[0]
    work.database.close()
