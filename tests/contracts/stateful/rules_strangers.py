"""What the rest of the world does: time, donations, and hostile tokens and payees that change their mood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.ledger import CLOCK_MAX, DAY, PAUSE_REST_SECONDS, WINDOW_SECONDS
from tests.contracts.stateful import calls
from tests.contracts.stateful.base import ROLE_IDS, SESSIONS, Base
from tests.contracts.stateful.stage import HONEST, Mood, Reentry
from tests.evm.actors import ACTORS
from tests.evm.contract import Reverted
from tests.evm.hostile import ODD_ANSWERS, Fault, Function

if TYPE_CHECKING:
    from collections.abc import Callable

JUMPS = (60, 3_600, DAY, 3 * DAY, 8 * DAY, 40 * DAY, 400 * DAY)
FAULTS = tuple(fault for fault in Fault if fault != Fault.NONE)
HOOKS = (Function.TRANSFER, Function.TRANSFER_FROM, Function.PERMIT)
DONATIONS = (1, 999, 10**18, 2**96)


class StrangerRules(Base):
    """Rules by group; see the module."""

    def strangers_arrive(self, data: st.DataObject) -> None:
        """Let histories begin with somebody who is hostile already."""
        self.a_payee_changes_its_mood(data)
        self.a_token_changes_its_mood(data)
        if self.rarely(data, 2):
            self.coin_is_forced_in(data)
            self.a_token_is_sent_by_mistake(data)

    @rule(seconds=st.integers(1, 20))
    def a_moment_passes(self, seconds: int) -> None:
        """A block or two go by."""
        self.world.wait_until(self.world.now + seconds)

    @rule(data=st.data())
    def an_edge_is_reached(self, data: st.DataObject) -> None:
        """Time stops exactly at, or a second before, a moment at which something changes."""
        ahead = [edge - early for edge in self._edges() for early in (0, 1) if edge - early > self.world.now]
        if ahead:
            self.world.wait_until(self.pick(data, sorted(ahead)))

    @rule(data=st.data())
    def a_long_time_passes(self, data: st.DataObject) -> None:
        """Hours, weeks, a year; very rarely until the clock of pauses runs out."""
        until = self.world.now + self.pick(data, JUMPS)
        if self.rarely(data, 50):
            until = CLOCK_MAX - self.pick(data, (DAY, 10, 0))
        self.world.wait_until(until)

    def _edges(self) -> list[int]:
        ledger, delay = self.world.ledger, self.world.delay
        requests = {one.withdrawal_requested_at for one in ledger.sessions.values()} - {0}
        opens = [at + delay for at in requests]
        rests = [ledger.paused_until, ledger.paused_until + PAUSE_REST_SECONDS]
        return [*opens, *(at + WINDOW_SECONDS for at in opens), *rests]

    @rule(data=st.data())
    def coin_is_forced_in(self, data: st.DataObject) -> None:
        """A contract destroys itself in favour of this one."""
        amount, giver = self.pick(data, DONATIONS[:3]), ACTORS["outsider"]
        self.stage.feeder.feed(self.world.address, sender=giver, value=amount)
        self.world.wealth[ZERO_ADDRESS][giver] -= amount
        self.world.receive(ZERO_ADDRESS, amount)

    @rule(data=st.data())
    def a_token_is_sent_by_mistake(self, data: st.DataObject) -> None:
        """Tokens arrive without a deposit, the asset or another."""
        token, amount = self.pick(data, self.stage.tokens), self.pick(data, DONATIONS)
        token.mint(self.world.address, amount, sender=ACTORS["outsider"])
        self.world.receive(token.address, amount)

    @rule(data=st.data())
    def sends_what_the_contract_does_not_take(self, data: st.DataObject) -> None:
        """A plain transfer, and calldata that fits no function, revert without a word."""
        calldata, value = self.pick(data, ((b"", 1), (b"", 0), (b"\xde\xad\xbe\xef", 0), (b"\x00", 5)))
        with pytest.raises(Reverted) as refusal:
            self.world.contract.send(calldata, sender=ACTORS["outsider"], value=value)
        assert refusal.value.data == b""

    @rule(data=st.data())
    def a_payee_changes_its_mood(self, data: st.DataObject) -> None:
        """A hostile payee fails in one of the ways there are, calls back, or behaves."""
        kinds: tuple[Callable[[], Mood], ...] = (
            lambda: HONEST,
            lambda: Mood(fault=self.pick(data, FAULTS)),
            lambda: Mood(reentry=self._reentry(data)),
        )
        self.world.change_mood(self.pick(data, self.stage.hostile), self.pick(data, kinds)())

    @rule(data=st.data())
    def a_token_changes_its_mood(self, data: st.DataObject) -> None:
        """A token fails, answers oddly, keeps a unit, shuts somebody out, calls back, or behaves."""
        kinds: tuple[Callable[[], Mood], ...] = (
            lambda: HONEST,
            lambda: HONEST,
            lambda: Mood(fault=self.pick(data, FAULTS), failing=self._functions(data, tuple(Function)[1:])),
            lambda: Mood(
                odd=self._functions(data, HOOKS[:2]), answer=self.pick(data, tuple(ODD_ANSWERS.values()))
            ),
            lambda: Mood(skims=True),
            lambda: Mood(blocked=frozenset({self.pick(data, self.world.everyone)})),
            lambda: Mood(
                calling_back=self.pick(data, HOOKS),
                reentry=self._reentry(data),
                late=data.draw(st.booleans()),
            ),
            lambda: Mood(calling_back=Function.BALANCE_OF, reentry=self._reentry(data, guarded=True)),
        )
        self.world.change_mood(self.pick(data, self.stage.tokens), self.pick(data, kinds)())

    def _functions(self, data: st.DataObject, among: tuple[Function, ...]) -> Function:
        chosen = data.draw(st.sets(st.sampled_from(among), min_size=1))
        return Function(sum(chosen))

    def _reentry(self, data: st.DataObject, *, guarded: bool = False) -> Reentry:
        """Choose any function of the contract, with random arguments; or bytes that fit none."""
        free = (*calls.ACCESS_CONTROL, *calls.UNGUARDED_READS)
        functions = [one for one in self.world.contract.functions if not (guarded and one in free)]
        signature = self.pick(data, ["", *functions])
        if not signature:
            return Reentry("", (), self.pick(data, (b"", b"\xde\xad\xbe\xef")), 0 if guarded else 1)
        function = self.world.contract.fn(signature)
        kinds = [kind for kind in signature.partition("(")[2][:-1].split(",") if kind]
        args = tuple(self._argument(data, kind) for kind in kinds)
        value = 1 if not guarded and self.rarely(data, 4) else 0
        return Reentry(signature, args, function.calldata(*args), value)

    def _argument(self, data: st.DataObject, kind: str) -> Any:  # noqa: ANN401 - the ABI decides
        if kind.endswith("[]"):
            return tuple(self._argument(data, kind[:-2]) for _ in range(data.draw(st.integers(0, 2))))
        options: dict[str, tuple[Any, ...]] = {
            "address": (*self.nodes, *self.world.tokens, ZERO_ADDRESS),
            "bytes32": tuple(ROLE_IDS.values()),
            "bytes4": (b"\x01\xff\xc9\xa7",),
            "uint8": (27,),
        }
        return self.pick(data, options.get(kind, (*SESSIONS, 1, 2**256 - 1)))
