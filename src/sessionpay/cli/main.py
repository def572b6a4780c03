"""The program `sessionpay`: its groups of commands, and how it is started."""

from typing import Annotated

import typer
from typer import Exit, Option

from sessionpay import __version__
from sessionpay.cli import audit, backup, budget, check, credit, deploy, status
from sessionpay.cli import run as running
from sessionpay.cli.admin import admin
from sessionpay.cli.alert import alert
from sessionpay.cli.commands import Needs, command
from sessionpay.cli.epoch import epoch
from sessionpay.cli.failures import Commands
from sessionpay.cli.index import index
from sessionpay.cli.network import network
from sessionpay.cli.node import node
from sessionpay.cli.prices import prices
from sessionpay.cli.serve import register as register_serve
from sessionpay.cli.session import session
from sessionpay.cli.settings import settings
from sessionpay.cli.simulate import simulate
from sessionpay.cli.usage import usage

app = typer.Typer(
    cls=Commands,
    name="sessionpay",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 refused or failed, 2 bad input, 3 chain out of reach, 4 declined.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"sessionpay {__version__}")
        raise Exit


@app.callback()
def sessionpay(
    version: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Pay for work on a network: sessions pay in, nodes are paid out, the contract keeps the books."""


deploy.register(app)
credit.register(session)
budget.register(session)
for _group in (session, network, node, admin, usage, prices, epoch, index, alert):
    app.add_typer(_group)
check.register(app)
audit.register(app)
running.register(app)
register_serve(app)
status.register(app)
backup.register(app)
command(app, "simulate", needs=Needs.CHAIN_AND_KEY, example="simulate --usage usage.csv --asset both")(
    simulate
)
app.add_typer(settings)


def run() -> None:
    """Run the program; the console script `sessionpay` starts here."""
    app(prog_name="sessionpay")
