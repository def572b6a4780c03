"""Statements: every movement of one account, as a table, as JSON or as CSV, adding up to its balance."""

import csv
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

from typer import Option

from sessionpay.cli.commands import Run
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import Fields, Instant, Money, Row
from sessionpay.core.ids import checksum_address
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.store.evidence import Contract
from sessionpay.store.queries import Line

Csv = Annotated[bool, Option("--csv", help="Print comma-separated lines, amounts in base units.")]


def show_statement(
    run: Run, title: str, fields: Fields, *, contract: Contract, lines: Iterable[Line], as_csv: bool
) -> None:
    """Print the lines of one account, the last of which says its balance."""
    rows = _rows(lines, contract.asset)
    if as_csv:
        print_csv(run, ("block", "time", "transaction", "kind", "account", "amount", "balance"), rows)
        return
    told = list(rows)
    balance = told[-1]["balance"] if told else Money(BaseUnits(0), contract.asset)
    run.screen.result(title, {**fields, "balance": balance, "lines": told})


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
