"""`sessionpay session`: the deposits of those who use the network."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Annotated

from typer import Argument, Option

from sessionpay.app import Books
from sessionpay.chain.views import Account
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.deposit import approve_first, require_deposit
from sessionpay.cli.output import Fields, Instant, Money, Row
from sessionpay.cli.sending import Plan, send, told
from sessionpay.cli.statements import At, Chosen, Csv, print_csv, show_statement
from sessionpay.core.books import Session
from sessionpay.core.ids import (
    ZERO_ADDRESS,
    SessionId,
    checksum_address,
    parse_address,
    parse_session_id,
)
from sessionpay.core.ledger import WINDOW_SECONDS
from sessionpay.core.money import Asset, parse_amount
from sessionpay.core.refusals import SessionNotRegistered
from sessionpay.store import evidence, queries

session = group("session", help="Register, fund, read and empty sessions.")

_Id = Annotated[str, Argument(metavar="ID", help="Number of the session, below 2**160.")]
_Amount = Annotated[str, Argument(metavar="AMOUNT", help="'0.5 ETH', '12.5 USDC', or base units.")]
_Part = Annotated[
    str | None, Argument(metavar="[AMOUNT]", help="A part of the balance; all of it if left out.")
]
_OwnedBy = Annotated[
    str | None, Option("--owner", metavar="ADDRESS", help="Only the sessions of this owner.")
]
_Owner = Annotated[str, Argument(metavar="OWNER", help="Address that may withdraw.")]

_LISTED = (
    "session_id", "owner", "balance", "charged",
    "registered_at", "last_payment_at", "withdrawal_requested_at",
)  # fmt: skip


@command(session, "register", needs=Needs.CONTRACT_AND_KEY, example="session register 7 0x7099...79C8")
def register(run: Run, session_id: _Id, owner: _Owner) -> None:
    """Register a session for its owner. Needs SESSION_CONTRACT_ROLE; does not ask."""
    session, owner_address = parse_session_id(session_id), parse_address(owner)
    books = run.signing()
    fields: Fields = {"session_id": str(session), "owner": checksum_address(owner_address)}
    plan = Plan(f"Register session {session}", fields, asks=False)
    receipt = send(run, books, plan, lambda bound: bound.register_session(session, owner_address))
    run.screen.result(f"Registered session {session}", {**fields, **told(books, receipt)})


@command(session, "deposit", needs=Needs.CONTRACT_AND_KEY, example="session deposit 7 '0.5 ETH'")
def deposit(run: Run, session_id: _Id, amount: _Amount) -> None:
    """Add to a session's balance from the key's account; a token is approved first where needed."""
    session = parse_session_id(session_id)
    books = run.signing()
    units = parse_amount(amount, books.asset)
    require_deposit(books, session, units)
    fields: Fields = {"session_id": str(session), "amount": Money(units, books.asset)}
    title = f"Deposit to session {session}"
    approval = approve_first(run, books, Plan(title, fields), units)
    plan = Plan(title, fields, asks=not approval)
    receipt = send(run, books, plan, lambda bound: bound.deposit_to_session(session, units))
    balance = _balance(books, session)
    run.screen.result(
        f"Deposited to session {session}", {**fields, "balance": balance, **approval, **told(books, receipt)}
    )


@command(session, "show", needs=Needs.CONTRACT, example="session show 7")
def show(run: Run, session_id: _Id) -> None:
    """Show a session: its owner, its balance, what it paid, and a withdrawal request if one is stored."""
    session = parse_session_id(session_id)
    books = run.reading()
    account = books.contract.get_account(session)
    if account.owner == ZERO_ADDRESS:
        raise SessionNotRegistered(session_id=session)
    fields: Fields = {
        "session_id": str(session),
        "owner": checksum_address(account.owner),
        "balance": Money(account.balance, books.asset),
        "charged": Money(account.payment_amount, books.asset),
        "registered_at": Instant(account.registered_at),
        "last_payment_at": Instant(account.last_payment_at),
        **_request(books, account),
        "contract": checksum_address(books.contract.address),
        "chain_id": books.chain_id,
    }
    run.screen.result(f"Session {session}", fields)


@command(session, "request-withdrawal", needs=Needs.CONTRACT_AND_KEY, example="session request-withdrawal 7")
def request_withdrawal(run: Run, session_id: _Id) -> None:
    """Start the delay after which the owner may withdraw. Does not ask."""
    session = parse_session_id(session_id)
    books = run.signing()
    fields: Fields = {"session_id": str(session)}
    plan = Plan(f"Request a withdrawal from session {session}", fields, asks=False)
    receipt = send(run, books, plan, lambda bound: bound.request_session_withdrawal(session))
    account = books.contract.get_account(session)
    run.screen.result(
        f"Requested a withdrawal from session {session}",
        {**fields, **_request(books, account), **told(books, receipt)},
    )


@command(session, "cancel-withdrawal", needs=Needs.CONTRACT_AND_KEY, example="session cancel-withdrawal 7")
def cancel_withdrawal(run: Run, session_id: _Id) -> None:
    """Take a withdrawal request back. Does not ask."""
    session = parse_session_id(session_id)
    books = run.signing()
    fields: Fields = {"session_id": str(session)}
    plan = Plan(f"Cancel the withdrawal from session {session}", fields, asks=False)
    receipt = send(run, books, plan, lambda bound: bound.cancel_session_withdrawal(session))
    run.screen.result(f"Cancelled the withdrawal from session {session}", {**fields, **told(books, receipt)})


@command(session, "withdraw", needs=Needs.CONTRACT_AND_KEY, example="session withdraw 7 '0.2 ETH'")
def withdraw(run: Run, session_id: _Id, amount: _Part = None) -> None:
    """Pay the balance, or a part of it, to the owner, whose key this needs."""
    session = parse_session_id(session_id)
    books = run.signing()
    units = None if amount is None else parse_amount(amount, books.asset)
    balance = _balance(books, session)
    part = balance if units is None else Money(units, books.asset)
    fields: Fields = {"session_id": str(session), "amount": part}
    plan = Plan(f"Withdraw from session {session}", {**fields, "to": _signer(books)})
    receipt = send(run, books, plan, lambda bound: bound.withdraw_from_session(session, units))
    left = {"balance": _balance(books, session)}
    run.screen.result(f"Withdrew from session {session}", {**fields, **left, **told(books, receipt)})


@command(session, "transfer", needs=Needs.CONTRACT_AND_KEY, example="session transfer 7 0x7099...79C8")
def transfer(run: Run, session_id: _Id, new_owner: _Owner) -> None:
    """Give a session and its balance to another owner."""
    session, owner = parse_session_id(session_id), parse_address(new_owner)
    books = run.signing()
    fields: Fields = {
        "session_id": str(session),
        "balance": _balance(books, session),
        "new_owner": checksum_address(owner),
    }
    plan = Plan(f"Transfer session {session}", fields)
    receipt = send(run, books, plan, lambda bound: bound.transfer_session(session, owner))
    run.screen.result(f"Transferred session {session}", {**fields, **told(books, receipt)})


@command(session, "list", needs=Needs.CONTRACT_AND_BOOKS, example="session list --owner 0x7099...79C8")
def list_sessions(run: Run, *, owner: _OwnedBy = None, csv: Csv = False) -> None:
    """List sessions from the books, all of them or those of one owner."""
    owner_address = None if owner is None else parse_address(owner)
    with (
        run.indexed() as (connection, contract),
        closing(queries.sessions(connection, contract, owner=owner_address)) as found,
    ):
        rows = _listed(found, contract.asset)
        if csv:
            print_csv(run, _LISTED, rows)
            return
        fields: Fields = {
            "block": evidence.checkpoint(connection, contract).head_number,
            "count": queries.session_count(connection, contract, owner=owner_address),
        }
        run.screen.rows("Sessions", fields, "sessions", rows)


@command(session, "statement", needs=Needs.CONTRACT_AND_BOOKS, example="session statement 7 --at 1200 --csv")
def statement(run: Run, session_id: _Id, *, at: At = None, csv: Csv = False) -> None:
    """Show every movement of a session from the books: deposits, charges, withdrawals."""
    session = parse_session_id(session_id)
    with run.indexed() as books:
        if queries.session(*books, session) is None:
            raise SessionNotRegistered(session_id=session)
        show_statement(
            run,
            f"Statement of session {session}",
            {"session_id": str(session)},
            books=books,
            statement=partial(queries.session_statement, *books, session),
            chosen=Chosen(at, as_csv=csv),
        )


def _listed(found: Iterable[tuple[SessionId, Session]], asset: Asset) -> Iterator[Row]:
    for session_id, kept in found:
        yield {
            "session_id": str(session_id),
            "owner": checksum_address(kept.owner),
            "balance": Money(kept.balance, asset),
            "charged": Money(kept.usage, asset),
            "registered_at": Instant(kept.registered_at),
            "last_payment_at": Instant(kept.last_payment_at),
            "withdrawal_requested_at": Instant(kept.withdrawal_requested_at),
        }


def _balance(books: Books, session: SessionId) -> Money:
    return Money(books.contract.session_balances(session), books.asset)


def _signer(books: Books) -> str:
    return checksum_address(books.require_signer().address)


def _request(books: Books, account: Account) -> Fields:
    """Return the withdrawal request of a session, if one is stored, and when it can be used."""
    requested_at = account.withdrawal_requested_at
    if not requested_at:
        return {"withdrawal_requested_at": Instant(0)}
    available_at = requested_at + books.contract.withdrawal_delay()
    return {
        "withdrawal_requested_at": Instant(requested_at),
        "withdrawal_from": Instant(available_at),
        "withdrawal_until": Instant(available_at + WINDOW_SECONDS),
    }
