"""The contract's books a second time, in plain Python.

A call is asked of the ledger with its caller and its time; the ledger refuses
it with the contract's own reason, or answers with the events that the contract
would log. Nothing changes until those events are recorded, and recording is
the only way that anything changes. So one set of rules previews calls, follows
the chain from its events, and is held against the contract.

The ledger knows promises, not holdings: whether a token or a payee takes part
is the world's affair, so refusals that begin with `asset:` are not here, except
those that the arguments alone decide, and a recovery is not looked at afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sessionpay.core import events as ev
from sessionpay.core import refusals as no
from sessionpay.core.books import Books, Session
from sessionpay.core.ids import SESSION_ID_LIMIT, ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import AMOUNT_LIMIT, BaseUnits
from sessionpay.core.roles import ADMIN_ROLE, DEFAULT_ADMIN_ROLE, SESSION_CONTRACT_ROLE

DAY = 86_400
WINDOW_SECONDS = 7 * DAY
PAUSE_SECONDS_MAX = 7 * DAY
PAUSE_REST_SECONDS = DAY
DELAY_SECONDS_MAX = 30 * DAY
SEQUENCE_MAX = 2**32 - 1
CLOCK_MAX = 2**32 - 1
# What an owner names to take the whole balance, whatever it is by then.
WHOLE_BALANCE = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, when (unix seconds of the block), and with how much native coin."""

    sender: Address
    now: int
    value: int = 0


