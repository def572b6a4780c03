"""What owners, and anyone who pays for a session, do."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from sessionpay.core.ids import SESSION_ID_LIMIT
from sessionpay.core.ledger import WINDOW_SECONDS
from sessionpay.core.money import AMOUNT_LIMIT
from tests.contracts.books import WHOLE
from tests.contracts.stateful import calls
from tests.contracts.stateful.base import SESSIONS, TYPICAL_AMOUNTS, Base, worthwhile
from tests.contracts.stateful.stage import ALLOWED, RICHES
from tests.evm.actors import ROLES
from tests.evm.contract import Contract, Reverted
from tests.evm.hostile import FALSE, Function, sign_permit

if TYPE_CHECKING:
    from sessionpay.core.ids import SessionId

NO_SIGNATURE = (27, FALSE, FALSE)


class SessionRules(Base):
    """Rules by group; see the module."""

    @rule(data=st.data())
    def registers_a_session(self, data: st.DataObject) -> None:
        """The session contract registers an id, new ones first."""
        known = self.world.ledger.sessions
        session = self.prefer(data, (*SESSIONS, SESSION_ID_LIMIT), lambda one: one not in known)
        owner = self.someone(data)
        self.world.act(calls.REGISTER, session, owner, sender=self.by_role(data, "SESSION_CONTRACT_ROLE"))

    @rule(data=st.data())
    def deposits(self, data: st.DataObject) -> None:
        """Anybody deposits, by either overload; the value may contradict the amount."""
        session = self.session(data)
        amount = self._deposit_amount(data, session)
        sender = self.by_owner(data, session)
        value = amount if self.stage.token is None else 0
        if self.rarely(data, 16):
            value = self.pick(data, (0, 1, min(amount + 1, RICHES)))
        if self.rarely(data, 2 if value else 10):
            self.world.act(calls.DEPOSIT, session, sender=sender, value=value)
            return
        self._allow(data, sender)
        self.world.act(calls.DEPOSIT_AMOUNT, session, amount, sender=sender, value=value)

    @precondition(lambda self: self.stage.token is None)
    @rule(data=st.data())
    def offers_a_permit_for_coin(self, data: st.DataObject) -> None:
        """Native coin has no permits."""
        deadline = self.world.now
        self.world.act(
            calls.DEPOSIT_PERMIT,
            self.session(data),
            1,
            deadline,
            *NO_SIGNATURE,
            sender=self.pick(data, self.stage.payers),
        )

    @precondition(lambda self: self.stage.token is not None)
    @rule(data=st.data())
    def deposits_with_a_permit(self, data: st.DataObject) -> None:
        """A permit may be good, forged or late; a front-runner may use it first, which must not matter."""
        token = self.world.tokens[self.world.asset]
        session, role = self.session(data), self.pick(data, ROLES)
        sender = self.stage.payers[ROLES.index(role)]
        amount = self._deposit_amount(data, session)
        deadline = self.world.now + self.pick(data, (0, 0, 60, -1))
        signature = NO_SIGNATURE
        if not self.rarely(data, 6):
            signature = sign_permit(
                token, role=role, spender=self.world.address, amount=amount, deadline=deadline
            )
        if data.draw(st.booleans()):
            token.approve(self.world.address, 0, sender=sender)
        if data.draw(st.booleans()):
            self._front_run(token, sender, (amount, deadline, *signature))
        self.world.act(calls.DEPOSIT_PERMIT, session, amount, deadline, *signature, sender=sender)

    def _front_run(self, token: Contract, owner: str, permit: tuple[object, ...]) -> None:
        # A permit outside of a deposit is no call of the contract, so a call back from it would be a call of
        # its own, which this history does not keep books of.
        if Function.PERMIT in self.world.moods[token.address].calling_back:
            return
        with suppress(Reverted):
            token.permit(owner, self.world.address, *permit, sender=self.stage.payers[-1])

    def _allow(self, data: st.DataObject, account: str) -> None:
        """Mostly see to it that the contract may pull."""
        if self.stage.token is not None and not self.rarely(data, 10):
            self.stage.token.approve(self.world.address, ALLOWED, sender=account)

    def _deposit_amount(self, data: st.DataObject, session: SessionId) -> int:
        ledger = self.world.ledger
        account = ledger.session(session)
        rooms = [AMOUNT_LIMIT - 1 - ledger.liabilities, AMOUNT_LIMIT - 1 - account.balance - account.usage]
        edges = [room + step for room in rooms for step in (0, 1)] + [min(rooms) // 2, 0, AMOUNT_LIMIT]
        if self.stage.token is not None:
            # No chain holds so much coin, so none says what becomes of it.
            edges.append(WHOLE)
        return max(0, self.pick(data, TYPICAL_AMOUNTS * 5 + tuple(edges)))

    @worthwhile(lambda self: self.world.delay)
    @rule(data=st.data())
    def requests_a_withdrawal(self, data: st.DataObject) -> None:
        """An owner announces that money will leave."""
        session = self.session(data, self._can_request)
        self.world.act(calls.REQUEST, session, sender=self.by_owner(data, session))

    @worthwhile(lambda self: any(one.withdrawal_requested_at for one in self.world.ledger.sessions.values()))
    @rule(data=st.data())
    def cancels_a_withdrawal(self, data: st.DataObject) -> None:
        """An owner changes its mind."""
        session = self.session(data, lambda one: self.world.ledger.session(one).withdrawal_requested_at)
        self.world.act(calls.CANCEL, session, sender=self.by_owner(data, session))

    @worthwhile(lambda self: any(self._can_withdraw(session) for session in SESSIONS))
    @rule(data=st.data())
    def withdraws(self, data: st.DataObject) -> None:
        """An owner takes all or a part of what is left."""
        session = self.session(data, self._can_withdraw)
        sender = self.by_owner(data, session)
        if data.draw(st.booleans()):
            self.world.act(calls.WITHDRAW, session, sender=sender)
            return
        amount = self.part(data, self.world.ledger.session(session).balance)
        if self.rarely(data, 10):
            amount = self.pick(data, (WHOLE, WHOLE - 1))
        self.world.act(calls.WITHDRAW_AMOUNT, session, amount, sender=sender)

    @worthwhile(lambda self: self.world.delay)
    @rule(data=st.data())
    def leaves_in_good_time(self, data: st.DataObject) -> None:
        """An owner asks, waits, and withdraws about when the window opens or closes."""
        ledger = self.world.ledger
        session = self.session(data, lambda one: ledger.session(one).balance)
        owner = self.by_owner(data, session)
        if not ledger.session(session).withdrawal_requested_at:
            self.world.act(calls.REQUEST, session, sender=owner)
        opens_at = ledger.session(session).withdrawal_requested_at + self.world.delay
        self.world.wait_until(opens_at + self.pick(data, (0, 0, 0, -1, WINDOW_SECONDS - 1, WINDOW_SECONDS)))
        amount = self.part(data, ledger.session(session).balance)
        self.world.act(calls.WITHDRAW_AMOUNT, session, amount, sender=owner)

    @rule(data=st.data())
    def hands_a_session_over(self, data: st.DataObject) -> None:
        """An owner gives the session away, perhaps to a hostile contract, perhaps to nobody."""
        session = self.session(data)
        self.world.act(calls.TRANSFER, session, self.someone(data), sender=self.by_owner(data, session))

    def _can_request(self, session: SessionId) -> bool:
        ledger = self.world.ledger
        return session in ledger.sessions and ledger.session(session).withdrawal_requested_at == 0

    def _can_withdraw(self, session: SessionId) -> bool:
        account = self.world.ledger.session(session)
        opens_at = account.withdrawal_requested_at + self.world.delay
        is_open = self.world.delay == 0 or (account.withdrawal_requested_at and opens_at <= self.world.now)
        return bool(account.balance and is_open)
