"""`sessionpay session budget`: what a session may still spend."""

from typing import Annotated

from typer import Argument, Typer

from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.homes import NotBound, contract_of, now, settled
from sessionpay.cli.output import Instant, Money
from sessionpay.core.ids import parse_session_id
from sessionpay.services.budget import Budgets

_Id = Annotated[str, Argument(metavar="ID", help="Number of the session, below 2**160.")]


def register(session: Typer) -> None:
    """Add the command to the group of sessions."""
    command(session, "budget", needs=Needs.HOME, example="session budget 7")(budget)


def budget(run: Run, session_id: _Id) -> None:
    """Show what a session may still spend: its final balance less what it used, owes and promised.

    Nothing is available from the moment its owner asks to withdraw.
    """
    number = parse_session_id(session_id)
    with settled(run) as (_, database):
        with database.reading() as connection:
            contract = contract_of(connection)
        if contract is None:
            raise NotBound
        found = Budgets(database, contract, clock=now).budget(number)
    asset = contract.asset
    run.screen.result(
        f"Budget of session {number}",
        {
            "session_id": str(number),
            "balance": Money(found.balance, asset),
            "unsettled": Money(found.unsettled, asset),
            "arrears": Money(found.arrears, asset),
            "reserved": Money(found.reserved, asset),
            "available": Money(found.available, asset),
            "withdrawal_requested_at": Instant(found.withdrawal_requested_at),
        },
    )
