"""What the holders of the two admin roles do, and what role holders do to each other."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sessionpay.core import roles
from sessionpay.core.ids import ZERO_ADDRESS, Address
from sessionpay.core.ledger import PAUSE_SECONDS_MAX
from tests.contracts.stateful import calls
from tests.contracts.stateful.base import ROLE_IDS, Base, worthwhile
from tests.evm.actors import ACTORS

PAUSES = (1, 60, 60, 3_600, PAUSE_SECONDS_MAX, PAUSE_SECONDS_MAX + 1, 0)
STATION = (
    ("ADMIN_ROLE", "admin"),
    ("DEFAULT_ADMIN_ROLE", "admin"),
    ("SESSION_CONTRACT_ROLE", "session_contract"),
)


class AdminRules(Base):
    """Rules by group; see the module."""

    @rule(data=st.data())
    def pauses(self, data: st.DataObject) -> None:
        """An admin pauses the contract, or tries to chain pauses."""
        self.world.act(calls.PAUSE, self.pick(data, PAUSES), sender=self.by_role(data, "ADMIN_ROLE"))

    @worthwhile(lambda self: self.world.now < self.world.ledger.paused_until)
    @rule(data=st.data())
    def unpauses(self, data: st.DataObject) -> None:
        """An admin ends the pause."""
        self.world.act(calls.UNPAUSE, sender=self.by_role(data, "ADMIN_ROLE"))

    @worthwhile(lambda self: any(self.world.surplus_of(token) for token in self.world.tokens))
    @rule(data=st.data())
    def recovers_a_token(self, data: st.DataObject) -> None:
        """An admin reaches for the surplus, for a stray token, or for something that is no token at all."""
        tokens = (*self.world.tokens, self.world.asset)
        token = self.pick(data, tokens * 4 + (ZERO_ADDRESS, self.world.address, *self.stage.people))
        self.world.act(calls.RECOVER_TOKEN, token, sender=self.by_role(data, "ADMIN_ROLE"))

    @worthwhile(lambda self: self.world.surplus_of(ZERO_ADDRESS))
    @rule(data=st.data())
    def recovers_coin(self, data: st.DataObject) -> None:
        """An admin reaches for native coin that was forced in."""
        self.world.act(calls.RECOVER_COIN, sender=self.by_role(data, "ADMIN_ROLE"))

    @rule(data=st.data())
    def grants(self, data: st.DataObject) -> None:
        """A role is given: first to whom it belongs, else to anybody."""
        held = self.world.ledger.roles
        missing = [
            (ROLE_IDS[name], ACTORS[who])
            for name, who in STATION
            if (roles.ROLES[name], Address(ACTORS[who])) not in held
        ]
        anybody = (self.pick(data, tuple(ROLE_IDS.values())), self.pick(data, self.stage.payers))
        role, account = missing[0] if missing else anybody
        self.world.act(calls.GRANT, role, account, sender=self.by_role(data, "DEFAULT_ADMIN_ROLE"))

    @worthwhile(lambda self: len(self.world.ledger.roles) > len(STATION))
    @rule(data=st.data())
    def revokes(self, data: st.DataObject) -> None:
        """A role is taken, mostly from somebody who came by it later."""
        role, account = self._held_role(data)
        self.world.act(calls.REVOKE, role, account, sender=self.by_role(data, "DEFAULT_ADMIN_ROLE"))

    @worthwhile(lambda self: len(self.world.ledger.roles) > len(STATION))
    @rule(data=st.data())
    def renounces(self, data: st.DataObject) -> None:
        """A role is given up, by its holder alone."""
        role, account = self._held_role(data)
        self.world.act(calls.RENOUNCE, role, account, sender=self.by(data, account))

    def _held_role(self, data: st.DataObject) -> tuple[bytes, str]:
        """Choose a role and its holder; who held it from the start loses it rarely: work must go on."""
        station = {(roles.ROLES[name], Address(ACTORS[who])) for name, who in STATION}
        held = self.world.ledger.roles if self.rarely(data, 10) else self.world.ledger.roles - station
        if held:
            role, account = self.pick(data, sorted(held))
            return bytes.fromhex(role[2:]), account
        return self.pick(data, tuple(ROLE_IDS.values())), ACTORS["outsider"]
