"""`sessionpay network`: charges from sessions to the treasury, allocations from it to nodes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from sessionpay.app import Books
from sessionpay.cli.batches import (
    allocation_rows,
    applied_allocations,
    applied_charges,
    charge_rows,
    require_allocations,
    require_charges,
)
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import Fields, Instant, Money, Span
from sessionpay.cli.sending import Plan, send, told
from sessionpay.cli.statements import At, Chosen, Csv, show_statement
from sessionpay.cli.terms import parse_allocations, parse_charges, read_rows
from sessionpay.core.events import Charge
from sessionpay.core.ids import ZERO_ADDRESS, checksum_address, parse_address
from sessionpay.core.money import BaseUnits, parse_amount
from sessionpay.store import queries

network = group("network", help="Charge sessions, allocate to nodes, read the treasury.")

_Charges = Annotated[list[str] | None, Argument(metavar="ID=AMOUNT...", help="Such as 7='0.5 ETH'.")]
_Allocations = Annotated[
    list[str] | None, Argument(metavar="NODE=AMOUNT...", help="With --each, nodes alone.")
]
_File = Annotated[
    Path | None, Option("--file", metavar="FILE", help="Rows from a file, one a line: a batch.")
]
_Each = Annotated[str | None, Option("--each", metavar="AMOUNT", help="The same amount to every node named.")]
_Partial = Annotated[
    bool, Option("--partial", help="Send a batch although a row would get less than it names.")
]


@command(network, "charge", needs=Needs.CONTRACT_AND_KEY, example="network charge 7='0.5 ETH' 8='0.1 ETH'")
def charge(run: Run, rows: _Charges = None, *, file: _File = None, partial: _Partial = False) -> None:
    """Charge one session with a single call, or several, or a file, with a batch.

    Needs SESSION_CONTRACT_ROLE.
    """
    texts = _given(rows, file)
    books = run.signing()
    charges = parse_charges(texts, books.asset)
    if len(charges) == 1 and file is None:
        _charge_one(run, books, charges[0])
    else:
        _charge_batch(run, books, charges, partial=partial)


@command(
    network, "allocate", needs=Needs.CONTRACT_AND_KEY, example="network allocate 0x7099...79C8='0.3 ETH'"
)
def allocate(
    run: Run,
    rows: _Allocations = None,
    *,
    each: _Each = None,
    file: _File = None,
    partial: _Partial = False,
) -> None:
    """Allocate from the treasury to active nodes, each its own amount, or --each the same.

    Needs SESSION_CONTRACT_ROLE.
    """
    texts = _given(rows, file)
    books = run.signing()
    if each is None:
        _allocate_batch(run, books, texts, partial=partial)
    else:
        _allocate_equally(run, books, texts, parse_amount(each, books.asset))


@command(network, "show", needs=Needs.CONTRACT, example="network show")
def show(run: Run) -> None:
    """Show the treasury, what the contract owes and holds, and whether it is paused."""
    books = run.reading()
    contract, asset = books.contract, books.asset
    is_native = asset.address == ZERO_ADDRESS
    paused_until = contract.paused_until()
    fields: Fields = {
        "contract": checksum_address(contract.address),
        "chain_id": books.chain_id,
        "asset": "native" if is_native else checksum_address(asset.address),
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "treasury": Money(contract.total_network_balance(), asset),
        "liabilities": Money(contract.liabilities(), asset),
        "surplus": Money(BaseUnits(contract.surplus()), asset),
        "balance": Money(BaseUnits(contract.balance()), asset),
        "settlement_sequence": contract.settlement_sequence(),
        "withdrawal_delay": Span(contract.withdrawal_delay()),
        "paused": paused_until > books.now(),
        "paused_until": Instant(paused_until),
    }
    run.screen.result("Network", fields)


@command(network, "statement", needs=Needs.CONTRACT_AND_BOOKS, example="network statement --csv")
def statement(run: Run, *, at: At = None, csv: Csv = False) -> None:
    """Show what came into the treasury and what was allocated from it, from the books."""
    with run.indexed() as books:
        show_statement(
            run,
            "Statement of the treasury",
            {},
            books=books,
            statement=partial(queries.network_statement, *books),
            chosen=Chosen(at, as_csv=csv),
        )


def _charge_one(run: Run, books: Books, row: Charge) -> None:
    fields: Fields = {"session_id": str(row.session_id), "amount": Money(row.amount, books.asset)}
    plan = Plan(f"Charge session {row.session_id}", fields)
    receipt = send(run, books, plan, lambda bound: bound.pay_from_session_to_network(*row))
    balance = Money(books.contract.session_balances(row.session_id), books.asset)
    run.screen.result(
        f"Charged session {row.session_id}", {**fields, "balance": balance, **told(books, receipt)}
    )


def _charge_batch(run: Run, books: Books, charges: Sequence[Charge], *, partial: bool) -> None:
    sequence = books.contract.settlement_sequence()
    preview = books.contract.preview_charges(charges)
    if not partial:
        require_charges(charges, preview.rows, books.asset)
    fields: Fields = {
        "sequence": sequence,
        "total": Money(preview.total, books.asset),
        "rows": charge_rows(charges, preview.rows, books.asset),
    }
    plan = Plan(f"Charge sessions, {len(charges)} rows", fields)
    receipt = send(run, books, plan, lambda bound: bound.pay_from_sessions_to_network(sequence, charges))
    done = applied_charges(receipt)
    fields = {
        "sequence": sequence,
        "total": Money(done.total, books.asset),
        **told(books, receipt),
        "rows": charge_rows(charges, done.charges, books.asset),
    }
    run.screen.result(f"Charged sessions, {len(charges)} rows", fields)


def _allocate_batch(run: Run, books: Books, texts: Sequence[str], *, partial: bool) -> None:
    allocations = parse_allocations(texts, books.asset)
    sequence = books.contract.settlement_sequence()
    preview = books.contract.preview_allocations(allocations)
    if not partial:
        require_allocations(allocations, preview.rows, books.asset)
    fields: Fields = {
        "sequence": sequence,
        "total": Money(preview.total, books.asset),
        "rows": allocation_rows(allocations, preview.rows, books.asset),
    }
    plan = Plan(f"Allocate to nodes, {len(allocations)} rows", fields)
    receipt = send(run, books, plan, lambda bound: bound.allocate_node_amounts(sequence, allocations))
    done = applied_allocations(receipt)
    fields = {
        "sequence": sequence,
        "total": Money(done.total, books.asset),
        **told(books, receipt),
        "rows": allocation_rows(allocations, done.allocations, books.asset),
    }
    run.screen.result(f"Allocated to nodes, {len(allocations)} rows", fields)


def _allocate_equally(run: Run, books: Books, texts: Sequence[str], each: BaseUnits) -> None:
    nodes = [parse_address(text) for text in texts]
    fields: Fields = {
        "each": Money(each, books.asset),
        "total": Money(BaseUnits(each * len(nodes)), books.asset),
        "rows": [{"node": checksum_address(node), "amount": Money(each, books.asset)} for node in nodes],
    }
    plan = Plan(f"Allocate the same to nodes, {len(nodes)} rows", fields)
    receipt = send(run, books, plan, lambda bound: bound.allocate_node_payments(nodes, each))
    run.screen.result(f"Allocated the same to nodes, {len(nodes)} rows", {**fields, **told(books, receipt)})


def _given(rows: Sequence[str] | None, file: Path | None) -> tuple[str, ...]:
    """Return the rows of the command line or those of the file. Raises `BadCommandLine`."""
    if rows and file is not None:
        raise BadCommandLine("file", str(file), rule="give rows or a file, not both")
    if file is not None:
        return read_rows(file)
    if not rows:
        raise BadCommandLine("rows", "", rule="give at least one, or --file")
    return tuple(rows)
