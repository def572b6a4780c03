"""`sessionpay usage`: usage files taken in, rows that were not, and who may report."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import ExitCode
from sessionpay.cli.homes import now, settled
from sessionpay.cli.output import Fields, Instant, Row
from sessionpay.cli.usage_files import Format, open_files
from sessionpay.core.ids import checksum_address, parse_address
from sessionpay.core.pricing import parse_price_sheet
from sessionpay.metering.azure import Spread
from sessionpay.services import reporters as reporting
from sessionpay.services.home import Home
from sessionpay.services.importing import Importer, Outcome
from sessionpay.services.intake import Intake
from sessionpay.services.sealing import Sealer
from sessionpay.services.world import node_accounts
from sessionpay.store import intake, reporters

COUNT_MAX = 10_000
NEWEST_DEFAULT = 50
NEWEST_MAX = 10_000

usage = group("usage", help="Take usage in, and see what was not taken.")
reporter = group("reporter", help="Who may report usage, each with an API key.")
usage.add_typer(reporter)

_Files = Annotated[list[Path], Argument(metavar="FILE...", help="Usage files.")]
_Format = Annotated[
    Format | None, Option("--format", help="What the files look like; found out from each if left out.")
]
_Sessions = Annotated[
    int, Option("--sessions", min=1, max=COUNT_MAX, help="How many sessions share an azure trace.")
]
_Nodes = Annotated[int, Option("--nodes", min=1, max=COUNT_MAX, help="How many nodes serve an azure trace.")]
_Epochs = Annotated[
    int | None,
    Option(
        "--epochs", min=1, max=COUNT_MAX, help="Cut the rows into so many epochs by time, closed and sealed."
    ),
]
_Seed = Annotated[int, Option("--seed", help="Number that an azure trace is spread by.")]
_Prices = Annotated[
    Path | None, Option("--prices", metavar="FILE", help="Price sheet to keep in the home from now on.")
]
_Policy = Annotated[
    Path | None, Option("--policy", metavar="FILE", help="Policy to keep in the home from now on.")
]
_Newest = Annotated[int, Option("--newest", min=1, max=NEWEST_MAX, help="How many, the last ones first.")]
_Name = Annotated[str, Argument(metavar="NAME", help="The reporter's name.")]
_Signer = Annotated[
    str | None, Option("--signer", metavar="ADDRESS", help="Whose key signs this reporter's batches.")
]


@command(usage, "import", needs=Needs.HOME, example="usage import usage.csv --epochs 3")
def import_files(  # noqa: PLR0917 - typer reads its options from here
    run: Run,
    files: _Files,
    file_format: _Format = None,
    sessions: _Sessions = 12,
    nodes: _Nodes = 8,
    epochs: _Epochs = None,
    seed: _Seed = 1,
    prices: _Prices = None,
    policy: _Policy = None,
) -> None:
    """Take usage files into the open epoch, each row once; bad rows are kept aside and reported.

    Prices and a policy that are new apply from the next epoch on. Needs no chain.
    """
    with settled(run, prices=prices, policy=policy) as (home, database):
        rules = home.rules()
        sheet = parse_price_sheet(rules.prices)
        # Before the first row is taken, so that a file that is not there costs nothing.
        opened = open_files(
            files,
            file_format,
            spread=lambda: Spread(
                seed=seed,
                sessions=sessions,
                nodes=node_accounts(seed.to_bytes(32, signed=True), nodes),
                models=tuple(sheet.models),
            ),
        )
        with run.screen.counting("rows") as count:
            importer = Importer(
                Intake(database),
                Sealer(database, home),
                now=now,
                progress=lambda done: count("usage", done, opened.rows_estimated),
            )
            outcome = (
                importer.stream(opened.rows) if epochs is None else importer.cut(opened.rows, epochs, rules)
            )
    run.screen.result("Imported usage", _told(home, outcome))
    if outcome.rejected:
        raise Exit(ExitCode.REFUSED)


@command(usage, "rejects", needs=Needs.HOME, example="usage rejects --newest 10")
def rejects(run: Run, *, newest: _Newest = NEWEST_DEFAULT) -> None:
    """List rows that were not accepted, from files and from reporters, the last ones first."""
    with settled(run) as (_, database), database.reading() as connection:
        rows: list[Row] = [
            {
                "received_at": Instant(each.received_at),
                "source": each.source,
                "line": each.line,
                "reason": each.reason,
                "row": each.row,
            }
            for each in intake.rejected(connection, newest=newest)
        ]
    run.screen.result(f"Rejected rows, {len(rows)}", {"rejects": rows})


@command(reporter, "add", needs=Needs.HOME, example="usage reporter add router-1")
def add_reporter(run: Run, name: _Name, *, signer: _Signer = None) -> None:
    """Let somebody report usage. Shows the API key this once; only its SHA-256 is kept."""
    address = None if signer is None else parse_address(signer)
    with settled(run) as (_, database):
        key = reporting.enrol(database, name, signer=address, at=now())
    shown = None if address is None else checksum_address(address)
    run.screen.result(f"Added reporter {name}", {"name": name, "api_key": key, "signer": shown})
    run.screen.note("keep the key now: it is not shown again")


@command(reporter, "list", needs=Needs.HOME, example="usage reporter list")
def list_reporters(run: Run) -> None:
    """List who may report usage, and who may no more."""
    with settled(run) as (_, database), database.reading() as connection:
        rows: list[Row] = [
            {
                "name": each.name,
                "signer": None if each.signer is None else checksum_address(each.signer),
                "created_at": Instant(each.created_at),
                "revoked_at": Instant(each.revoked_at or 0),
            }
            for each in reporters.listed(connection)
        ]
    run.screen.result(f"Reporters, {len(rows)}", {"reporters": rows})


@command(reporter, "revoke", needs=Needs.HOME, example="usage reporter revoke router-1")
def revoke_reporter(run: Run, name: _Name) -> None:
    """Let somebody report no more. What came in from them stays."""
    with settled(run) as (_, database), database.writing() as connection:
        reporters.revoke(connection, name, at=now())
    run.screen.result(f"Revoked reporter {name}", {"name": name})


def _told(home: Home, outcome: Outcome) -> Fields:
    reasons: list[Row] = [
        {"rows": told.rows, "reason": reason, "lines": " ".join(told.lines)}
        for reason, told in outcome.reasons.items()
    ]
    epochs: list[Row] = [{"epoch": number} for number in outcome.epochs]
    return {
        "home": str(home.path),
        "accepted": outcome.accepted,
        "repeated": outcome.repeated,
        "rejected": outcome.rejected,
        "closed_epochs": epochs,
        "reasons": reasons,
    }
