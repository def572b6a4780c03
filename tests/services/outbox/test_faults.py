"""Outbox: whatever fails, the chain ends as if nothing had, or the outbox stops and says why.

Given an epoch in the outbox
  when something of `FAULTS` happens
    it should end in the state, with the message and the exit code that stand there
    the chain should be as after an uninterrupted run, at once or when the cause is gone
    no key should be in anything that is said or kept
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from sessionpay.cli.failures import exit_code
from sessionpay.services.outbox import (
    SettlementStopped,
    Step,
    StoppedByGasMoney,
    StoppedByPause,
    StoppedByRole,
)
from sessionpay.store import books
from sessionpay.store import outbox as store
from sessionpay.store.database import Database
from sessionpay.store.outbox import Purpose, State
from sessionpay.store.settlement_tables import attempts, outbox

from .proxy import result
from .scene import CONFIRMATIONS, TIMING, Run, Scene, Ticker, connected
from .troubles import (
    ALL,
    CHARGE,
    HOUR,
    Interrupted,
    Stage,
    drop,
    empty_the_purse,
    enforce_ten_per_cent,
    fee_above_bound,
    fee_spike,
    fill_the_purse,
    go_silent,
    grant,
    lose_an_earlier_transaction,
    lose_replies,
    move_the_clock,
    pause,
    raise_fee_max,
    reorganise,
    revoke,
    rotate,
    take_our_sequence,
    unpause,
    use_our_nonce,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.evm.anvil import Anvil

    from .proxy import Proxy


@dataclass(frozen=True)
class Fault:
    """What happens, and what is to come of it: `message` is in the error or among what is reported."""

    name: str
    arrange: Callable[[Stage], None]
    end: State | type[SettlementStopped] = State.FINAL
    message: str = ""
    exit_code: int = 0
    remedy: Callable[[Stage], None] | None = None
    purposes: tuple[Purpose, ...] = CHARGE
    # How many batches of others landed, which move the sequence on and no money.
    foreign: int = 0
    # How many signed forms the first batch needed: an unclear answer alone is no reason for another one.
    attempts: int = 1


FAULTS = (
    Fault("nothing", lambda _: None, purposes=ALL),
    Fault(
        "lost replies",
        lose_replies,
        message="whether it was taken is not known .*no connection.*; the same bytes are sent again",
        purposes=ALL,
    ),
    Fault("dropped transaction", drop, message="the node lost it; the same bytes are sent again"),
    Fault("fee spike", fee_spike, message="it is stuck; replaced at 1601806641 wei for one gas", attempts=5),
    Fault(
        "fee spike above the bound",
        fee_above_bound,
        end=State.SENT,
        message="it is stuck at 1125000000 wei for one gas and fee_max is 1200000000; it waits",
        remedy=raise_fee_max,
        attempts=5,
    ),
    Fault(
        "underpriced replacement",
        enforce_ten_per_cent,
        message="the node wants higher fees .replacement transaction underpriced.",
        attempts=12,
    ),
    Fault(
        "nonce used by somebody else",
        use_our_nonce,
        message="another transaction of the same account used its nonce .0.; it is prepared anew",
        attempts=2,
    ),
    Fault(
        "sequence taken by a foreign batch",
        take_our_sequence,
        message="sequence 0 was taken by transaction 0x[0-9a-f]{64}, which is not ours",
        foreign=1,
        attempts=2,
    ),
    Fault(
        "contract paused",
        pause,
        end=StoppedByPause,
        message="the contract is paused until [0-9]+ .unix seconds.: start again when that is over",
        exit_code=1,
        remedy=unpause,
        attempts=2,
    ),
    Fault(
        "role revoked in mid-epoch",
        revoke,
        end=StoppedByRole,
        message="does not hold SESSION_CONTRACT_ROLE: let the admin grant it",
        exit_code=1,
        remedy=grant,
        purposes=(Purpose.CHARGE, Purpose.MARK, Purpose.ALLOCATE),
    ),
    Fault(
        "no money for gas",
        empty_the_purse,
        end=StoppedByGasMoney,
        message="has 1 wei and the next transaction may cost [0-9]+ wei: send it native coin for gas",
        exit_code=1,
        remedy=fill_the_purse,
    ),
    Fault("reorganisation", reorganise, message="a reorganisation took it back; it is sent again"),
    Fault(
        "silence for an hour",
        go_silent,
        message="rpc http://127.0.0.1:[0-9]+: no connection; .*nothing is lost, it is asked again",
    ),
    Fault("clock moved a day either way", move_the_clock),
    Fault("key rotated in flight", lambda stage: rotate(stage, dropping=False), purposes=ALL, attempts=2),
    Fault(
        "key rotated and transactions lost",
        lambda stage: rotate(stage, dropping=True),
        purposes=ALL,
        attempts=2,
    ),
    Fault(
        "earlier transaction lost",
        lose_an_earlier_transaction,
        message="no transaction has nonce 0, which comes before its own; it is signed for that",
        attempts=2,
    ),
)


@pytest.fixture
def stage(scene: Scene, node: Anvil, proxy: Proxy, database: Database) -> Stage:
    """Set everything up; nothing is wrong yet."""
    run = Run(scene, database, proxy.url, Ticker(connected(node.url)))
    made = Stage(scene, node, proxy, run)
    run.settings["checkpoint"] = made.passed
    return made


@pytest.fixture(scope="module")
def undisturbed(
    node: Anvil, first_scene: Scene, tmp_path_factory: pytest.TempPathFactory
) -> dict[Purpose, Any]:
    """Return the chain's numbers after each part of the epoch, when nothing goes wrong."""
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('undisturbed') / 'books.db'}")
    books.prepare(database)
    before = node.snapshot()
    run = Run(first_scene, database, node.url, Ticker(connected(node.url)))
    numbers = {}
    for purpose in Purpose:
        run.settle((purpose,))
        numbers[purpose] = first_scene.numbers()
    node.restore(before)
    database.close()
    return numbers


