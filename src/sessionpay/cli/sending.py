"""Doing what moves money: rehearse it, say what it will do and cost, ask, send, wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from web3 import Web3

from sessionpay.app import Books
from sessionpay.chain.client import Receipt, SessionPayment
from sessionpay.chain.keys import Signer
from sessionpay.chain.sender import Sender
from sessionpay.chain.views import NATIVE
from sessionpay.cli.asking import require_yes
from sessionpay.cli.commands import Run
from sessionpay.cli.output import Fields, Instant, Money
from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.money import BaseUnits

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command is about to do: `title` says it, `fields` give who and how much.

    `asks` is False for what moves no money, grants nothing and stops nothing.
    """

    title: str
    fields: Fields
    asks: bool = True


class Rehearsed(Exception):
    """A transaction got as far as its signature; `fee_max` is the most that its gas may cost, in wei."""

    def __init__(self, fee_max: int) -> None:
        """Keep the fee."""
        self.fee_max = fee_max
        super().__init__(fee_max)


class Unsigned(Signer):
    """An account without its key: every check runs in its name, and nothing can ever be sent."""

    def __init__(self, address: Address) -> None:
        """Act for `address`."""
        self.address = address

    def sign_transaction(self, transaction: dict[str, Any]) -> NoReturn:
        """Stop here with what the transaction may cost."""
        price = transaction["maxFeePerGas" if "maxFeePerGas" in transaction else "gasPrice"]
        raise Rehearsed(transaction["gas"] * price)


def send(run: Run, books: Books, plan: Plan, action: Callable[[SessionPayment], Receipt]) -> Receipt:
    """Do one transaction of the contract.

    Whatever can be refused is refused before the question, and then nothing has been sent.
    """
    placed: Fields = {**plan.fields, "contract": checksum_address(books.contract.address)}

    def bound(sender: Sender) -> Receipt:
        return action(books.contract.with_sender(sender))

    placed_plan = Plan(plan.title, placed, plan.asks)
    return perform(run, books.web3, books.require_signer(), placed_plan, bound)


def told(books: Books, receipt: Receipt) -> Fields:
    """Return what the result of a command shows about its transaction."""
    return {
        "from": checksum_address(books.require_signer().address),
        "contract": checksum_address(books.contract.address),
        "chain_id": books.chain_id,
        **told_mined(receipt),
    }


def told_mined(receipt: Receipt) -> Fields:
    """Return where a transaction stands in the chain."""
    return {
        "transaction": receipt.transaction_hash,
        "block": receipt.block_number,
        "time": Instant(receipt.block_timestamp),
        "gas_used": receipt.gas_used,
    }


def perform(run: Run, web3: Web3, signer: Signer, plan: Plan, action: Callable[[Sender], Done]) -> Done:
    """Rehearse, ask and do one transaction of `signer`."""
    sender = Sender(web3, signer)
    with run.screen.waiting("looking at what it will do"):
        fee_max = rehearse(web3, signer.address, action)
    if plan.asks:
        shown: Fields = {
            **plan.fields,
            "from": checksum_address(signer.address),
            "chain_id": sender.chain_id,
            "fee_at_most": Money(BaseUnits(fee_max), NATIVE),
        }
        run.screen.plan(plan.title, shown)
        if not run.yes:
            require_yes(f"{plan.title}?")
    with run.screen.waiting("waiting for the transaction to be mined"):
        return action(sender)


def rehearse(web3: Web3, address: Address, action: Callable[[Sender], object]) -> int:
    """Return what `action` of `address` may cost at most, in wei, or raise why it would fail."""
    try:
        action(Sender(web3, Unsigned(address)))
    except Rehearsed as rehearsed:
        return rehearsed.fee_max
    raise AssertionError("an action sends one transaction")
