"""`sessionpay status`: how the settlement is doing, for the terminal."""

from sqlalchemy import Connection
from typer import Exit, Typer

from sessionpay.app import NotNamed, find_chain
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import ChainError
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import ExitCode
from sessionpay.cli.homes import asset_of, contract_of, now, settled
from sessionpay.cli.output import Fields, Instant, Money, Row, Span
from sessionpay.core.ids import ZERO_ADDRESS, checksum_address
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.services.condition import Condition, Sight, Watch, look, reasons_not_ready
from sessionpay.store import condition
from sessionpay.store.database import Database

COIN = Asset(ZERO_ADDRESS, "ETH", 18)
# The oldest ones are in `sessionpay epoch list`.
EPOCHS_SHOWN = 10


def register(app: Typer) -> None:
    """Add `status` to the program."""
    command(app, "status", needs=Needs.STATUS, example="status")(status)


def status(run: Run) -> None:
    """Show epochs, transactions on their way, work that is not settled, and what is not well.

    Asks the chain where one is named. Exit code 1 where nothing is paid until somebody looks.
    """
    with settled(run) as (_, database):
        found = look(database, at=now(), sight=_sight(run, database))
        with database.reading() as connection:
            fields = _told(found, connection)
    reasons = reasons_not_ready(found, is_watched=False)
    problems: list[Row] = [{"reason": reason} for reason in reasons]
    run.screen.result("Settlement", {"well": not reasons, **fields, "problems": problems})
    if found.halted is not None:
        raise Exit(ExitCode.REFUSED)


def _told(found: Condition, connection: Connection) -> Fields:
    asset, contract = asset_of(connection), contract_of(connection)
    checkpoint, sight = found.checkpoint, found.sight
    epochs: list[Row] = [
        {
            "epoch": each.number,
            "state": each.state,
            "closed_at": Instant(each.closed_at or 0),
            "settled_at": Instant(each.settled_at or 0),
        }
        for each in found.epochs[-EPOCHS_SHOWN:]
    ]
    sent: list[Row] = [
        {"purpose": purpose, "state": state, "transactions": count}
        for (purpose, state), count in sorted(found.sent.transactions.items())
    ]
    balance = None if sight is None or sight.balance is None else Money(BaseUnits(sight.balance), COIN)
    return {
        "contract": None if contract is None else checksum_address(contract.address),
        "unsettled": Money(found.owing.unsettled, asset),
        "arrears": Money(found.owing.arrears, asset),
        "oldest_unsettled_row": Span(found.oldest_row_seconds),
        "halted": found.halted,
        "books_block": None if checkpoint is None else checkpoint.head_number,
        "books_final_block": None if checkpoint is None else checkpoint.final_number,
        "lag_blocks": found.lag,
        "key": None if found.sent.sender is None else checksum_address(found.sent.sender),
        "key_balance": balance,
        "gas_used": found.sent.gas_used,
        "oldest_transaction": Span(found.oldest_transaction_seconds),
        "epochs": epochs,
        "outbox": sent,
    }


def _sight(run: Run, database: Database) -> Sight | None:
    """Return what the chain says; None where none is named, or it does not answer."""
    with database.reading() as connection:
        contract, sender = contract_of(connection), condition.sent(connection).sender
    if contract is None:
        return None
    try:
        web3 = run.wiring.open_chain(find_chain(run.wiring.config(), rpc=run.rpc))
        watch = Watch(SessionPayment(web3, contract.address), sender, now)
        watch.look()
    except (NotNamed, ChainError) as fault:
        run.screen.note(f"the chain is left out: {fault}")
        return None
    return watch.sight()
