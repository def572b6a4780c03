"""A settlement whose contract is on an embedded chain, with a receiver for its alerts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.alerts import AlertKind, limits_of
from sessionpay.core.events import Charge
from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services import alerts as alerting
from sessionpay.services.alerts import Courier, Herald, SecretFiles
from sessionpay.services.home import open_epoch
from sessionpay.store import settling
from tests.services.conftest import RULES, home
from tests.store.conftest import database, kind, postgresql, url

from .receiver import Receiver, running_receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionpay.chain.client import SessionPayment
    from sessionpay.core.alerts import Limits
    from sessionpay.services.alerts.enrolment import Added
    from sessionpay.services.home import Home
    from sessionpay.store.database import Database

__all__ = ["database", "home", "kind", "postgresql", "url"]

# No test finds what another one did to its session.
_NEXT_SESSION = itertools.count(7)


@dataclass
class Stage:
    """A contract on a chain, on which every test has a session of its own."""

    chain: EmbeddedChain
    contract: SessionPayment
    operator: Sender

    def session(self, amount: int) -> SessionId:
        """Register a session that has so much."""
        session_id = SessionId(next(_NEXT_SESSION))
        self.contract.register_session(session_id, self.operator.address)
        if amount:
            self.contract.deposit_to_session(session_id, amount)
        return session_id

    def charge(self, session_id: SessionId, amount: int) -> None:
        self.contract.pay_from_sessions_to_network(
            self.contract.settlement_sequence(), (Charge(session_id, BaseUnits(amount)),)
        )


@dataclass
class Office:
    """The alerts of a settlement at work; its clock stands still, but for what a test adds."""

    stage: Stage
    home: Home
    database: Database
    follower: Follower
    now: int
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.secret_files = SecretFiles(self.home.alerts)
        # Every wait is the longest that it may be, so that a test knows when the next try is due.
        self.courier = Courier(
            self.database, self.secret_files, lambda: self.now, self.report, draw=lambda _most: 0
        )
        self.herald = Herald(
            self.database, self.follower.contract, self.courier, lambda: self.now, self.report
        )

    def report(self, event: str, **values: object) -> None:
        self.heard.append((event, values))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [values for name, values in self.heard if name == event]

    def add(
        self,
        *limits: Limits,
        url: str | None = None,
        session_id: SessionId | None = None,
        allow_private: bool = True,
    ) -> Added:
        return alerting.add(
            self.database,
            self.secret_files,
            self.follower.contract,
            url=url,
            allow_private=allow_private,
            session_id=session_id,
            limits=limits,
            at=self.now,
        )

    def add_low(self, url: str | None, *, amount: int = 0, below: int = 500) -> tuple[Added, SessionId]:
        """Add an alert about a new session that has so much, and need not have it for long."""
        session_id = self.stage.session(amount)
        self.follower.catch_up()
        limits = limits_of(AlertKind.BALANCE_LOW, raise_at=below, hold_seconds=60)
        return self.add(limits, url=url, session_id=session_id), session_id

    def turn(self, *, after: int = 0) -> None:
        """Let seconds pass, look, and wait for all couriers."""
        self.now += after
        self.follower.catch_up()
        self.herald.tell_once(seconds_max=20)

    def raise_it(self) -> None:
        """Look twice, so far apart that what is bad is raised."""
        self.turn()
        self.turn(after=60)


@pytest.fixture(scope="session")
def stage() -> Stage:
    chain = embedded_chain(accounts=2)
    operator = Sender(chain.web3, chain.accounts[0])
    me = operator.address
    contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=me, withdrawal_delay=60)
    contract.grant_role(SESSION_CONTRACT_ROLE, me)
    return Stage(chain, contract, operator)


@pytest.fixture
def office(stage: Stage, database: Database, home: Home) -> Office:
    now = int(stage.chain.web3.eth.get_block("latest")["timestamp"])
    open_epoch(database, RULES, at=now)
    known = enrol(database, stage.contract)
    with database.writing() as connection:
        settling.bind(connection, known)
    source = ChainSource(stage.chain.web3, stage.contract.address)
    follower = Follower(database, known, [source], confirmations=0)
    follower.catch_up()
    return Office(stage, home, database, follower, now)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running
