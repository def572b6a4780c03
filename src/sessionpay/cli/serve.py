"""`sessionpay serve`: the books as pages and as an API, for owners, node operators, the network, auditors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from typer import Option, Typer

from sessionpay.api import ServerEnded, serving
from sessionpay.api.server import PORT_MAX
from sessionpay.app import NotNamed, find_chain
from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.connect import require_chain, require_rpc_address
from sessionpay.chain.errors import ChainError
from sessionpay.cli.callers import Origins, PublicUrl, RateLimit, TrustForwarded, access
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.homes import NotBound, contract_of, now, settled
from sessionpay.cli.interrupts import interruptible
from sessionpay.cli.site import shown
from sessionpay.services.auditing import Auditor
from sessionpay.services.condition import Sight, Watch
from sessionpay.services.demonstration import demonstrate
from sessionpay.services.home import Home
from sessionpay.services.proof import Audit, audit_books
from sessionpay.serving.memory import loaded_for_good
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.web import USUAL_WORKERS_MAX, WORKERS_MAX, Site, usual_workers, working

PORT_DEFAULT = 8080
# Soon enough for a person who ends the process, seldom enough to cost nothing.
LOOK_SECONDS = 0.2

_Port = Annotated[int, Option("--port", min=0, max=PORT_MAX, help="Where to listen; 0 for any free port.")]
_Demo = Annotated[
    bool, Option("--demo", help="Show a chain inside this process, freshly settled, and end with it.")
]
_WalletRpc = Annotated[
    str | None,
    Option(
        "--wallet-rpc",
        metavar="URL",
        help="RPC address that wallets are told that do not know the chain; everybody sees it.",
    ),
]
_PageWorkers = Annotated[
    int | None,
    Option(
        "--page-workers",
        min=0,
        max=WORKERS_MAX,
        metavar="N",
        help="Processes that make pages, 0 for none; if left out, one for each core if there are several, "
        f"{USUAL_WORKERS_MAX} at most.",
    ),
]


def register(app: Typer) -> None:
    """Add `serve` to the program."""
    command(app, "serve", needs=Needs.STATUS, example="serve --demo")(serve)


def serve(
    run: Run,
    *,
    port: _Port = PORT_DEFAULT,
    demo: _Demo = False,
    cors_origin: Origins = None,
    rate_limit: RateLimit = None,
    trust_forwarded: TrustForwarded = False,
    public_url: PublicUrl = None,
    wallet_rpc: _WalletRpc = None,
    page_workers: _PageWorkers = None,
) -> None:
    """Show the books as pages on this machine, and to programs under /v1, until the process is asked to end.

    Looks at the chain where one is named, and audits at the start and after each epoch that is settled
    meanwhile. It never signs anything: visitors do, with the wallets of their browsers.
    """
    may_ask = access(run, cors_origin, rate_limit, trust_forwarded=trust_forwarded, public_url=public_url)
    if wallet_rpc is not None:
        require_rpc_address(wallet_rpc)
    if demo and (run.home or run.database or run.rpc):
        raise BadCommandLine("demo", "--demo", rule="leave --home, --database and --rpc out: it has its own")
    address = f"127.0.0.1:{port}"
    with (
        interruptible() as stop,
        _demonstrated(run) if demo else _opened(run, wallet_rpc) as (site, auditor),
        working(site, usual_workers() if page_workers is None else page_workers) as workers,
        serving(shown(site, access=may_ask, auditor=auditor, workers=workers), address) as server,
        loaded_for_good(),
    ):
        if run.screen.json_output:
            run.screen.result("Serving", {"url": server.url})
        else:
            run.screen.line(f"open {server.url}")
        while not stop() and server.is_serving():
            time.sleep(LOOK_SECONDS)
        if not stop():
            raise ServerEnded(address)


@contextmanager
def _demonstrated(run: Run) -> Iterator[tuple[Site, None]]:
    with TemporaryDirectory(prefix="sessionpay-demo-") as folder:
        home = Home(Path(folder))
        database = Database.open(home.database_url)
        try:
            with run.screen.waiting("settling a demonstration"):
                made = demonstrate(home, database, now=now())
            # Nobody else adds to this chain, so what it says now stays so.
            head = rpc.number(made.chain.web3, "eth_blockNumber")
            site = Site(
                database=database,
                contract=made.known,
                home=home,
                clock=now,
                sight=lambda: Sight(now(), head, None),
                audit=lambda: made.daemon.last_audit,
                is_demo=True,
                unsigned="this is a demonstration, and no wallet can reach a chain inside this server",
            )
            yield site, None
        finally:
            database.close()


@contextmanager
def _opened(run: Run, wallet_rpc: str | None) -> Iterator[tuple[Site, Auditor | None]]:
    with settled(run) as (home, database):
        with database.reading() as connection:
            known = contract_of(connection)
        if known is None:
            raise NotBound
        site = Site(database=database, contract=known, home=home, clock=now, wallet_rpc=wallet_rpc)
        try:
            contract = _chain(run, known)
        except (NotNamed, ChainError) as fault:
            run.screen.note(f"the chain is left out: {fault}")
            told = fault.told if isinstance(fault, ChainError) else str(fault)
            yield replace(site, unsigned=f"this server was started without a chain ({told})"), None
            return
        watch, auditor = Watch(contract, None, now), _auditor(run, site, contract)
        watch.begin()
        auditor.begin()
        try:
            yield replace(site, chain=contract, sight=watch.sight, audit=lambda: auditor.last), auditor
        finally:
            auditor.end()
            watch.end()


def _chain(run: Run, known: Contract) -> SessionPayment:
    """Return the contract on the chain that is named. Raises `NotNamed` and `ChainError`.

    Its code is looked at, so that nobody's money goes to another contract from here.
    """
    web3 = run.wiring.open_chain(find_chain(run.wiring.config(), rpc=run.rpc))
    require_chain(web3, known.chain_id)
    contract = SessionPayment(web3, known.address)
    contract.check_code()
    return contract


def _auditor(run: Run, site: Site, contract: SessionPayment) -> Auditor:
    """Return who audits, after a first audit."""

    def audit() -> Audit:
        with site.database.reading() as connection:
            return audit_books(contract, connection, site.contract, folders=site.home.epochs, recomputed=1)

    auditor = Auditor(site.database, audit, now)
    with run.screen.waiting("auditing"):
        auditor.audit_now()
    if auditor.reason is not None:
        run.screen.note(f"the audit is tried again: {auditor.reason}")
    return auditor
