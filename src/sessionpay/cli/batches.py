"""Rows of a batch as people see them: what each names beside what is applied."""

from collections.abc import Sequence

from sessionpay.chain.contract import Receipt
from sessionpay.chain.errors import ChainError
from sessionpay.cli.output import Money, Row
from sessionpay.core.errors import SessionPayError
from sessionpay.core.events import Allocation, Charge, NodesAllocated, SessionsCharged
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import Asset, BaseUnits, format_amount


class RowFallsShort(SessionPayError):
    """A row of a batch would not be applied in full, and nobody said that this is meant."""

    def __init__(self, row: str, *, named: str, applied: str, advice: str) -> None:
        """Keep the row's session or node, the amount that it names and the one that would be applied."""
        self.row = row
        self.named = named
        self.applied = applied
        super().__init__(f"{row}: only {applied} of {named} would move; {advice}, or give --partial")


class NoBatchEvent(ChainError):
    """A batch was mined, and its receipt does not say what each row did."""

    def __init__(self, transaction_hash: str) -> None:
        """Keep the hash."""
        self.transaction_hash = transaction_hash
        super().__init__(
            f"transaction {transaction_hash} has no batch event: look at it before sending again"
        )


def require_charges(named: Sequence[Charge], applied: Sequence[Charge], asset: Asset) -> None:
    """Raise `RowFallsShort` for the first session that would not pay all that its row names."""
    for row, done in zip(named, applied, strict=True):
        advice = "check that it is registered, and deposit or charge less"
        _require(f"session {row.session_id}", row.amount, done.amount, asset, advice=advice)


def require_allocations(named: Sequence[Allocation], applied: Sequence[Allocation], asset: Asset) -> None:
    """Raise `RowFallsShort` for the first node that would not be credited what its row names."""
    for row, done in zip(named, applied, strict=True):
        advice = "it is most likely not active: mark it as used first"
        _require(f"node {checksum_address(row.node)}", row.amount, done.amount, asset, advice=advice)


def charge_rows(named: Sequence[Charge], applied: Sequence[Charge], asset: Asset) -> list[Row]:
    """Return the rows of a charge batch, each with what it names and what is applied."""
    return [
        {"session_id": str(row.session_id), **_amounts(row.amount, done.amount, asset)}
        for row, done in zip(named, applied, strict=True)
    ]


def allocation_rows(named: Sequence[Allocation], applied: Sequence[Allocation], asset: Asset) -> list[Row]:
    """Return the rows of an allocation batch, each with what it names and what is applied."""
    return [
        {"node": checksum_address(row.node), **_amounts(row.amount, done.amount, asset)}
        for row, done in zip(named, applied, strict=True)
    ]


def applied_charges(receipt: Receipt) -> SessionsCharged:
    """Return the event that says what a charge batch did. Raises `NoBatchEvent`."""
    for event in receipt.events:
        if isinstance(event, SessionsCharged):
            return event
    raise NoBatchEvent(receipt.transaction_hash)


def applied_allocations(receipt: Receipt) -> NodesAllocated:
    """Return the event that says what an allocation batch did. Raises `NoBatchEvent`."""
    for event in receipt.events:
        if isinstance(event, NodesAllocated):
            return event
    raise NoBatchEvent(receipt.transaction_hash)


def _require(row: str, named: BaseUnits, applied: BaseUnits, asset: Asset, *, advice: str) -> None:
    if applied != named:
        raise RowFallsShort(
            row, named=format_amount(named, asset), applied=format_amount(applied, asset), advice=advice
        )


def _amounts(named: BaseUnits, applied: BaseUnits, asset: Asset) -> Row:
    return {"named": Money(named, asset), "applied": Money(applied, asset)}
