"""Transactions before anybody signs them: what they are, what would come of them, why they would fail."""

from dataclasses import dataclass

from sessionpay.chain.errors import ChainError, OutOfGasMoney
from sessionpay.chain.transactions import Cost
from sessionpay.chain.views import NATIVE
from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.money import BaseUnits, format_amount
from sessionpay.core.refusals import ContractRefusal, NotTheOwner, NotThePayee


@dataclass(frozen=True, slots=True)
class Draft:
    """One transaction without a signature: `function` by its types, `value` in wei.

    `cost` is None where it was not tried out, or failed.
    """

    title: str
    to: Address
    function: str
    data: bytes
    value: int
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing before and after: an amount in base units, or an address."""

    title: str
    before: BaseUnits | Address
    after: BaseUnits | Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What is going to be signed, and what would come of it.

    `drafts` stand in the order in which they are signed; the first one is next. `signer` is who alone can
    sign them, None for anybody; `sender` whose name they were tried in, None for nobody's. `refused` says
    why it would fail, `silence` why the chain was not asked. `opens_at` and `lapses_at` are when a
    withdrawal could be made afterwards, in unix seconds. The books are read to block `head`.
    """

    drafts: tuple[Draft, ...]
    changes: tuple[Change, ...]
    signer: Address | None
    sender: Address | None
    refused: str | None
    silence: str | None
    warnings: tuple[str, ...]
    checks: tuple[str, ...]
    opens_at: int | None
    lapses_at: int | None
    head: int

    @property
    def is_tried(self) -> bool:
        """Whether the first transaction was found to work now."""
        return self.refused is None and self.drafts[0].cost is not None


def sentence(fault: ContractRefusal | ChainError) -> str:
    """Return why a call fails as a sentence for people, with amounts in their units."""
    match fault:
        case (
            NotTheOwner(values={"owner": str(who), "sender": str(sender)})
            | NotThePayee(values={"payee": str(who), "sender": str(sender)})
        ):
            return (
                f"Only {checksum_address(Address(who))} can do this, and the wallet's account is "
                f"{checksum_address(Address(sender))}: choose the other one there."
            )
        case ContractRefusal():
            topic, _, what = fault.reason.partition(": ")
            return f"The contract refuses it ({topic}): {what}. {fault.advice.capitalize()}."
        case OutOfGasMoney():
            has = format_amount(BaseUnits(fault.balance), NATIVE)
            needed = format_amount(BaseUnits(fault.needed), NATIVE)
            return (
                f"{checksum_address(fault.address)} has {has}, and this takes up to {needed} with its gas: "
                "send it more first, or choose a smaller amount."
            )
    return f"{str(fault)[:1].upper()}{str(fault)[1:]}."
