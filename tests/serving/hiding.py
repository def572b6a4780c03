"""A settlement in which every session used a model of its own in every epoch, and its API beside its pages.

Session 1 has one owner all along, session 2 another one, and session 3 was handed over from the first to the
second in the middle of a day; node A works for all of them. A policy can be put in the place of an epoch's
own, so that a test asks about any.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from starlette.applications import Starlette
from starlette.routing import Mount

from sessionpay.api import Serving, application
from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.policy import UsageVisibility
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services import reporters
from sessionpay.services.daemon import Daemon
from sessionpay.services.home import Home, Rules, open_epoch
from sessionpay.services.intake import Intake, Verdict
from sessionpay.serving import Reader, signing_in
from sessionpay.store.database import Database
from sessionpay.store.settlement_tables import epochs, rules
from sessionpay.web import Site, pages
from tests.chain.signing import signed_text
from tests.core.rows import NODE_A, NODE_B, row

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from starlette.types import ASGIApp, Receive, Scope, Send

    from sessionpay.chain.client import SessionPayment
    from sessionpay.services.sign_in import SignIns

DAY = 86_400
# The beginning of a UTC day.
START = 1_800_000_000 // DAY * DAY
SESSIONS, EPOCHS = (1, 2, 3), (1, 2, 3)
HANDED_OVER = 3
# In the middle of the second day; the third day is the first whole one of the new owner.
HANDED_OVER_AT = START + DAY + DAY // 2
OWNER_KEYS = {1: f"{2:064x}", 2: f"{3:064x}", 3: f"{3:064x}"}
OUTSIDER_KEY = f"{4:064x}"
DEPOSIT = 10**9


def model(session: int, epoch: int) -> str:
    """Return the name of the model that a session used in an epoch, and nobody else anywhere."""
    return f"zebra-{session}-{epoch}-x"


MODELS = {model(session, epoch): (session, epoch) for session in SESSIONS for epoch in EPOCHS}
PRICES = (
    "".join(f'[models."{name}"]\nprompt = 1_000_000\ncompletion = 2_000_000\n' for name in MODELS)
    + "[sla]\nstandard = 1_000_000\npriority = 1_500_000\n"
)
POLICY = "fee_ppm = 0\nusage_visibility = '{}'\n[deadlines_ms]\ndefault = 30_000\n"


def policy_sha256(visibility: UsageVisibility) -> str:
    """Return what stands for the policy that says this."""
    return sha256(POLICY.format(visibility).encode()).hexdigest()


@dataclass
class Hiding:
    """The settlement, and how to ask it."""

    chain: EmbeddedChain
    contract: SessionPayment
    database: Database
    home: Home
    serving: Serving
    site: Site
    sign_ins: SignIns
    key: str

    def app(self) -> Starlette:
        """Return the API and the pages as one application."""
        return joined(application(self.serving), pages(self.site))

    def say(self, visibilities: dict[int, UsageVisibility]) -> None:
        """Put policies in the place of those of the epochs; kept are those that an epoch has, as ever."""
        with self.database.writing() as connection:
            kept = set(connection.execute(select(rules.c.sha256)).scalars())
            for visibility in set(visibilities.values()):
                digest, text = policy_sha256(visibility), POLICY.format(visibility)
                if digest not in kept:
                    connection.execute(insert(rules).values(sha256=digest, kind="policy", text=text))
            for number, visibility in visibilities.items():
                change = update(epochs).where(epochs.c.number == number)
                connection.execute(change.values(policy=policy_sha256(visibility)))
            is_policy, used = rules.c.kind == "policy", select(epochs.c.policy)
            connection.execute(delete(rules).where(is_policy, rules.c.sha256.not_in(used)))


def joined(api: ASGIApp, shown: ASGIApp) -> Starlette:
    """Return one application of both, by what the path begins with."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (api if scope["path"].startswith("/v1/") else shown)(scope, receive, send)

    return Starlette(routes=[Mount("/", app)])


def settle(folder: Path) -> Hiding:
    """Settle three epochs of a day each, and hand a session over in the second one."""
    chain = embedded_chain(accounts=4, started_at=START)
    operator, first, second = (Sender(chain.web3, signer) for signer in chain.accounts[:3])
    contract = deploy_session_payment(
        operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=60
    )
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    for session, owner in ((1, first), (2, second), (3, first)):
        contract.register_session(SessionId(session), owner.address)
        contract.deposit_to_session(SessionId(session), DEPOSIT)
    home = Home(folder)
    home.make()
    database = Database.open(home.database_url)
    said = Rules(PRICES, POLICY.format(UsageVisibility.OPERATOR))
    open_epoch(database, said, at=START)
    daemon = Daemon.of(
        home, database, contract, confirmations=0, poll_seconds=0, clock=lambda: chain.now, report=_silent
    )
    for epoch in EPOCHS:
        answers = Intake(database).accept(list(_usage(epoch)), source="test", at=chain.now)
        assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
        if epoch == 2:
            chain.advance(HANDED_OVER_AT - 1 - chain.now)
            contract.with_sender(first).transfer_session(SessionId(HANDED_OVER), second.address)
        daemon.sealer.close(epoch, said, at=chain.now)
        daemon.turn()
        chain.advance(START + epoch * DAY - chain.now + 1)
    return _served(chain, contract, database, home, daemon)


def _served(
    chain: EmbeddedChain, contract: SessionPayment, database: Database, home: Home, daemon: Daemon
) -> Hiding:
    known = daemon.follower.contract

    def clock() -> int:
        return chain.now

    sign_ins = signing_in(Reader(database, known, clock))
    serving = Serving(database, known, clock, folders=home.epochs, segments=home.segments, sign_ins=sign_ins)
    site = Site(
        database=database,
        contract=known,
        home=home,
        clock=clock,
        sign_ins=sign_ins,
    )
    key = reporters.enrol(database, "router", signer=None, at=1)
    with database.reading() as connection:
        assert len(connection.execute(select(epochs.c.settled_at)).scalars().all()) == len(EPOCHS) + 1
    return Hiding(chain, contract, database, home, serving, site, sign_ins, key)


def _usage(epoch: int) -> Any:  # noqa: ANN401 - rows
    for session in SESSIONS:
        for number, node in enumerate((NODE_A, NODE_B, NODE_A)):
            yield row(
                task_id=f"={session}-{epoch}-{number}",
                session_id=SessionId(session),
                node=node,
                model=model(session, epoch),
                sla="priority" if number else "standard",
                prompt_tokens=100 + number,
                completion_tokens=10 * session,
                submitted_at=datetime.fromtimestamp(START + (epoch - 1) * DAY + 60 * number, UTC),
            )


def signed_in(client: httpx.Client, key: str, address: Address) -> dict[str, Any]:
    """Sign in over HTTP as a program does; the client keeps the cookie."""
    offer = client.post("/v1/sign-in/messages", json={"address": address})
    assert offer.status_code == 201, offer.text
    message = offer.json()["message"]
    answer = client.post("/v1/sign-in", json={"message": message, "signature": signed_text(message, key)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _silent(_event: str, **_values: object) -> None:
    """Report nothing: the tests look themselves."""