def settle(stage: Stage, purposes: tuple[Purpose, ...]) -> list[store.Batch]:
    """Settle for little more than an hour; where the process is interrupted, another one goes on."""
    ends = stage.run.ticker.seconds + HOUR + 10 * TIMING.poll_seconds
    try:
        return stage.run.settle(purposes, stop=lambda: stage.run.ticker.seconds > ends)
    except Interrupted:
        assert stage.afterwards is not None
        stage.afterwards()
        return stage.run.settle(purposes)


def all_text(stage: Stage) -> Iterator[str]:
    yield from stage.run.heard
    with stage.run.database.reading() as connection:
        for table in (outbox, attempts):
            for row in connection.execute(select(table)):
                yield str(tuple(row))


def assert_counted_once(batches: list[store.Batch]) -> None:
    for batch in batches:
        final = [one for one in batch.attempts if one.state is State.FINAL]
        assert len(final) == (batch.state is State.FINAL)
        assert {one.state for one in batch.attempts} <= {State.FINAL, State.REPLACED}
        if batch.landing is not None:
            assert final[0].transaction_hash == batch.landing.transaction_hash
            assert batch.sequence == final[0].sequence


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_end_is_as_it_should_be(fault: Fault, stage: Stage, undisturbed: dict[Purpose, Any]) -> None:
    fault.arrange(stage)
    if isinstance(fault.end, State):
        batches = settle(stage, fault.purposes)
        assert {batch.state for batch in batches if batch.reason is None} == {fault.end}
        told, code = "\n".join(stage.run.heard), 0
    else:
        with pytest.raises(fault.end) as stopped:
            settle(stage, fault.purposes)
        told, code = str(stopped.value), exit_code(stopped.value)
    assert re.search(fault.message, told), told
    assert code == fault.exit_code
    if fault.remedy is not None:
        fault.remedy(stage)
        batches = settle(stage, fault.purposes)
    assert_counted_once(batches)
    assert len(batches[0].attempts) == fault.attempts
    expected = undisturbed[fault.purposes[-1]]
    assert stage.scene.numbers() == {**expected, "sequence": expected["sequence"] + fault.foreign}
    for text in (told, *all_text(stage)):
        for role in ("operator", "successor"):
            assert stage.scene.signer(role)._account.key.hex() not in text


@pytest.mark.parametrize("arrange", [use_our_nonce, take_our_sequence], ids=["nonce", "sequence"])
def test_nothing_is_given_up_before_that_is_final(arrange: Callable[[Stage], None], stage: Stage) -> None:
    arrange(stage)
    first, second = settle(stage, CHARGE)[0].attempts
    assert second.created_at - first.created_at == CONFIRMATIONS * TIMING.poll_seconds


def test_an_older_copy_of_the_database_charges_nobody_again(
    stage: Stage, undisturbed: dict[Purpose, Any], tmp_path: Path
) -> None:
    """The copy has one batch in a form that was replaced later, and the other one not signed at all."""
    kept, copied = (tmp_path / name for name in ("books.db", "copy.db"))

    def copy() -> None:
        with closing(sqlite3.connect(kept)) as source, closing(sqlite3.connect(copied)) as target:
            source.backup(target)

    fee_spike(stage)
    stage.once(Step.PREPARED, copy)
    settle(stage, CHARGE)
    older = Database.open(f"sqlite:///{copied}")
    restored = replace(stage.run, database=older, settings={}, heard=[])
    stage.proxy.faults["eth_getLogs"] = lambda *_: result([])
    restored.settle(CHARGE, stop=lambda: True)
    assert "no event of sequence 1, which is used up" in "".join(restored.heard)
    del stage.proxy.faults["eth_getLogs"]
    batches = restored.settle(CHARGE)
    older.close()
    assert [batch.state for batch in batches] == [State.FINAL] * 2
    assert [(batch.sequence, len(batch.attempts)) for batch in batches] == [(0, 1), (1, 0)]
    assert stage.scene.numbers() == undisturbed[Purpose.CHARGE]
    assert "is this very batch, which is not known here; it counts" in "".join(restored.heard)
