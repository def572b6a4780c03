"""One history: the contract, its ledger, and what the rest of the world is expected to do to a call.

`World.act` is the only way in: it asks the ledger first, predicts what tokens and payees will make of the
call, sends it, and insists on exactly that outcome, reason or events.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sessionpay.chain.logs import decode
from sessionpay.core import events as ev
from sessionpay.core.books import Node, Session
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.ledger import Call, Ledger
from sessionpay.core.refusals import TreasuryTooLow
from tests.contracts.stateful import calls
from tests.contracts.stateful.forecast import Echo, forecast
from tests.contracts.stateful.stage import HONEST, Mood, Stage, balance_of, change_mood
from tests.evm.actors import ACTORS
from tests.evm.backend import ZERO_ADDRESS
from tests.evm.contract import Contract, Reverted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Receipt
TREASURY_TOO_LOW: Final = TreasuryTooLow.reason


@dataclass(frozen=True, slots=True)
class Moment:
    """All public numbers at one time, and `held`, what the contract really had of its asset."""

    sessions: dict[SessionId, Session]
    nodes: dict[Address, Node]
    roles: frozenset[tuple[str, Address]]
    network: int
    liabilities: int
    sequence: int
    paused_until: int
    held: int
    now: int

    def session(self, session_id: SessionId) -> Session:
        """See `Books.session`."""
        return self.sessions.get(session_id, Session())

    def node(self, node: Address) -> Node:
        """See `Books.node`."""
        return self.nodes.get(node, Node())


@dataclass(frozen=True, slots=True)
class Step:
    """A call that went through, and the moment before it."""

    signature: str
    args: tuple[Any, ...]
    call: Call
    before: Moment
    events: tuple[ev.Event, ...]


@dataclass(slots=True)
class Tally:
    """What happened in many histories: `calls` counts functions by how they ended, "" for success."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    histories: int = 0
    steps: int = 0


