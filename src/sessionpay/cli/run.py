"""`sessionpay run`: the settlement at work, as a daemon, or once for everything that is ready."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import structlog
from typer import Exit, Option, Typer

from sessionpay.api import Access, ServerEnded, Serving, application, serving
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.embedded import embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.cli.callers import Origins, PublicUrl, RateLimit, TrustForwarded, access
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import BadCommandLine, ExitCode
from sessionpay.cli.homes import now, settled
from sessionpay.cli.interrupts import interruptible
from sessionpay.cli.output import Fields, Money, Row
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import BaseUnits
from sessionpay.services.alerts import Herald
from sessionpay.services.condition import Watch
from sessionpay.services.consumption import complete
from sessionpay.services.daemon import POLL_SECONDS, BooksDiffer, Daemon
from sessionpay.services.trial_chain import open_sessions
from sessionpay.services.wholeness import require_whole
from sessionpay.serving import signing_in
from sessionpay.serving.memory import loaded_for_good
from sessionpay.store import epochs, intake, settling
from sessionpay.store.database import Database

# What somebody waits for at the end of a run, so that receivers hear of what it found.
TELL_SECONDS_MAX = 20

_Once = Annotated[bool, Option("--once", help="Settle every epoch that is closed, audit, and stop.")]
_Embedded = Annotated[
    bool,
    Option(
        "--embedded",
        help="With --once: on a chain inside this process, where every session is registered and funded.",
    ),
]
_Confirmations = Annotated[
    int | None,
    Option(
        "--confirmations",
        metavar="N",
        min=0,
        help="Blocks below the head that count as final; else the node's.",
    ),
]

_Listen = Annotated[
    str | None,
    Option("--listen", metavar="HOST:PORT", help="Take usage and answer routers over HTTP there."),
]


def register(app: Typer) -> None:
    """Add `run` to the program."""
    command(app, "run", needs=Needs.SETTLEMENT, example="run --once")(run_settlement)


def run_settlement(
    run: Run,
    *,
    once: _Once = False,
    embedded: _Embedded = False,
    confirmations: _Confirmations = None,
    listen: _Listen = None,
    cors_origin: Origins = None,
    rate_limit: RateLimit = None,
    trust_forwarded: TrustForwarded = False,
    public_url: PublicUrl = None,
) -> None:
    """Take usage in, and settle every epoch: price, charge, allocate, publish, pay out, audit.

    Exit code 1 where the audit finds a difference, or something has to be done before the next payment.
    """
    if embedded and not once:
        raise BadCommandLine(
            "embedded", "--embedded", rule="give --once too: its chain ends with the process"
        )
    if once and listen is not None:
        raise BadCommandLine("listen", listen, rule="leave --once out: nobody can ask a process that ends")
    if listen is None and (cors_origin or rate_limit is not None or trust_forwarded or public_url):
        raise BadCommandLine("listen", "", rule="give --listen HOST:PORT too: without it nobody can ask")
    may_ask = access(run, cors_origin, rate_limit, trust_forwarded=trust_forwarded, public_url=public_url)
    with settled(run) as (home, database), database.sole_writer():
        require_whole(database, home)
        complete(database, home)
        contract = _embedded(run, database) if embedded else _named(run)
        report = _spoken(run) if once else _logged()
        daemon = Daemon.of(
            home,
            database,
            contract,
            confirmations=confirmations,
            poll_seconds=0 if embedded else POLL_SECONDS,
            clock=now,
            report=report,
        )
        herald = Herald.of(home, database, daemon.follower.contract, clock=now, report=report)
        if once:
            try:
                _settle_once(run, daemon, contract)
            finally:
                herald.tell_once(seconds_max=TELL_SECONDS_MAX)
        else:
            with interruptible() as stop:
                herald.begin()
                try:
                    _keep_running(daemon, contract, listen, may_ask, stop)
                finally:
                    herald.end()


def _keep_running(
    daemon: Daemon, contract: SessionPayment, listen: str | None, may_ask: Access, stop: Callable[[], bool]
) -> None:
    """Settle until the process is asked to end, and answer whoever asks meanwhile."""
    if listen is None:
        daemon.run(stop)
        return
    account = contract.sender.address if contract.sender else None
    watch = Watch(contract, account, now)
    served = Serving(
        daemon.database,
        daemon.follower.contract,
        now,
        sight=watch.sight,
        audit=lambda: daemon.last_audit,
        folders=daemon.home.epochs,
        segments=daemon.home.segments,
        access=may_ask,
    )
    signed = replace(served, sign_ins=signing_in(served.reader(), public=may_ask.public, web3=contract.web3))
    with serving(application(signed), listen) as server, loaded_for_good():
        watch.begin()
        daemon.report("listening", url=server.url)
        # Without the server this process would only seem to be well; whoever runs it starts it anew.
        daemon.run(lambda: stop() or not server.is_serving())
        watch.end()
    if not stop():
        raise ServerEnded(listen)


def _settle_once(run: Run, daemon: Daemon, contract: SessionPayment) -> None:
    with run.screen.waiting("settling"):
        try:
            daemon.turn()
        except BooksDiffer as differ:
            run.screen.note(str(differ))
        if daemon.last_audit is None:
            daemon.audit_now()
    asset = contract.asset_info()
    audit = daemon.last_audit
    if audit is None:
        raise AssertionError("an audit that ran has a result")
    with daemon.database.reading() as connection:
        rows: list[Row] = [
            {
                "epoch": epoch.number,
                "state": epoch.state,
                "collected": Money(settling.total_collected(connection, epoch.number), asset),
                "manifest": epoch.manifest_sha256,
            }
            for epoch in epochs.listed(connection)
            if epoch.closed_at is not None
        ]
    fields: Fields = {
        "contract": checksum_address(contract.address),
        "epochs": rows,
        "block": audit.block,
        "surplus": Money(BaseUnits(audit.surplus), asset),
    }
    if run.screen.json_output:
        run.screen.result("Settled", {**fields, "difference": str(audit.difference)})
    else:
        run.screen.result("Settled", fields)
        run.screen.line(f"difference: {audit.difference}")
    if audit.difference or audit.first_difference is not None:
        raise Exit(ExitCode.REFUSED)


def _named(run: Run) -> SessionPayment:
    books = run.signing()
    return books.contract.with_sender(Sender(books.web3, books.require_signer()))


def _embedded(run: Run, database: Database) -> SessionPayment:
    """Return a new contract on a chain of this process, with every session that worked."""
    with database.reading() as connection:
        if epochs.contract_id(connection) is not None:
            raise BadCommandLine(
                "embedded", "--embedded", rule="this home settles a contract already; give another --home"
            )
        work = intake.work_by_session(connection)
    chain = embedded_chain()
    with run.screen.waiting("opening sessions"):
        return open_sessions(Sender(chain.web3, chain.accounts[0]), work)


def _spoken(run: Run) -> Callable[..., None]:
    """Tell a person, who waits, what happens."""

    def report(event: str, **values: object) -> None:
        if not run.screen.json_output:
            run.screen.note(" ".join([f"{event}:", *(f"{key} {value}" for key, value in values.items())]))

    return report


def _logged() -> Callable[..., None]:
    """Write a line of JSON for each event, for whoever collects logs."""
    log = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()],
    )

    def report(event: str, **values: object) -> None:
        log.msg(event, **values)

    return report
