"""`sessionpay admin`: pauses, roles, and what was sent to the contract by mistake."""

from typing import Annotated

from typer import Argument, Option

from sessionpay.app import Books
from sessionpay.chain import rpc
from sessionpay.chain.contract import Receipt
from sessionpay.chain.token import Token
from sessionpay.chain.views import NATIVE
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import Fields, Instant, Money, Row, Span
from sessionpay.cli.sending import Plan, send, told
from sessionpay.cli.terms import parse_duration
from sessionpay.core.events import TokenRecovered
from sessionpay.core.ids import ZERO_ADDRESS, Address, checksum_address, parse_address
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.core.roles import ROLES
from sessionpay.services.check import role_holders

NATIVE_WORD = "native"

admin = group("admin", help="Pause, recover what was sent by mistake, grant and revoke roles.")

_Time = Annotated[str, Argument(metavar="TIME", help="How long, such as 30m, 6h or 7d; at most 7d.")]
_What = Annotated[str, Argument(metavar="native|TOKEN", help="The chain's own coin, or a token's address.")]
_Role = Annotated[str, Argument(metavar="ROLE", help="default-admin, admin or session-contract.")]
_Account = Annotated[str, Argument(metavar="ACCOUNT", help="Address of the account.")]
_FromBlock = Annotated[int, Option("--from-block", min=0, help="Block to list role holders from.")]


@command(admin, "pause", needs=Needs.CONTRACT_AND_KEY, example="admin pause 6h")
def pause(run: Run, time: _Time) -> None:
    """Stop deposits, charges and allocations for a while; withdrawals go on. Needs ADMIN_ROLE."""
    seconds = parse_duration("time", time)
    books = run.signing()
    fields: Fields = {"duration": Span(seconds)}
    receipt = send(run, books, Plan("Pause the contract", fields), lambda bound: bound.pause(seconds))
    until = Instant(books.contract.paused_until())
    run.screen.result("Paused the contract", {**fields, "paused_until": until, **told(books, receipt)})


@command(admin, "unpause", needs=Needs.CONTRACT_AND_KEY, example="admin unpause")
def unpause(run: Run) -> None:
    """End a pause early. Needs ADMIN_ROLE."""
    books = run.signing()
    fields: Fields = {"paused_until": Instant(books.contract.paused_until())}
    receipt = send(run, books, Plan("End the pause", fields), lambda bound: bound.unpause())
    run.screen.result("Ended the pause", told(books, receipt))


@command(admin, "recover", needs=Needs.CONTRACT_AND_KEY, example="admin recover native")
def recover(run: Run, what: _What) -> None:
    """Take what was sent by mistake: all of a stranger's token, of the asset only the surplus.

    Needs ADMIN_ROLE.
    """
    token = ZERO_ADDRESS if what == NATIVE_WORD else parse_address(what)
    books = run.signing()
    asset = _asset(books, token)
    fields: Fields = {
        "token": NATIVE_WORD if token == ZERO_ADDRESS else checksum_address(token),
        "amount": _recoverable(books, asset),
        "to": checksum_address(books.require_signer().address),
    }
    plan = Plan("Recover what was sent by mistake", fields)
    if token == ZERO_ADDRESS:
        receipt = send(run, books, plan, lambda bound: bound.emergency_withdraw_eth())
    else:
        receipt = send(run, books, plan, lambda bound: bound.admin_withdraw_token(token))
    amount = Money(BaseUnits(_recovered(receipt)), asset)
    run.screen.result(
        "Recovered what was sent by mistake", {**fields, "amount": amount, **told(books, receipt)}
    )


@command(admin, "grant", needs=Needs.CONTRACT_AND_KEY, example="admin grant session-contract 0x7099...79C8")
def grant(run: Run, role: _Role, account: _Account) -> None:
    """Give a role to an account. Needs DEFAULT_ADMIN_ROLE."""
    name, holder = _role_name(role), parse_address(account)
    books = run.signing()
    fields = _role_fields(books, name, holder)
    plan = Plan(f"Grant {name}", fields)
    receipt = send(run, books, plan, lambda bound: bound.grant_role(ROLES[name], holder))
    run.screen.result(f"Granted {name}", {**_role_fields(books, name, holder), **told(books, receipt)})


@command(admin, "revoke", needs=Needs.CONTRACT_AND_KEY, example="admin revoke session-contract 0x7099...79C8")
def revoke(run: Run, role: _Role, account: _Account) -> None:
    """Take a role from an account. Needs DEFAULT_ADMIN_ROLE."""
    name, holder = _role_name(role), parse_address(account)
    books = run.signing()
    fields = _role_fields(books, name, holder)
    plan = Plan(f"Revoke {name}", fields)
    receipt = send(run, books, plan, lambda bound: bound.revoke_role(ROLES[name], holder))
    run.screen.result(f"Revoked {name}", {**_role_fields(books, name, holder), **told(books, receipt)})


@command(admin, "show", needs=Needs.CONTRACT, example="admin show")
def show(run: Run, *, from_block: _FromBlock = 0) -> None:
    """Show who holds each role, and whether the contract is paused."""
    books = run.reading()
    with run.screen.waiting("reading who holds the roles"):
        holders = role_holders(books.contract, from_block=from_block)
    rows: list[Row] = [
        {"role": name, "account": checksum_address(account)}
        for name, role in ROLES.items()
        for account in holders.of(role)
    ]
    paused_until = books.contract.paused_until()
    fields: Fields = {
        "contract": checksum_address(books.contract.address),
        "chain_id": books.chain_id,
        "paused": paused_until > books.now(),
        "paused_until": Instant(paused_until),
        "roles": rows,
    }
    run.screen.result("Administration", fields)


def _role_name(text: str) -> str:
    """Return the contract's name of a role that is written as people do."""
    name = text.upper().replace("-", "_").removesuffix("_ROLE") + "_ROLE"
    if name not in ROLES:
        raise BadCommandLine("role", text, rule="write default-admin, admin or session-contract")
    return name


def _role_fields(books: Books, name: str, holder: Address) -> Fields:
    held = books.contract.has_role(ROLES[name], holder)
    return {"role": name, "account": checksum_address(holder), "held": held}


def _asset(books: Books, token: Address) -> Asset:
    if token == books.asset.address:
        return books.asset
    return NATIVE if token == ZERO_ADDRESS else Token(books.web3, token).asset_info()


def _recoverable(books: Books, asset: Asset) -> Money:
    """Return what a recovery would take: the surplus of the contract's own asset, all of another."""
    if asset.address == books.asset.address:
        return Money(BaseUnits(books.contract.surplus()), asset)
    if asset.address == ZERO_ADDRESS:
        return Money(BaseUnits(rpc.balance(books.web3, books.contract.address)), asset)
    return Money(BaseUnits(Token(books.web3, asset.address).balance_of(books.contract.address)), asset)


def _recovered(receipt: Receipt) -> int:
    return sum(event.amount for event in receipt.events if isinstance(event, TokenRecovered))
