"""`sessionpay backup`: a copy of a settlement that it can be restored from."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Typer

from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.homes import settled
from sessionpay.services.backup import back_up

_Target = Annotated[Path, Argument(metavar="DIR", help="Folder to make; it must not exist.")]


def register(app: Typer) -> None:
    """Add `backup` to the program."""
    command(app, "backup", needs=Needs.HOME, example="backup /backups/monday")(backup)


def backup(run: Run, target: _Target) -> None:
    """Copy the database, the sealed usage, the epochs' folders and the rules, while the settlement works.

    To restore, copy DIR to where the home is to be. Of PostgreSQL only the files are copied, and `pg_dump`
    has to come before.
    """
    with settled(run) as (home, database), run.screen.waiting("copying"):
        made = back_up(database, home, target.expanduser().absolute())
    if not made.has_database:
        run.screen.note("the database is not in this backup: it must have been dumped with pg_dump before")
    run.screen.result(
        f"Backed up to {made.path}",
        {
            "path": str(made.path),
            "database": made.has_database,
            "segments": made.segments,
            "epochs": made.epochs,
        },
    )
