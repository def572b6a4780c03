"""Outbox: whatever fails, the chain ends as if nothing had, or the outbox stops and says why.

Given an epoch in the outbox
  when something of `FAULTS` happens
    it should end in the state, with the message and the exit code that stand there
    the chain should be as after an uninterrupted run, at once or when the cause is gone
    no key should be in anything that is said or kept
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from sqlalchemy import select

from sessionpay.cli.failures import exit_code
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services.outbox import (
    SettlementStopped,
    Step,
    StoppedByGasMoney,
    StoppedByPause,
    StoppedByRole,
)
from sessionpay.store import outbox as store
from sessionpay.store.outbox import Purpose, State
from sessionpay.store.settlement_tables import attempts, outbox

from .proxy import Answer, refused, result
from .scene import TIMING, WEALTH, Run, Scene, Ticker, charges, connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionpay import SessionPayment
    from sessionpay.store.database import Database
    from tests.evm.anvil import Anvil

    from .proxy import Proxy

GWEI = 10**9
HOUR = 3_600
DAY = 86_400
CHARGE = (Purpose.CHARGE,)
ALL = tuple(Purpose)


class Interrupted(Exception):
    """The process ends here."""


@dataclass
class Stage:
    """Everything that a fault can reach."""

    scene: Scene
    node: Anvil
    proxy: Proxy
    run: Run
    actions: dict[Step, Callable[[], None]] = field(default_factory=dict)
    afterwards: Callable[[], None] | None = None

    def once(self, step: Step, action: Callable[[], None]) -> None:
        """Let something happen when a step is passed for the first time."""
        self.actions[step] = action

    def passed(self, step: Step) -> None:
        self.actions.pop(step, lambda: None)()

    def mined_now(self, act: Callable[[SessionPayment], object], role: str = "admin") -> None:
        """Do something on chain past the outbox, in a block of its own."""
        self.node.ask("evm_setAutomine", True)
        act(self.scene.binding(role))
        self.node.ask("evm_setAutomine", False)

    def hash_sent(self) -> str:
        with self.run.database.reading() as connection:
            return store.unsettled(connection)[-1].transaction_hash


def lose_replies(stage: Stage) -> None:
    """Mine every transaction at once, and cut the connection before the answer."""

    def fault(_: list[Any], pass_on: Callable[[], Answer]) -> Answer | None:
        answer = pass_on()
        stage.proxy.ask_node({"jsonrpc": "2.0", "id": 1, "method": "anvil_mine", "params": ["0x1"]})
        return answer if "error" in answer else None

    stage.proxy.faults["eth_sendRawTransaction"] = fault


def drop(stage: Stage) -> None:
    stage.once(Step.SENT, lambda: stage.node.ask("anvil_dropTransaction", stage.hash_sent()))


def fee_of(raw: str) -> tuple[int, int]:
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return int(fields["nonce"]), int(fields["maxFeePerGas"])


def withhold(stage: Stage, *, least: int) -> None:
    """Take every transaction, and let none through that offers less than `least` wei."""
    held: set[str] = set()

    def send(parameters: list[Any], pass_on: Callable[[], Answer]) -> Answer:
        if fee_of(parameters[0])[1] >= least:
            return pass_on()
        held.add(stage.hash_sent())
        return result(stage.hash_sent())

    def look(parameters: list[Any], pass_on: Callable[[], Answer]) -> Answer:
        return result({"hash": parameters[0]}) if parameters[0] in held else pass_on()

    stage.proxy.faults["eth_sendRawTransaction"] = send
    stage.proxy.faults["eth_getTransactionByHash"] = look


def fee_spike(stage: Stage) -> None:
    withhold(stage, least=3 * GWEI // 2)


def fee_above_bound(stage: Stage) -> None:
    stage.run.settings["fee_max"] = 6 * GWEI // 5
    withhold(stage, least=3 * GWEI // 2)


def raise_fee_max(stage: Stage) -> None:
    stage.run.settings["fee_max"] = 10 * GWEI


def enforce_ten_per_cent(stage: Stage) -> None:
    """Keep a pool that already holds something else of our first nonce, at three times the usual fee."""
    offered = {0: 3 * GWEI}

    def send(parameters: list[Any], pass_on: Callable[[], Answer]) -> Answer:
        nonce, fee = fee_of(parameters[0])
        if nonce in offered and 10 * fee < 11 * offered[nonce]:
            return refused("replacement transaction underpriced")
        offered[nonce] = fee
        return pass_on()

    stage.proxy.faults["eth_sendRawTransaction"] = send


def use_our_nonce(stage: Stage) -> None:
    def act() -> None:
        stage.mined_now(lambda books: books.register_session(77, stage.scene.nodes[0]), role="operator")

    stage.once(Step.PREPARED, act)


def take_our_sequence(stage: Stage) -> None:
    def act() -> None:
        stage.mined_now(lambda books: books.pay_from_sessions_to_network(0, charges((9, 1))))

    stage.once(Step.PREPARED, act)


def pause(stage: Stage) -> None:
    stage.once(Step.PREPARED, lambda: stage.mined_now(lambda books: books.pause(DAY)))


def unpause(stage: Stage) -> None:
    stage.mined_now(lambda books: books.unpause())


def revoke(stage: Stage) -> None:
    operator = stage.scene.signer("operator").address
    act = lambda books: books.revoke_role(SESSION_CONTRACT_ROLE, operator)  # noqa: E731 - it is passed on
    stage.once(Step.FINAL, lambda: stage.mined_now(act))


def grant(stage: Stage) -> None:
    operator = stage.scene.signer("operator").address
    stage.mined_now(lambda books: books.grant_role(SESSION_CONTRACT_ROLE, operator))


def empty_the_purse(stage: Stage) -> None:
    stage.node.set_balance(stage.scene.signer("operator").address, 1)


def fill_the_purse(stage: Stage) -> None:
    stage.node.set_balance(stage.scene.signer("operator").address, WEALTH)


def reorganise(stage: Stage) -> None:
    def act() -> None:
        stage.node.reorganise(1)
        stage.node.ask("anvil_dropAllTransactions")

    stage.once(Step.MINED, act)


def go_silent(stage: Stage) -> None:
    def fault(_: list[Any], pass_on: Callable[[], Answer]) -> Answer | None:
        return pass_on() if stage.run.ticker.seconds > HOUR else None

    stage.once(Step.SENT, lambda: stage.proxy.faults.update({"*": fault}))


def move_the_clock(stage: Stage) -> None:
    def back() -> None:
        stage.run.ticker.now -= 2 * DAY

    def forth() -> None:
        stage.run.ticker.now += DAY

    stage.once(Step.SENT, forth)
    stage.once(Step.SEEN, back)


def rotate(stage: Stage, *, dropping: bool) -> None:
    """End the process with a batch in flight, and go on with another key."""

    def interrupt() -> None:
        raise Interrupted

    def take_over() -> None:
        if dropping:
            stage.node.ask("anvil_dropAllTransactions")
        stage.run.role = "successor"

    stage.once(Step.SENT, interrupt)
    stage.afterwards = take_over


def lose_an_earlier_transaction(stage: Stage) -> None:
    """Let the node forget a transaction of ours that it had counted before the first batch was signed."""
    operator = stage.scene.signer("operator").address
    request = {"from": operator, "to": operator, "value": "0x1", "gas": hex(21_000)}
    foreign = stage.node.ask("eth_sendTransaction", request)
    stage.once(Step.SENT, lambda: stage.node.ask("anvil_dropTransaction", foreign))


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
    from sessionpay.store import books  # noqa: PLC0415
    from sessionpay.store.database import Database  # noqa: PLC0415

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
