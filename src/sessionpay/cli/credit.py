"""`sessionpay session credit`: usage that was wrong is taken off what a session owes."""

from typing import Annotated

from typer import Argument, Option, Typer

from sessionpay.cli.asking import require_yes
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.homes import asset_of, now, settled
from sessionpay.cli.output import Fields, Money
from sessionpay.core.credits import Credit
from sessionpay.core.ids import parse_session_id
from sessionpay.core.money import parse_amount
from sessionpay.store import credit_notes, epochs

_Id = Annotated[str, Argument(metavar="ID", help="Number of the session, below 2**160.")]
_Amount = Annotated[
    str, Argument(metavar="AMOUNT", help="Base units; '0.5 ETH' too once the contract is known.")
]
_Reason = Annotated[str, Option("--reason", metavar="TEXT", help="Why; the owner will read it.")]
_Reference = Annotated[
    str | None, Option("--reference", metavar="TEXT", help="What the note is known by elsewhere.")
]


def register(session: Typer) -> None:
    """Add the command to the group of sessions."""
    example = "session credit 7 1000 --reason 'task t1 was doubled'"
    command(session, "credit", needs=Needs.HOME_AND_YES, example=example)(credit)


def credit(
    run: Run, session_id: _Id, amount: _Amount, *, reason: _Reason, reference: _Reference = None
) -> None:
    """Enter a credit note into the open epoch: it cancels what the session did not pay yet.

    What exceeds that is void and reported; money already collected is given back by a deposit.
    """
    number, at = parse_session_id(session_id), now()
    with settled(run) as (_, database):
        with database.reading() as connection:
            asset = asset_of(connection)
            epoch = epochs.current(connection)
        note = Credit(
            session_id=number,
            amount=parse_amount(amount, asset),
            reason=reason,
            reference=reference or f"note-{at}",
        )
        fields: Fields = {
            "session_id": str(number),
            "amount": Money(note.amount, asset),
            "reason": note.reason,
            "reference": note.reference,
            "epoch": None if epoch is None else epoch.number,
        }
        run.screen.plan(f"Credit session {number}", fields)
        if not run.yes:
            require_yes("Enter this credit note? It cannot be taken back.")
        with database.writing() as connection:
            entered = credit_notes.add(connection, note, at=at)
    run.screen.result(f"Credited session {number}", {**fields, "epoch": entered.epoch, "note": entered.id})
