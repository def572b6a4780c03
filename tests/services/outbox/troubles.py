"""What can happen to an outbox at work: each function arranges one trouble, or removes its cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services.outbox import (
    Step,
)
from sessionpay.store import outbox as store
from sessionpay.store.outbox import Purpose

from .proxy import Answer, refused, result
from .scene import WEALTH, Run, Scene, charges

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessionpay import SessionPayment
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
