"""`sessionpay serve`: the books as pages, for owners, node operators, the network and auditors."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from typer import Option, Typer
from web3 import Web3

from sessionpay.api import ServerEnded, serving
from sessionpay.api.server import PORT_MAX
from sessionpay.app import NotNamed, find_chain
from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.connect import require_chain
from sessionpay.chain.errors import ChainError
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.homes import NotBound, contract_of, now, settled
from sessionpay.cli.interrupts import interruptible
from sessionpay.services.condition import Sight, Watch
from sessionpay.services.demonstration import demonstrate
from sessionpay.services.home import Home
from sessionpay.services.origins import Origin, parse_public_url
from sessionpay.services.proof import Audit, CannotAudit, audit_books
from sessionpay.serving import signing_in
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.web import Site, pages

PORT_DEFAULT = 8080
# Soon enough for a person who ends the process, seldom enough to cost nothing.
LOOK_SECONDS = 0.2

_Port = Annotated[int, Option("--port", min=0, max=PORT_MAX, help="Where to listen; 0 for any free port.")]
_PublicUrl = Annotated[
    str | None,
    Option(
        "--public-url",
        metavar="URL",
        help="The address that people open, where a proxy stands before this; sign-ins are for it alone.",
    ),
]
_Demo = Annotated[
    bool, Option("--demo", help="Show a chain inside this process, freshly settled, and end with it.")
]


def register(app: Typer) -> None:
    """Add `serve` to the program."""
    command(app, "serve", needs=Needs.STATUS, example="serve --demo")(serve)


def serve(
    run: Run, *, port: _Port = PORT_DEFAULT, demo: _Demo = False, public_url: _PublicUrl = None
) -> None:
    """Show the books as pages on this machine, until the process is asked to end.

    Looks at the chain where one is named, and audits once at the start. It never signs anything.
    """
    public = None if public_url is None else parse_public_url(public_url)
    if demo and (run.home or run.database or run.rpc):
        raise BadCommandLine("demo", "--demo", rule="leave --home, --database and --rpc out: it has its own")
    address = f"127.0.0.1:{port}"
    with (
        interruptible() as stop,
        _demonstrated(run) if demo else _opened(run) as (site, web3),
        serving(pages(_signing(site, public, web3)), address) as server,
    ):
        if run.screen.json_output:
            run.screen.result("Serving", {"url": server.url})
        else:
            run.screen.line(f"open {server.url}")
        while not stop() and server.is_serving():
            time.sleep(LOOK_SECONDS)
        if not stop():
            raise ServerEnded(address)


def _signing(site: Site, public: Origin | None, web3: Web3 | None) -> Site:
    """Return a site that people can sign in to; contracts, too, where a node can be asked."""
    return replace(site, sign_ins=signing_in(site.reader, public=public, web3=web3))


@contextmanager
def _demonstrated(run: Run) -> Iterator[tuple[Site, Web3 | None]]:
    with TemporaryDirectory(prefix="sessionpay-demo-") as folder:
        home = Home(Path(folder))
        database = Database.open(home.database_url)
        try:
            with run.screen.waiting("settling a demonstration"):
                shown = demonstrate(home, database, now=now())
            # Nobody else adds to this chain, so what it says now stays so.
            head = rpc.number(shown.chain.web3, "eth_blockNumber")
            site = Site(
                database=database,
                contract=shown.known,
                home=home,
                clock=now,
                sight=lambda: Sight(now(), head, None),
                audit=lambda: shown.daemon.last_audit,
                is_demo=True,
            )
            # No wallet that is a contract was ever put on the chain inside the process.
            yield site, None
        finally:
            database.close()


@contextmanager
def _opened(run: Run) -> Iterator[tuple[Site, Web3 | None]]:
    with settled(run) as (home, database):
        with database.reading() as connection:
            known = contract_of(connection)
        if known is None:
            raise NotBound
        watch, audit = _chain(run, home, database, known)
        if watch is not None:
            watch.begin()
        sight: Callable[[], Sight | None] = watch.sight if watch else lambda: None
        try:
            site = Site(
                database=database, contract=known, home=home, clock=now, sight=sight, audit=lambda: audit
            )
            yield site, None if watch is None else watch.contract.web3
        finally:
            if watch is not None:
                watch.end()


def _chain(run: Run, home: Home, database: Database, known: Contract) -> tuple[Watch | None, Audit | None]:
    """Return who looks at the chain, and an audit; nothing where no chain is named or it does not answer."""
    try:
        web3 = run.wiring.open_chain(find_chain(run.wiring.config(), rpc=run.rpc))
        require_chain(web3, known.chain_id)
        contract = SessionPayment(web3, known.address)
        with run.screen.waiting("auditing"), database.reading() as connection:
            audit = audit_books(contract, connection, known, folders=home.epochs, recomputed=1)
    except (NotNamed, ChainError, CannotAudit) as fault:
        run.screen.note(f"the chain is left out: {fault}")
        return None, None
    return Watch(contract, None, now), audit
