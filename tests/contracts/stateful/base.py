"""What all rules of the machine stand on: the opening of a history, and how its choices are made.

Choices lean on what the ledger knows, so that most calls get somewhere; the rest probe the edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition

from sessionpay.core import roles
from sessionpay.core.ids import SESSION_ID_LIMIT, ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT
from tests.contracts import layout
from tests.contracts.stateful import calls
from tests.contracts.stateful.world import World
from tests.evm.actors import ACTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.contracts.stateful.stage import Stage
    from tests.contracts.stateful.world import Step, Tally
    from tests.evm.backend import Snapshot

# Small ids, an id beyond 32 bits, and the largest one: rows pack all of them.
SESSIONS: Final = tuple(SessionId(one) for one in (0, 7, 8, 2**32 + 1, SESSION_ID_LIMIT - 1))
TYPICAL_AMOUNTS: Final = (1, 2, 999, 10**6, 10**18, 3 * 10**21)
ROLE_IDS: Final = {name: bytes.fromhex(role[2:]) for name, role in roles.ROLES.items()}
# A batch number that few networks ever reach: starting here, a history can use the last ones up.
LATE_SEQUENCE: Final = 2**32 - 4

Choice = TypeVar("Choice")
Rule = TypeVar("Rule", bound="Callable[..., None]")


def worthwhile(condition: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """Let a rule run when it can get somewhere; every fifth step it may run all the same, to be refused."""
    return precondition(lambda machine: condition(machine) or machine.steps % 5 == 0)


class Base(RuleBasedStateMachine):
    """A history on a stage that was put up before; see `open_books` for how it begins."""

    def __init__(self, stage: Stage, before: Snapshot, tally: Tally) -> None:
        super().__init__()
        self.stage = stage
        self.tally = tally
        self.steps = 0
        self.world: World
        self.nodes: tuple[str, ...] = (
            ACTORS["node_operator"],
            ACTORS["other_node"],
            *(one.address for one in stage.hostile),
        )
        stage.backend.restore(before)

    @initialize(data=st.data())
    def open_books(self, data: st.DataObject) -> None:
        """Give the roles, register three sessions with money, and let two nodes earn something."""
        delay = self.pick(data, tuple(self.stage.contracts))
        self.tally.histories += 1
        self.world = World(self.stage, delay=delay, tally=self.tally, watch=self.watch)
        if self.rarely(data, 16):
            self._start_late()
        operator = ACTORS["session_contract"]
        self.world.act(calls.GRANT, ROLE_IDS["SESSION_CONTRACT_ROLE"], operator, sender=ACTORS["admin"])
        owners = (ACTORS["session_owner"], ACTORS["other_owner"], self.stage.hostile[0].address)
        for session, owner in zip(SESSIONS[:3], owners, strict=True):
            self.world.act(calls.REGISTER, session, owner, sender=operator)
            self.deposit(session, self.pick(data, TYPICAL_AMOUNTS[2:]), sender=owner)
        self.world.act(calls.MARK_MANY, self.nodes[1:], sender=operator)
        earned = self.world.ledger.session(SESSIONS[0]).balance // 3
        self.world.act(calls.CHARGE, SESSIONS[0], earned, sender=operator)
        self.world.act(calls.ALLOCATE, [self.nodes[1], self.nodes[2]], earned // 3, sender=operator)
        self.strangers_arrive(data)

    def strangers_arrive(self, data: st.DataObject) -> None:
        """Give hostile contracts their first mood; see `StrangerRules`."""

    def _start_late(self) -> None:
        """Begin near the last batch number, on the chain and in the books alike."""
        word = layout.pack(layout.TREASURY_WORD, sequence=LATE_SEQUENCE)
        self.world.backend.set_storage(self.world.address, layout.TREASURY, word)
        self.world.ledger.sequence = self.world.first_sequence = LATE_SEQUENCE

    def watch(self, step: Step) -> None:
        """Look at a call that went through; see `Promises`."""

    def deposit(self, session: int, amount: int, *, sender: str) -> None:
        """Deposit in the way that the asset asks for."""
        value = amount if self.stage.token is None else 0
        self.world.act(calls.DEPOSIT_AMOUNT, session, amount, sender=sender, value=value)

    # Choices

    def rarely(self, data: st.DataObject, odds: int) -> bool:
        """Say yes once in `odds` times."""
        # The middle of the range, because the ends of a range are drawn more often than the rest.
        return data.draw(st.integers(0, odds - 1)) == odds // 2

    def pick(self, data: st.DataObject, options: Sequence[Choice]) -> Choice:
        """Choose any of the options."""
        return data.draw(st.sampled_from(options))

    def prefer(
        self, data: st.DataObject, options: Sequence[Choice], condition: Callable[[Choice], Any]
    ) -> Choice:
        """Choose one that meets the condition four times out of five, if there is one."""
        good: Sequence[Choice] = [one for one in options if condition(one)]
        return self.pick(data, good if good and not self.rarely(data, 5) else options)

    def by(self, data: st.DataObject, rightful: str) -> str:
        """Choose who calls: mostly who may, else anybody."""
        return self.pick(data, self.stage.payers) if self.rarely(data, 8) else rightful

    def by_role(self, data: st.DataObject, name: str) -> str:
        """Choose who calls: mostly a holder of the role, if there is one."""
        holders = sorted(who for role, who in self.world.ledger.roles if role == roles.ROLES[name])
        return self.by(data, holders[0] if holders else ACTORS["admin"])

    def by_owner(self, data: st.DataObject, session: int) -> str:
        """Choose who calls: mostly the session's owner."""
        owner = self.world.ledger.session(session).owner
        return self.by(data, ACTORS["session_owner"] if owner == ZERO_ADDRESS else owner)

    def session(self, data: st.DataObject, condition: Callable[[SessionId], Any] | None = None) -> SessionId:
        """Choose a session: mostly one that meets the condition, or that is registered."""
        return self.prefer(data, SESSIONS, condition or self.world.ledger.sessions.__contains__)

    def someone(self, data: st.DataObject) -> Address:
        """Choose any address, now and then one that is not allowed."""
        return Address(self.pick(data, (*self.stage.payers, *self.world.everyone, ZERO_ADDRESS)))

    def part(self, data: st.DataObject, whole: int) -> int:
        """Choose an amount with an eye on `whole`: mostly a part of it, else an edge."""
        parts = (whole, whole // 2, whole // 3, 1, min(whole, 999))
        edges = (0, whole - 1, whole + 1, AMOUNT_LIMIT - 1)
        return max(0, self.pick(data, parts * 3 + edges))