class World:
    """A history in the making."""

    def __init__(self, stage: Stage, *, delay: int, tally: Tally, watch: Callable[[Step], None]) -> None:
        self.stage = stage
        self.backend = stage.backend
        self.contract = stage.contracts[delay]
        self.address = Address(self.contract.address)
        self.asset = Address(stage.asset)
        self.delay = delay
        self.tally = tally
        self.tokens: dict[str, Contract] = {token.address: token for token in stage.tokens}
        # Everyone whose money is watched, the contract last.
        self.everyone = (*stage.people, self.address)
        self.ledger = Ledger(withdrawal_delay=delay, contract=self.address, asset=self.asset)
        self.first_sequence = 0
        self.past: list[tuple[ev.Event, int]] = []
        self.watch = watch
        self.last_events: tuple[ev.Event, ...] = ()
        self.donated = 0
        self.moods: dict[str, Mood] = {one.address: HONEST for one in (*stage.hostile, *stage.tokens)}
        self.attempts: Counter[str] = Counter()
        self.successes: Counter[str] = Counter()
        self.wealth: dict[str, dict[str, int]] = {
            money: self.real_wealth(money) for money in (ZERO_ADDRESS, *self.tokens)
        }
        deployer = Call(Address(ACTORS["outsider"]), self.backend.now)
        self._remember(self.ledger.deploy(deployer, Address(ACTORS["admin"])))

    # What is known

    @property
    def now(self) -> int:
        """Time of the next block."""
        return self.backend.now

    def moment(self) -> Moment:
        """Take a picture of all numbers."""
        books = self.ledger
        return Moment(
            sessions=dict(books.sessions),
            nodes=dict(books.nodes),
            roles=frozenset(books.roles),
            network=books.network,
            liabilities=books.liabilities,
            sequence=books.sequence,
            paused_until=books.paused_until,
            held=self.wealth[self.asset][self.address],
            now=self.now,
        )

    def real_wealth(self, money: str) -> dict[str, int]:
        """Read what everyone really has of a token, or of the native coin."""
        return {one: balance_of(self.stage, money, one) for one in self.everyone}

    def surplus_of(self, money: str) -> int:
        """Tell how much of a token, or of the native coin, was never owed to anybody."""
        owed = self.ledger.liabilities if money == self.asset else 0
        return self.wealth[money][self.address] - owed

    # What happens

    def act(self, signature: str, *args: Any, sender: str, value: int = 0) -> str | None:  # noqa: ANN401
        """Make a call that must end as predicted; returns why it was refused, None if it went through."""
        call = Call(Address(sender), self.now, value)
        before = self.moment()
        expected = forecast(self, call, signature, args)
        self._provide_coin(sender, value)
        reason: str | None = None
        happened: tuple[ev.Event, ...] = ()
        try:
            receipt: Receipt = self.contract.fn(signature).transact(*args, sender=sender, value=value)
        except Reverted as refusal:
            reason = refusal.reason
        else:
            happened = self._read(receipt)
        told = f"{signature}{args} from {sender} at {call.now}"
        assert (reason, happened) == (expected.reason, expected.events), told
        self.tally.calls[signature, reason or ""] += 1
        self.last_events = happened
        if reason is None:
            self._settle(call, happened)
            self._hear(expected.echo)
            self.watch(Step(signature, args, call, before, happened))
        return reason

    def _read(self, receipt: Receipt) -> tuple[ev.Event, ...]:
        """Read what the contract logged twice: as the package does, and as its ABI says."""
        logs = [log for log in receipt.logs if log.address == self.address]
        read = tuple(calls.read_event(event) for event in receipt.events)
        assert tuple(decode({"topics": log.topics, "data": log.data}) for log in logs) == read
        return read

    def act_on_batch(self, signature: str, sequence: int, rows: list[int], *, sender: str) -> bool:
        """Make a batch call, after its preview, which must say the same."""
        preview = self._preview(signature, rows)
        reason = self.act(signature, sequence, rows, sender=sender)
        if reason is None:
            assert (preview,) == self.last_events, "views_true"
        assert reason != TREASURY_TOO_LOW or preview == TREASURY_TOO_LOW, "views_true"
        return reason is None

    def _preview(self, signature: str, rows: list[int]) -> ev.Event | str:
        """Ask the contract for the event that a batch would log, or for the reason why not."""
        sequence = self.ledger.sequence
        try:
            if signature == calls.CHARGE_BATCH:
                total, applied = self.contract.previewCharges(rows)
                return ev.SessionsCharged(sequence, total, calls.charges_in(applied))
            total, applied = self.contract.previewAllocations(rows)
            return ev.NodesAllocated(sequence, total, calls.allocations_in(applied))
        except Reverted as refusal:
            return refusal.reason

    def change_mood(self, one: Contract, mood: Mood) -> None:
        """Let a hostile contract behave differently from now on."""
        change_mood(one, self.address, self.moods[one.address], mood)
        self.moods[one.address] = mood

    def receive(self, money: str, amount: int) -> None:
        """Note that the contract was given something outside its books."""
        self.wealth[money][self.address] += amount
        if money == self.asset:
            self.donated += amount

    def wait_until(self, time: int) -> None:
        """Let time pass, up to a moment; one that is over is now."""
        self.backend.set_time(max(time, self.now))

    def _remember(self, events: list[ev.Event]) -> None:
        self.ledger.record(events, self.now)
        self.past.extend((event, self.now) for event in events)

    def _provide_coin(self, account: str, value: int) -> None:
        missing = value - self.wealth[ZERO_ADDRESS][account]
        if missing > 0:
            self.backend.set_balance(account, value)
            self.wealth[ZERO_ADDRESS][account] = value

    def _settle(self, call: Call, events: tuple[ev.Event, ...]) -> None:
        """Move the expected money, then record."""
        for event in events:
            match event:
                case ev.DepositToSession():
                    self._move(self.asset, call.sender, self.address, event.amount)
                case ev.WithdrawFromSession():
                    self._move(self.asset, self.address, call.sender, event.amount)
                case ev.NodePaymentWithdrawn():
                    self._move(self.asset, self.address, self.ledger.payee(event.node), event.amount)
                case ev.TokenRecovered():
                    self._move(event.token, self.address, event.to, event.amount)
                    self.donated -= event.amount if event.token == self.asset else 0
                case _:
                    pass
        self._remember(list(events))

    def _hear(self, echo: Echo) -> None:
        """Hold a hostile contract's own count of its calls back against the prediction."""
        if echo.caller is None:
            return
        self.attempts[echo.caller] += 1
        self.successes[echo.caller] += echo.succeeds
        self.tally.calls["a call back", "went through" if echo.succeeds else "failed"] += 1
        hostile = next(one for one in (*self.stage.hostile, *self.stage.tokens) if one.address == echo.caller)
        assert hostile.attempts() == self.attempts[echo.caller]
        assert hostile.successes() == self.successes[echo.caller]

    def _move(self, money: str, giver: str, taker: str, amount: int) -> None:
        self.wealth[money][giver] -= amount
        self.wealth[money][taker] += amount
