"""`sessionpay session`: the deposits of those who use the network."""

from typing import Annotated

from typer import Argument

from sessionpay.app import Books
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.deposit import require_deposit, require_token, take_allowance
from sessionpay.cli.output import Fields, Instant, Money
from sessionpay.cli.sending import Plan, send
from sessionpay.core.ids import Address, SessionId, checksum_address, parse_address, parse_session_id
from sessionpay.core.money import BaseUnits, parse_amount
from sessionpay.core.refusals import SessionNotRegistered

# The contract's own limit: a withdrawal request can be used for this long after its delay.
WITHDRAWAL_WINDOW_SECONDS = 7 * 24 * 3600

session = group("session", help="Register, fund, read and empty sessions.")

_Id = Annotated[str, Argument(metavar="ID", help="Number of the session, below 2**160.")]
_Amount = Annotated[str, Argument(metavar="AMOUNT", help="Such as '0.5 ETH', '12.5 USDC', or base units.")]


@command(session, "register", needs=Needs.CONTRACT_AND_KEY, example="session register 7 0xAb...12")
def register(run: Run, id: _Id, owner: Annotated[str, Argument(metavar="OWNER", help="Address that may withdraw.")]) -> None:  # noqa: A002, E501
    """Register a session for its owner. Needs the session contract's role; does not ask."""
    session_id, owner_address = parse_session_id(id), parse_address(owner)
    books = run.signing()
    fields: Fields = {"session_id": str(session_id), "owner": checksum_address(owner_address)}
    plan = Plan(f"Register session {session_id}", fields, asks=False)
    receipt = send(run, books, plan, lambda contract: contract.register_session(session_id, owner_address))
    run.screen.result(f"Registered session {session_id}", {**fields, **receipt})


@command(session, "deposit", needs=Needs.CONTRACT_AND_KEY, example="session deposit 7 '0.5 ETH'")
def deposit(run: Run, id: _Id, amount: _Amount) -> None:  # noqa: A002
    """Add to a session's balance from the key's account. A token is approved first where needed."""
    session_id = parse_session_id(id)
    books = run.signing()
    units = parse_amount(amount, books.asset)
    require_deposit(books, session_id, units)
    fields: Fields = {"session_id": str(session_id), "amount": Money(units, books.asset)}
    approval = take_allowance(run, books, Plan(f"Deposit to session {session_id}", fields), units)
    plan = Plan(f"Deposit to session {session_id}", fields, asks=not approval)
    receipt = send(run, books, plan, lambda contract: contract.deposit_to_session(session_id, units))
    balance = _balance(books, session_id)
    run.screen.result(
        f"Deposited to session {session_id}", {**fields, "balance": balance, **approval, **receipt}
    )
