"""The state that the contract's events add up to.

Recording an event is the only way to change it. Every number that the contract
shows, but what it really holds, follows from its events and their block times.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sessionpay.core import events as ev
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import BaseUnits


@dataclass(frozen=True, slots=True)
class Session:
    """One session: amounts in base units, times in unix seconds, 0 for never."""

    owner: Address = ZERO_ADDRESS
    balance: BaseUnits = BaseUnits(0)
    usage: BaseUnits = BaseUnits(0)
    registered_at: int = 0
    last_payment_at: int = 0
    withdrawal_requested_at: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One node: amounts in base units; `last_used_at` 0 means not active, payee zero the node itself."""

    pending: BaseUnits = BaseUnits(0)
    earned: BaseUnits = BaseUnits(0)
    last_used_at: int = 0
    payee: Address = ZERO_ADDRESS


NO_SESSION = Session()
NO_NODE = Node()


@dataclass(slots=True)
class Books:
    """Sessions, nodes, roles and the treasury of one deployment.

    `network` is what was charged and not yet allocated, `liabilities` all that
    is owed, both in base units; `sequence` is the next batch's number,
    `paused_until` a unix time, `withdrawal_delay` in seconds.
    """

    withdrawal_delay: int = 0
    sessions: dict[SessionId, Session] = field(default_factory=dict)
    nodes: dict[Address, Node] = field(default_factory=dict)
    roles: set[tuple[str, Address]] = field(default_factory=set)
    network: BaseUnits = BaseUnits(0)
    liabilities: BaseUnits = BaseUnits(0)
    sequence: int = 0
    paused_until: int = 0

    def session(self, session_id: int) -> Session:
        """Return the session, or one of zeros for an unknown id."""
        return self.sessions.get(SessionId(session_id), NO_SESSION)

    def node(self, node: Address) -> Node:
        """Return the node, or one of zeros."""
        return self.nodes.get(node, NO_NODE)

    def payee(self, node: Address) -> Address:
        """Return who receives the node's money."""
        payee = self.node(node).payee
        return node if payee == ZERO_ADDRESS else payee

    def record(self, events: Iterable[ev.Event], at: int) -> None:
        """Apply what one block at unix time `at` logged, in its order."""
        for event in events:
            self._record(event, at)

    def _record(self, event: ev.Event, at: int) -> None:
        match event:
            case ev.SessionsCharged():
                for session_id, amount in event.charges:
                    self._charge(session_id, amount, at)
                self.sequence = event.sequence + 1
            case ev.NodesAllocated():
                for node, amount in event.allocations:
                    self._allocate(node, amount)
                self.sequence = event.sequence + 1
            case ev.PaymentToNetwork():
                self._charge(event.session_id, event.amount, at)
            case ev.NodePaymentAllocated():
                self._allocate(event.node, event.amount)
            case ev.NodePaymentWithdrawn():
                self._change_node(event.node, pending=BaseUnits(self.node(event.node).pending - event.amount))
                self.liabilities = BaseUnits(self.liabilities - event.amount)
            case ev.NodeTimestampUpdated():
                self._change_node(event.node, last_used_at=at)
            case ev.NodeTimestampsUpdated():
                for node in event.nodes:
                    self._change_node(node, last_used_at=at)
            case ev.NodeTimestampDeleted():
                self._change_node(event.node, last_used_at=0)
            case ev.NodePayeeSet():
                self._change_node(event.node, payee=event.payee)
            case ev.Paused():
                self.paused_until = event.until
            case ev.Unpaused():
                self.paused_until = at
            case ev.RoleGranted():
                self.roles.add((event.role, event.account))
            case ev.RoleRevoked():
                self.roles.discard((event.role, event.account))
            case _:
                self._record_of_session(event, at)

    def _record_of_session(self, event: ev.Event, at: int) -> None:
        match event:
            case ev.DepositToSession():
                balance = self.session(event.session_id).balance + event.amount
                self._change_session(event.session_id, balance=BaseUnits(balance))
                self.liabilities = BaseUnits(self.liabilities + event.amount)
            case ev.WithdrawFromSession():
                balance = self.session(event.session_id).balance - event.amount
                self._change_session(event.session_id, balance=BaseUnits(balance), withdrawal_requested_at=0)
                self.liabilities = BaseUnits(self.liabilities - event.amount)
            case ev.SessionRegistered():
                self.sessions[event.session_id] = Session(owner=event.owner, registered_at=at)
            case ev.SessionWithdrawalRequested():
                requested_at = event.available_at - self.withdrawal_delay
                self._change_session(event.session_id, withdrawal_requested_at=requested_at)
            case ev.SessionWithdrawalCancelled():
                self._change_session(event.session_id, withdrawal_requested_at=0)
            case ev.SessionTransferred():
                self._change_session(event.session_id, owner=event.new_owner, withdrawal_requested_at=0)
            case ev.TokenRecovered():
                pass  # What is recovered was never in the books.
            case _:
                raise TypeError(f"not an event of the contract: {event!r}")

    def _charge(self, session_id: SessionId, amount: BaseUnits, at: int) -> None:
        if amount == 0:
            return  # A row that applied nothing moves no timestamp.
        before = self.session(session_id)
        # Written out, because most of a history is rows of batches, and `replace` takes twice as long.
        self.sessions[session_id] = Session(
            before.owner,
            BaseUnits(before.balance - amount),
            BaseUnits(before.usage + amount),
            before.registered_at,
            at,
            before.withdrawal_requested_at,
        )
        self.network = BaseUnits(self.network + amount)

    def _allocate(self, node: Address, amount: BaseUnits) -> None:
        if amount == 0:
            return
        before = self.node(node)
        self.nodes[node] = Node(
            BaseUnits(before.pending + amount),
            BaseUnits(before.earned + amount),
            before.last_used_at,
            before.payee,
        )
        self.network = BaseUnits(self.network - amount)

    def _change_session(self, session_id: SessionId, **changes: object) -> None:
        self.sessions[session_id] = replace(self.session(session_id), **changes)  # type: ignore[arg-type]

    def _change_node(self, node: Address, **changes: object) -> None:
        self.nodes[node] = replace(self.node(node), **changes)  # type: ignore[arg-type]
