"""What must hold after every step, one method for each promise; the contract's invariants stand beside them.

Each looks at the step just made: the moment before it, what the chain said, and the moment after it. That the
ledger's numbers are the contract's is `spec_agrees`; so the others may read them from the ledger.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from hypothesis.stateful import invariant

from sessionpay.core import events as ev
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.ledger import DAY, PAUSE_REST_SECONDS, PAUSE_SECONDS_MAX, WINDOW_SECONDS
from sessionpay.core.roles import ADMIN_ROLE
from tests.contracts.stateful import agreement, calls
from tests.contracts.stateful.base import SESSIONS, Base
from tests.contracts.stateful.stage import HONEST
from tests.evm.actors import ACTORS

if TYPE_CHECKING:
    from sessionpay.core.books import Session
    from tests.contracts.stateful.stage import Stage
    from tests.contracts.stateful.world import Step, Tally
    from tests.evm.backend import Snapshot

# Everything an admin can do without touching anybody's money: it may pause, recover, and deal in roles.
ADMIN_CALLS: Final = (calls.PAUSE, calls.UNPAUSE, *calls.RECOVERIES, *calls.ACCESS_CONTROL)


class Promises(Base):
    """Checks after every step, and the way out at the end."""

    def __init__(self, stage: Stage, before: Snapshot, tally: Tally) -> None:
        super().__init__(stage, before, tally)
        self.charged: dict[SessionId, int] = {}
        self.paid_out: dict[Address, int] = {}
        # By session: when its owner first showed that money would leave, and what was there at that time.
        self.signs: dict[SessionId, tuple[int, int]] = {}

    def watch(self, step: Step) -> None:
        """Hold a call that went through against every promise about what a call may do."""
        self.no_role_takes(step)
        self.charge_bounded(step)
        self.earnings_only_grow(step)
        self.recovery_is_surplus_only(step)
        self.strangers_only_add(step)
        self.params_not_retroactive(step)
        self.delay_protects(step)
        self.pause_ends(step)
        self.batch_once(step)

    @invariant()
    def spec_agrees(self) -> None:
        """Promise 17: every word of the contract is what the ledger says, whatever the step was."""
        self.steps += 1
        self.tally.steps += 1
        world = self.world
        nodes = tuple({*self.nodes, *world.ledger.nodes})
        agreement.assert_words_agree(world, nodes)
        sessions, paid = agreement.touched(world.last_events)
        agreement.assert_account(world, next(iter(sessions), SESSIONS[self.steps % len(SESSIONS)]))
        if paid:
            agreement.assert_node_views(world, min(paid))

    @invariant()
    def solvent_always(self) -> None:
        """Promise 1, invariant-1: it has what it owes, and exactly that while nobody donates.

        And invariant-2: what it owes is the sum of its parts.
        """
        world, ledger = self.world, self.world.ledger
        assert world.donated >= 0
        assert world.wealth[world.asset][world.address] == ledger.liabilities + world.donated
        balances = sum(session.balance for session in ledger.sessions.values())
        pending = sum(node.pending for node in ledger.nodes.values())
        assert ledger.liabilities == balances + ledger.network + pending
        agreement.assert_surplus(world)

    @invariant()
    def conserved(self) -> None:
        """Promise 2: everybody's real money is what it should be after this step, to the base unit."""
        world = self.world
        recovered = {event.token for event in world.last_events if isinstance(event, ev.TokenRecovered)}
        for money in {world.asset, *recovered}:
            assert world.real_wealth(money) == world.wealth[money], f"wealth in {money}"

    def no_role_takes(self, step: Step) -> None:
        """Promise 3: an owner's and a node's claim falls only by a charge within it, or by its own payout."""
        charged, withdrawn, paid = self._moved(step)
        for session, was in step.before.sessions.items():
            fell = was.balance - self.world.ledger.session(session).balance
            own = withdrawn.get(session, 0)
            assert fell <= charged.get(session, 0) + own
            assert charged.get(session, 0) <= was.balance
            assert own == 0 or step.call.sender == was.owner
        for node, had in step.before.nodes.items():
            assert had.pending - self.world.ledger.node(node).pending <= paid.get(node, 0)
        if step.signature in ADMIN_CALLS:
            assert not charged
            assert self.world.ledger.liabilities == step.before.liabilities

    def charge_bounded(self, step: Step) -> None:
        """Promise 5, invariant-3: usage only grows, and is the sum of the charges against the session."""
        for session, amount in self._moved(step)[0].items():
            self.charged[session] = self.charged.get(session, 0) + amount
        for session in SESSIONS:
            assert self.world.ledger.session(session).usage == self.charged.get(session, 0)

    def earnings_only_grow(self, step: Step) -> None:
        """Promise 6, invariant-4: pending is what was earned less what was paid out to the payee.

        That the payee, and nobody else, got it is checked to the unit by `conserved`.
        """
        for node, amount in self._moved(step)[2].items():
            assert amount == step.before.node(node).pending
            self.paid_out[node] = self.paid_out.get(node, 0) + amount
        for node, now in self.world.ledger.nodes.items():
            assert now.earned >= step.before.node(node).earned
            assert now.pending == now.earned - self.paid_out.get(node, 0)

    def recovery_is_surplus_only(self, step: Step) -> None:
        """Promise 4, invariant-5: a recovery takes what was donated and leaves the books alone."""
        if step.signature not in calls.RECOVERIES:
            return
        before, after = step.before, self.world.moment()
        assert after.held >= after.liabilities
        assert (before.sessions, before.nodes, before.network) == (after.sessions, after.nodes, after.network)

    def strangers_only_add(self, step: Step) -> None:
        """Promise 7, invariant-8: clocks and owners move by an owner's own call, payees by a payee's."""
        for session, now in self.world.ledger.sessions.items():
            was = step.before.session(session)
            if was.owner not in (ZERO_ADDRESS, step.call.sender):
                same = (now.owner, now.registered_at, now.withdrawal_requested_at)
                assert same == (was.owner, was.registered_at, was.withdrawal_requested_at)
        for node, state in self.world.ledger.nodes.items():
            had = step.before.node(node)
            assert had.payee == state.payee or step.call.sender in (had.payee, node)
        if not any(who == step.call.sender for _, who in step.before.roles):
            assert all(self._only_gains(session, step) for session in step.before.sessions)

    def _only_gains(self, session: SessionId, step: Step) -> bool:
        was, now = step.before.session(session), self.world.ledger.session(session)
        return step.call.sender == was.owner or (now.balance >= was.balance and now.usage == was.usage)

    def params_not_retroactive(self, step: Step) -> None:
        """Promise 15: nothing that a role holder does moves a running withdrawal, nor the delay."""
        if step.signature in ADMIN_CALLS:
            clocks = [self._clock(self.world.ledger.session(session)) for session in SESSIONS]
            assert clocks == [self._clock(step.before.session(session)) for session in SESSIONS]
            agreement.assert_constants(self.world)

    @staticmethod
    def _clock(session: Session) -> tuple[Address, int]:
        return session.owner, session.withdrawal_requested_at

    def delay_protects(self, step: Step) -> None:
        """Promise 3a: until the delay after the first sign of leaving, only charges lower what was there.

        Invariant-8 again: the sign is the owner's, and counts from when it was given.
        """
        delay = self.world.delay
        for event in step.events if delay else ():
            match event:
                case ev.SessionWithdrawalRequested(session_id=session):
                    balance = self.world.ledger.session(session).balance
                    self.signs[session] = (self.world.now, balance)
                case (
                    ev.SessionWithdrawalCancelled(session_id=session)
                    | ev.SessionTransferred(session_id=session)
                ):
                    self.signs.pop(session, None)
                case ev.WithdrawFromSession(session_id=session):
                    given_at, _ = self.signs.pop(session)
                    assert given_at + delay <= self.world.now < given_at + delay + WINDOW_SECONDS
                case _:
                    pass
        charged = self._moved(step)[0]
        for session, (given_at, promised) in self.signs.items():
            self.signs[session] = given_at, max(0, promised - charged.get(session, 0))
            assert self.world.ledger.session(session).balance >= promised - charged.get(session, 0)

    def pause_ends(self, step: Step) -> None:
        """Promise 10, invariant-6: a pause is at most seven days long and never follows another at once."""
        ledger = self.world.ledger
        assert ledger.paused_until - self.world.now <= PAUSE_SECONDS_MAX
        if step.signature == calls.PAUSE:
            assert step.call.now >= step.before.paused_until + PAUSE_REST_SECONDS
        else:
            assert ledger.paused_until <= step.before.paused_until

    def batch_once(self, step: Step) -> None:
        """Promise 13, invariant-7: each batch uses up exactly the next number, and nothing else does."""
        batches = [one for one in step.events if isinstance(one, ev.SessionsCharged | ev.NodesAllocated)]
        assert [batch.sequence for batch in batches] == [step.before.sequence] * len(batches)
        assert self.world.ledger.sequence == step.before.sequence + len(batches)

    # The end

    def teardown(self) -> None:
        """Promises 9, 16 and 18: the numbers agree by every view and by replay, and everybody gets out."""
        if not hasattr(self, "world") or sys.exception() is not None:
            return
        self.views_true()
        self.exits_open()
        self.events_rebuild()

    def views_true(self) -> None:
        """Promise 18: every view tells what the words tell; `World` holds previews against batches."""
        world = self.world
        agreement.assert_every_view_agrees(world, tuple({*self.nodes, *world.ledger.nodes}))
        for money in world.wealth:
            assert world.real_wealth(money) == world.wealth[money]

    def events_rebuild(self) -> None:
        """Promise 16: the events alone rebuild every public number, which is what the contract has stored."""
        agreement.assert_replay_agrees(self.world)
        agreement.assert_words_agree(self.world, (*self.world.everyone, ZERO_ADDRESS))

    def exits_open(self) -> None:
        """Promise 9, invariant-6: paused and without an operator, all owners and nodes take all they own."""
        world = self.world
        self._operators_vanish()
        for one in (*self.stage.hostile, *self.stage.tokens):
            world.change_mood(one, HONEST)
        for node in sorted(world.ledger.nodes):
            if world.ledger.node(node).pending:
                self._pay_out(node)
        for session in sorted(world.ledger.sessions):
            if world.ledger.session(session).balance:
                self._leave(session)
        assert world.ledger.liabilities == world.ledger.network
        assert world.real_wealth(world.asset)[world.address] == world.ledger.network + world.donated

    def _must(self, signature: str, *args: object, sender: str) -> None:
        """Make a call that nothing may stop."""
        assert self.world.act(signature, *args, sender=sender) is None, "exits_open"

    def _operators_vanish(self) -> None:
        """Pause once more, for as long as the rules allow, and give up every role."""
        world = self.world
        admins = [who for role, who in world.ledger.roles if role == ADMIN_ROLE]
        if admins:
            world.wait_until(world.ledger.paused_until + DAY)
            world.act(calls.PAUSE, PAUSE_SECONDS_MAX, sender=admins[0])
        for role, who in sorted(world.ledger.roles):
            self._must(calls.RENOUNCE, bytes.fromhex(role[2:]), who, sender=who)

    def _pay_out(self, node: Address) -> None:
        """Pay a node; a payee that cannot take money names another one first."""
        world, payee = self.world, self.world.ledger.payee(node)
        if world.asset == ZERO_ADDRESS and payee in self.stage.coinless:
            self._must(calls.SET_PAYEE, node, ACTORS["payee"], sender=payee)
        self._must(calls.PAY_NODE, node, sender=ACTORS["outsider"])

    def _leave(self, session: SessionId) -> None:
        """Withdraw everything, within the delay of asking."""
        world, owner = self.world, self.world.ledger.session(session).owner
        if world.asset == ZERO_ADDRESS and owner in self.stage.coinless:
            self._must(calls.TRANSFER, session, ACTORS["session_owner"], sender=owner)
            owner = Address(ACTORS["session_owner"])
        if world.delay:
            if world.ledger.session(session).withdrawal_requested_at:
                self._must(calls.CANCEL, session, sender=owner)
            self._must(calls.REQUEST, session, sender=owner)
            world.wait_until(world.now + world.delay)
        self._must(calls.WITHDRAW, session, sender=owner)

    @staticmethod
    def _moved(step: Step) -> tuple[dict[SessionId, int], dict[SessionId, int], dict[Address, int]]:
        """Sum up what a step charged and withdrew by session, and paid out by node."""
        charged: dict[SessionId, int] = {}
        withdrawn: dict[SessionId, int] = {}
        paid: dict[Address, int] = {}
        for event in step.events:
            match event:
                case ev.PaymentToNetwork(session_id=session, amount=amount):
                    charged[session] = charged.get(session, 0) + amount
                case ev.SessionsCharged(charges=charges):
                    for session, amount in charges:
                        charged[session] = charged.get(session, 0) + amount
                case ev.WithdrawFromSession(session_id=session, amount=amount):
                    withdrawn[session] = amount
                case ev.NodePaymentWithdrawn(node=node, amount=amount):
                    paid[node] = amount
                case _:
                    pass
        return charged, withdrawn, paid
