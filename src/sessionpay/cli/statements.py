"""Statements: every movement of one account, as a table, as JSON or as CSV, adding up to its balance."""

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection
from typer import Option

from sessionpay.cli.commands import Run
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import Fields, Instant, Money, Row
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.store import evidence
from sessionpay.store.evidence import Contract
from sessionpay.store.queries import Line, Statement, balance_of

Csv = Annotated[bool, Option("--csv", help="Print comma-separated lines, amounts in base units.")]
At = Annotated[
    int | None, Option("--at", metavar="BLOCK", min=0, help="As of this block; else the last of the books.")
]

NAMES = ("block", "time", "transaction", "kind", "account", "amount", "balance")


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a statement was asked for: as of which block, if not of the last one, and whether as CSV."""

    at: int | None
    as_csv: bool


def show_statement(
    run: Run,
    title: str,
    fields: Fields,
    *,
    books: tuple[Connection, Contract],
    statement: Statement,
    chosen: Chosen,
) -> None:
    """Print the lines of one account and its balance after the last of them, without keeping the lines.

    Raises `BadCommandLine` for a block that the books do not have.
    """
    connection, contract = books
    block = _block(connection, contract, chosen.at)
    # Closed before the connection is, also where whoever reads the output stops early.
    with closing(statement(up_to=block)) as lines:
        rows = _rows(lines, contract.asset)
        if chosen.as_csv:
            print_csv(run, NAMES, rows)
            return
        balance = Money(balance_of(statement, up_to=block), contract.asset)
        run.screen.rows(title, {**fields, "block": block, "balance": balance}, "lines", rows)


def _block(connection: Connection, contract: Contract, at: int | None) -> int:
    head = evidence.checkpoint(connection, contract).head_number
    if at is None:
        return head
    if at > head:
        rule = f"the books end at block {head}; `sessionpay index run --once` reads on to the chain's head"
        raise BadCommandLine("at", at, rule=rule)
    if at < contract.first_block:
        rule = f"is before block {contract.first_block}, the contract's first; name that or a later one"
        raise BadCommandLine("at", at, rule=rule)
    return at


def print_csv(run: Run, names: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Print rows with a line of names above: amounts in base units, times in unix seconds."""
    if run.screen.json_output:
        raise BadCommandLine("csv", "--csv", rule="give --csv or --json, not both")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_plain(row[name]) for name in names])


def _rows(lines: Iterable[Line], asset: Asset) -> Iterator[Row]:
    for line in lines:
        subject = line.subject
        yield {
            "block": line.block_number,
            "time": Instant(line.timestamp),
            "transaction": line.transaction_hash,
            "kind": line.kind.value,
            "account": checksum_address(subject) if isinstance(subject, str) else str(subject),
            "amount": Money(BaseUnits(line.amount), asset),
            "balance": Money(line.balance, asset),
        }


def _plain(value: object) -> object:
    match value:
        case Money(amount=amount):
            return amount
        case Instant(unix=unix):
            return unix
    return value