@dataclass(slots=True)
class Ledger(Books):
    """The books of one deployment, and the rules by which they change.

    `contract` is the deployment's own address, `asset` zero for the native coin,
    `withdrawal_delay` in seconds, 0 to 30 days.
    """

    contract: Address = ZERO_ADDRESS
    asset: Address = ZERO_ADDRESS

    # Construction

    def deploy(self, call: Call, admin: Address) -> list[ev.Event]:
        """Return the events of the constructor: the deployer keeps nothing."""
        if admin == ZERO_ADDRESS:
            raise no.AdminIsZero(admin=admin)
        if self.withdrawal_delay > DELAY_SECONDS_MAX:
            raise no.DelayTooLong(withdrawal_delay=self.withdrawal_delay)
        return [
            ev.RoleGranted(DEFAULT_ADMIN_ROLE, call.sender, call.sender),
            ev.RoleRevoked(DEFAULT_ADMIN_ROLE, call.sender, call.sender),
            ev.RoleGranted(DEFAULT_ADMIN_ROLE, admin, call.sender),
            ev.RoleGranted(ADMIN_ROLE, admin, call.sender),
        ]

    # Anyone

    def deposit_to_session(self, call: Call, session_id: int, amount: int | None = None) -> list[ev.Event]:
        """Add money to a registered session; without `amount`, the value sent is the amount."""
        amount = call.value if amount is None else amount
        if self.asset == ZERO_ADDRESS and call.value != amount:
            raise no.ValueIsNotTheAmount(value=call.value, amount=amount)
        if self.asset != ZERO_ADDRESS and call.value != 0:
            raise no.TakesNoNativeCoin(value=call.value)
        return self._deposit(call, session_id, amount)

    def deposit_to_session_with_permit(self, call: Call, session_id: int, amount: int) -> list[ev.Event]:
        """Add money to a session with a signed approval instead of an earlier one."""
        if self.asset == ZERO_ADDRESS:
            raise no.NotAToken
        return self._deposit(call, session_id, amount)

    def _deposit(self, call: Call, session_id: int, amount: int) -> list[ev.Event]:
        self._require_unpaused(call)
        if amount == 0:
            raise no.SessionAmountZero(session_id=session_id)
        if self.liabilities + amount >= AMOUNT_LIMIT:
            raise no.LiabilitiesLimit(amount=amount, liabilities=self.liabilities)
        session = self._registered(session_id)
        if session.balance + session.usage + amount >= AMOUNT_LIMIT:
            raise no.SessionLifetimeLimit(
                session_id=session_id, amount=amount, balance=session.balance, usage=session.usage
            )
        return [ev.DepositToSession(SessionId(session_id), BaseUnits(amount))]

    def withdraw_node_payment(self, _call: Call, node: Address) -> list[ev.Event]:
        """Pay everything pending of `node` to its payee."""
        pending = self.node(node).pending
        if pending == 0:
            raise no.NothingToPay(node=node)
        return [ev.NodePaymentWithdrawn(node, pending)]

    def set_node_payee(self, call: Call, node: Address, payee: Address) -> list[ev.Event]:
        """Choose where the node's money goes; the present payee decides."""
        if call.sender != self.payee(node):
            raise no.NotThePayee(node=node, payee=self.payee(node), sender=call.sender)
        if payee in (ZERO_ADDRESS, self.contract):
            raise no.PayeeNotAllowed(payee=payee)
        return [ev.NodePayeeSet(node, payee)]

    # Session owner

    def request_session_withdrawal(self, call: Call, session_id: int) -> list[ev.Event]:
        """Start the delay, unless a request is still waiting or usable."""
        session = self._owned(call, session_id)
        self._require_delay(session_id)
        requested_at = session.withdrawal_requested_at
        if requested_at and call.now < requested_at + self.withdrawal_delay + WINDOW_SECONDS:
            raise no.WithdrawalRequestOpen(session_id=session_id, requested_at=requested_at)
        available_at = call.now + self.withdrawal_delay
        return [ev.SessionWithdrawalRequested(SessionId(session_id), available_at)]

    def cancel_session_withdrawal(self, call: Call, session_id: int) -> list[ev.Event]:
        """Take the request back, lapsed or not."""
        session = self._owned(call, session_id)
        self._require_delay(session_id)
        if session.withdrawal_requested_at == 0:
            raise no.NoWithdrawalRequest(session_id=session_id)
        return [ev.SessionWithdrawalCancelled(SessionId(session_id))]

    def withdraw_from_session(
        self, call: Call, session_id: int, amount: int = WHOLE_BALANCE
    ) -> list[ev.Event]:
        """Take `amount` of the unspent balance back; where there is a delay, inside a request's window."""
        session = self._owned(call, session_id)
        if self.withdrawal_delay:
            self._require_window(call, session_id)
        if session.balance == 0:
            raise no.NothingToWithdraw(session_id=session_id)
        taken = session.balance if amount == WHOLE_BALANCE else amount
        if taken == 0:
            raise no.SessionAmountZero(session_id=session_id)
        if taken > session.balance:
            raise no.SessionBalanceTooLow(session_id=session_id, balance=session.balance, amount=taken)
        return [ev.WithdrawFromSession(SessionId(session_id), BaseUnits(taken))]

    def transfer_session(self, call: Call, session_id: int, new_owner: Address) -> list[ev.Event]:
        """Hand the session over; a running request does not go with it."""
        session = self._owned(call, session_id)
        self._require_owner_allowed(new_owner)
        return [ev.SessionTransferred(SessionId(session_id), session.owner, new_owner)]

    # Session contract

    def register_session(self, call: Call, session_id: int, owner: Address) -> list[ev.Event]:
        """Create a session; an id is given once."""
        self._require_role(call, SESSION_CONTRACT_ROLE)
        self._require_unpaused(call)
        if session_id >= SESSION_ID_LIMIT:
            raise no.SessionIdTooLarge(session_id=session_id)
        self._require_owner_allowed(owner)
        if session_id in self.sessions:
            raise no.SessionAlreadyRegistered(session_id=session_id, owner=self.session(session_id).owner)
        return [ev.SessionRegistered(SessionId(session_id), owner)]

    def pay_from_session_to_network(self, call: Call, session_id: int, amount: int) -> list[ev.Event]:
        """Charge one session exactly `amount`."""
        self._require_role(call, SESSION_CONTRACT_ROLE)
        self._require_unpaused(call)
        if amount == 0:
            raise no.SessionAmountZero(session_id=session_id)
        balance = self.session(session_id).balance
        if amount > balance:
            self._registered(session_id)
            raise no.SessionBalanceTooLow(session_id=session_id, balance=balance, amount=amount)
        return [ev.PaymentToNetwork(SessionId(session_id), BaseUnits(amount))]

    def pay_from_sessions_to_network(
        self, call: Call, sequence: int, charges: Sequence[ev.Charge]
    ) -> list[ev.Event]:
        """Charge many sessions what each can pay."""
        self._require_batch(call, sequence)
        total, rows = self.preview_charges(charges)
        return [ev.SessionsCharged(sequence, total, rows)]

    def preview_charges(self, charges: Sequence[ev.Charge]) -> tuple[BaseUnits, tuple[ev.Charge, ...]]:
        """Return what a charge batch would take, in all and row by row; earlier rows count."""
        left: dict[SessionId, int] = {}
        rows = []
        for session_id, asked in charges:
            balance = left.get(session_id, self.session(session_id).balance)
            amount = BaseUnits(min(asked, balance))
            left[session_id] = balance - amount
            rows.append(ev.Charge(session_id, amount))
        return BaseUnits(sum(row.amount for row in rows)), tuple(rows)

    def allocate_node_payments(self, call: Call, nodes: Sequence[Address], amount: int) -> list[ev.Event]:
        """Allocate `amount` to every listed node, all or nothing; one listed twice is paid twice."""
        self._require_role(call, SESSION_CONTRACT_ROLE)
        self._require_unpaused(call)
        if amount == 0:
            raise no.NodeAmountZero
        if not nodes:
            raise no.NodeListEmpty
        self._require_treasury(len(nodes) * amount)
        earned: dict[Address, int] = {}
        for node in nodes:
            if self.node(node).last_used_at == 0:
                raise no.NodeNotActive(node=node)
            earned[node] = earned.get(node, self.node(node).earned) + amount
            if earned[node] >= AMOUNT_LIMIT:
                raise no.NodeLifetimeLimit(node=node, amount=amount)
        return [ev.NodePaymentAllocated(node, BaseUnits(amount)) for node in nodes]

    def allocate_node_amounts(
        self, call: Call, sequence: int, allocations: Sequence[ev.Allocation]
    ) -> list[ev.Event]:
        """Allocate to every listed node its own amount; rows that cannot be credited are skipped."""
        self._require_batch(call, sequence)
        total, rows = self.preview_allocations(allocations)
        return [ev.NodesAllocated(sequence, total, rows)]

    def preview_allocations(
        self, allocations: Sequence[ev.Allocation]
    ) -> tuple[BaseUnits, tuple[ev.Allocation, ...]]:
        """Return what an allocation batch would credit, in all and row by row; earlier rows count."""
        earned: dict[Address, int] = {}
        rows = []
        for node, asked in allocations:
            before = earned.get(node, self.node(node).earned)
            fits = self.node(node).last_used_at != 0 and before + asked < AMOUNT_LIMIT
            amount = BaseUnits(asked if fits else 0)
            earned[node] = before + amount
            rows.append(ev.Allocation(node, amount))
        total = BaseUnits(sum(row.amount for row in rows))
        self._require_treasury(total)
        return total, tuple(rows)

    def update_node_last_used_timestamp(self, call: Call, node: Address) -> list[ev.Event]:
        """Mark the node as used now, which makes it active."""
        self._require_role(call, SESSION_CONTRACT_ROLE)
        self._require_node_allowed(node)
        return [ev.NodeTimestampUpdated(node)]

    def update_node_last_used_timestamps(self, call: Call, nodes: Sequence[Address]) -> list[ev.Event]:
        """Mark these nodes as used now."""
        self._require_role(call, SESSION_CONTRACT_ROLE)
        for node in nodes:
            self._require_node_allowed(node)
        return [ev.NodeTimestampsUpdated(tuple(nodes))]

    def delete_node_last_used_timestamp(self, call: Call, node: Address) -> list[ev.Event]:
        """Make the node inactive; its money is untouched."""
        self._require_role(call, SESSION_CONTRACT_ROLE)
        return [ev.NodeTimestampDeleted(node)]

    # Admin

    def pause(self, call: Call, seconds: int) -> list[ev.Event]:
        """Stop registrations, deposits, charges and allocations; a day must lie between two pauses."""
        self._require_role(call, ADMIN_ROLE)
        if not 0 < seconds <= PAUSE_SECONDS_MAX:
            raise no.PauseDurationNotAllowed(seconds=seconds)
        if call.now < self.paused_until + PAUSE_REST_SECONDS:
            raise no.PauseTooSoon(paused_until=self.paused_until)
        if call.now + seconds > CLOCK_MAX:
            raise no.PauseClockLimit(seconds=seconds)
        return [ev.Paused(call.now + seconds)]

    def unpause(self, call: Call) -> list[ev.Event]:
        """End the pause now."""
        self._require_role(call, ADMIN_ROLE)
        if call.now >= self.paused_until:
            raise no.NotPaused(paused_until=self.paused_until)
        return [ev.Unpaused()]

    def admin_withdraw_token(self, call: Call, token: Address, *, held: int) -> list[ev.Event]:
        """Recover a token; `held` is what the contract really has of it, in its base units."""
        self._require_role(call, ADMIN_ROLE)
        if token == ZERO_ADDRESS:
            raise no.TokenIsZero
        return self._recover(call, token, held)

    def emergency_withdraw_eth(self, call: Call, *, held: int) -> list[ev.Event]:
        """Recover native coin; `held` is what the contract really has of it, in wei."""
        self._require_role(call, ADMIN_ROLE)
        return self._recover(call, ZERO_ADDRESS, held)

    def _recover(self, call: Call, token: Address, held: int) -> list[ev.Event]:
        amount = max(0, held - self.liabilities) if token == self.asset else held
        if amount == 0:
            raise no.NothingToRecover(token=token)
        return [ev.TokenRecovered(token, call.sender, amount)]

    # Roles

    def grant_role(self, call: Call, role: str, account: Address) -> list[ev.Event]:
        """Give `account` a role; granting it again changes nothing."""
        self._require_role(call, DEFAULT_ADMIN_ROLE)
        held = (role, account) in self.roles
        return [] if held else [ev.RoleGranted(role, account, call.sender)]

    def revoke_role(self, call: Call, role: str, account: Address) -> list[ev.Event]:
        """Take a role away; taking one that is not held changes nothing."""
        self._require_role(call, DEFAULT_ADMIN_ROLE)
        held = (role, account) in self.roles
        return [ev.RoleRevoked(role, account, call.sender)] if held else []

    def renounce_role(self, call: Call, role: str, account: Address) -> list[ev.Event]:
        """Give up one's own role."""
        if call.sender != account:
            raise no.RenounceForOther(account=account, sender=call.sender)
        held = (role, account) in self.roles
        return [ev.RoleRevoked(role, account, call.sender)] if held else []

    # What the rules above have in common

    def _require_role(self, call: Call, role: str) -> None:
        if (role, call.sender) not in self.roles:
            raise no.RoleMissing(role=role, account=call.sender)

    def _require_unpaused(self, call: Call) -> None:
        if call.now < self.paused_until:
            raise no.ContractPaused(paused_until=self.paused_until)

    def _require_batch(self, call: Call, sequence: int) -> None:
        self._require_role(call, SESSION_CONTRACT_ROLE)
        self._require_unpaused(call)
        if sequence != self.sequence:
            raise no.WrongSequence(sequence=sequence, next_sequence=self.sequence)
        if sequence == SEQUENCE_MAX:
            raise no.SequenceExhausted(sequence=sequence)

    def _require_treasury(self, total: int) -> None:
        if total > self.network:
            raise no.TreasuryTooLow(total=total, network=self.network)

    def _require_delay(self, session_id: int) -> None:
        if self.withdrawal_delay == 0:
            raise no.NoWithdrawalDelay(session_id=session_id)

    def _require_window(self, call: Call, session_id: int) -> None:
        requested_at = self.session(session_id).withdrawal_requested_at
        opens_at = requested_at + self.withdrawal_delay
        if requested_at == 0:
            raise no.NoWithdrawalRequest(session_id=session_id)
        if call.now < opens_at:
            raise no.WithdrawalDelayNotOver(session_id=session_id, available_at=opens_at)
        if call.now >= opens_at + WINDOW_SECONDS:
            raise no.WithdrawalRequestLapsed(session_id=session_id, lapsed_at=opens_at + WINDOW_SECONDS)

    def _require_owner_allowed(self, owner: Address) -> None:
        if owner in (ZERO_ADDRESS, self.contract):
            raise no.OwnerNotAllowed(owner=owner)

    def _require_node_allowed(self, node: Address) -> None:
        if node in (ZERO_ADDRESS, self.contract):
            raise no.NodeNotAllowed(node=node)

    def _registered(self, session_id: int) -> Session:
        session = self.session(session_id)
        if session.owner == ZERO_ADDRESS:
            raise no.SessionNotRegistered(session_id=session_id)
        return session

    def _owned(self, call: Call, session_id: int) -> Session:
        session = self._registered(session_id)
        if session.owner != call.sender:
            raise no.NotTheOwner(session_id=session_id, owner=session.owner, sender=call.sender)
        return session
