"""What can go wrong around a settlement, and how it is put right again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from sessionpay.core.events import Allocation
from sessionpay.core.ids import SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services.epoch_steps import EpochStep
from sessionpay.services.outbox import Step
from sessionpay.store.tables import sessions
from tests.services.outbox.scene import charges

from .stage import PRICES, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessionpay import SessionPayment
    from sessionpay.core.ids import Address
    from tests.evm.anvil import Anvil
    from tests.services.outbox.proxy import Answer, Proxy

HOUR = 3_600
DAY = 86_400
# What the admin takes out of the treasury, and what an empty session brings back.
TAKEN = 500


@dataclass
class Trouble:
    """Everything that a fault can reach."""

    work: Settlement
    node: Anvil
    proxy: Proxy
    actions: dict[Step | EpochStep, Callable[[], None]] = field(default_factory=dict)

    def once(self, step: Step | EpochStep, action: Callable[[], None]) -> None:
        """Let something happen when a step is passed for the first time."""
        self.actions[step] = action

    def passed(self, step: Step | EpochStep) -> None:
        self.actions.pop(step, lambda: None)()

    def mined_now(self, act: Callable[[SessionPayment], object], role: str = "admin") -> None:
        """Do something on chain past the settlement, in a block of its own."""
        self.node.ask("evm_setAutomine", True)
        act(self.work.scene.binding(role))
        self.node.ask("evm_setAutomine", False)

    @property
    def operator(self) -> Address:
        return self.work.scene.signer("operator").address


def pause(trouble: Trouble) -> None:
    trouble.once(EpochStep.CHARGING, lambda: trouble.mined_now(lambda books: books.pause(DAY)))


def unpause(trouble: Trouble) -> None:
    trouble.mined_now(lambda books: books.unpause())


def revoke(trouble: Trouble) -> None:
    act = lambda books: books.revoke_role(SESSION_CONTRACT_ROLE, trouble.operator)  # noqa: E731 - it is passed on
    trouble.once(EpochStep.MARKED, lambda: trouble.mined_now(act))


def grant(trouble: Trouble) -> None:
    trouble.mined_now(lambda books: books.grant_role(SESSION_CONTRACT_ROLE, trouble.operator))


def reorganise(trouble: Trouble) -> None:
    def act() -> None:
        trouble.node.reorganise(1)
        trouble.node.ask("anvil_dropAllTransactions")

    trouble.once(Step.MINED, act)


def go_silent(trouble: Trouble, step: Step | EpochStep) -> None:
    """Let nobody answer for an hour of the daemon's clock."""

    def fault(_: list[Any], pass_on: Callable[[], Answer]) -> Answer | None:
        return pass_on() if trouble.work.ticker.seconds > HOUR else None

    trouble.once(step, lambda: trouble.proxy.faults.update({"*": fault}))


def move_the_clock(trouble: Trouble) -> None:
    def back() -> None:
        trouble.work.ticker.now -= 2 * DAY

    def forth() -> None:
        trouble.work.ticker.now += DAY

    trouble.once(EpochStep.CHARGING, forth)
    trouble.once(EpochStep.ALLOCATING, back)


def take_our_sequence(trouble: Trouble) -> None:
    def act() -> None:
        trouble.mined_now(lambda books: books.pay_from_sessions_to_network(0, charges((9, 1))))

    trouble.once(Step.PREPARED, act)


def use_our_nonce(trouble: Trouble) -> None:
    def act() -> None:
        owner = trouble.work.scene.nodes[0]
        trouble.mined_now(lambda books: books.register_session(77, owner), role="operator")

    trouble.once(Step.PREPARED, act)


def raid(trouble: Trouble, step: EpochStep) -> None:
    """Allocate what the epoch collected to somebody else, before or after the treasury was looked at."""

    def act(books: SessionPayment) -> None:
        thief = trouble.work.scene.signer("admin").address
        books.update_node_last_used_timestamp(thief)
        taken = [Allocation(thief, BaseUnits(TAKEN))]
        books.allocate_node_amounts(books.settlement_sequence(), taken)

    trouble.once(step, lambda: trouble.mined_now(act))


def bring_back(trouble: Trouble) -> None:
    def act(books: SessionPayment) -> None:
        books.deposit_to_session(9, TAKEN)
        books.pay_from_sessions_to_network(books.settlement_sequence(), charges((9, TAKEN)))

    trouble.mined_now(act)
    trouble.node.mine(4)


def change_books(trouble: Trouble, change: int) -> None:
    with trouble.work.database.writing() as connection:
        [balance] = connection.execute(
            select(sessions.c.balance).where(sessions.c.session_id == SessionId(4))
        ).scalars()
        where = sessions.c.session_id == SessionId(4)
        connection.execute(update(sessions).where(where).values(balance=balance + change))


def spoil_books(trouble: Trouble) -> None:
    trouble.once(EpochStep.PAID_OUT, lambda: change_books(trouble, 3))


def mend_books(trouble: Trouble) -> None:
    change_books(trouble, -3)


def spoil_prices(trouble: Trouble) -> None:
    trouble.work.home.prices.write_text(PRICES.replace("prompt = 1_000_000", "prompt = -1"))


def mend_prices(trouble: Trouble) -> None:
    trouble.work.home.prices.write_text(PRICES)
