"""A settlement whose contract is on an embedded chain, served by the real server on loopback."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sessionpay.api import Serving, application, serving
from sessionpay.chain import rpc
from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services import reporters
from sessionpay.services.condition import Sight
from sessionpay.services.home import open_epoch
from sessionpay.store import settling
from tests.core.rows import NODE_A
from tests.services.conftest import RULES, home
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from sessionpay.chain.client import SessionPayment
    from sessionpay.services.home import Home
    from sessionpay.store.database import Database

__all__ = ["database", "home", "kind", "postgresql", "url"]

BALANCE = 1_000
SECONDS_MAX = 60
FUNDED, EMPTY, UNKNOWN = SessionId(7), SessionId(2**160 - 1), SessionId(8)
ROW: dict[str, Any] = {
    "task_id": "t1",
    "session_id": "7",
    "node": NODE_A,
    "model": "large",
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "submitted_at": "2026-01-02T12:00:00.25Z",
    "latency_ms": 900,
    "outcome": "committed",
}


@dataclass
class Stage:
    """A contract on a chain, with one session of 1,000 and one of nothing."""

    chain: EmbeddedChain
    contract: SessionPayment

    @property
    def owner(self) -> Sender:
        return Sender(self.chain.web3, self.chain.accounts[0])


@dataclass
class Site:
    """A settlement being served, and how to ask it."""

    database: Database
    stage: Stage
    serving: Serving
    app: FastAPI
    key: str
    follower: Follower

    def catch_up(self) -> None:
        """Read what the chain says by now."""
        self.follower.catch_up()

    def sight(self) -> Sight:
        return Sight(int(time.time()), rpc.number(self.stage.chain.web3, "eth_blockNumber"), 10**18)


@pytest.fixture(scope="session")
def stage() -> Stage:
    """Return a contract that tests only read, or deposit to."""
    chain = embedded_chain(accounts=2)
    operator = Sender(chain.web3, chain.accounts[0])
    me = operator.address
    contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=me, withdrawal_delay=60)
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    for session_id in (FUNDED, EMPTY):
        contract.register_session(session_id, operator.address)
    contract.deposit_to_session(FUNDED, BALANCE)
    return Stage(chain, contract)


@pytest.fixture
def site(stage: Stage, database: Database, home: Home) -> Site:
    """Return the application on an indexed contract, with one reporter."""
    open_epoch(database, RULES, at=int(time.time()))
    known = enrol(database, stage.contract)
    with database.writing() as connection:
        settling.bind(connection, known)
    source = ChainSource(stage.chain.web3, stage.contract.address)
    follower = Follower(database, known, [source], confirmations=0)
    follower.catch_up()
    key = reporters.enrol(database, "router-1", signer=None, at=1)
    serving = Serving(database, known, lambda: int(time.time()), segments=home.segments)
    return Site(database, stage, serving, application(serving), key, follower)


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """Lend a client of the real server, with the reporter's key."""
    with serving(site.app, "127.0.0.1:0") as server, caller(server.url, site.key) as lent:
        yield lent


def caller(url: str, key: str) -> httpx.Client:
    """Return a client that bears an API key."""
    return httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=SECONDS_MAX, trust_env=False
    )


def rows(count: int, *, start: int = 0, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return rows of different tasks."""
    return [{**ROW, "task_id": f"t{start + number}", **values} for number in range(count)]
