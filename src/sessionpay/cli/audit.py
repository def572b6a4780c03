"""`sessionpay audit`: logs, events, books, contract and real balance, proven equal at one block or not."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

from sqlalchemy.exc import DBAPIError
from typer import Exit, Option, Typer

from sessionpay.app import NoBooks
from sessionpay.chain.errors import ChainError
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import ExitCode
from sessionpay.cli.homes import now
from sessionpay.cli.output import Fields, Instant, Money, Row, as_json
from sessionpay.core.errors import BrokenHistory
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.indexer.errors import IndexerError
from sessionpay.services.audit import Watch
from sessionpay.services.findings import Finding, Value
from sessionpay.services.proof import Audit, CannotAudit, audit_books, audit_chain
from sessionpay.services.provenance import NoHistory
from sessionpay.store.errors import StoreError

_At = Annotated[int | None, Option("--at", metavar="BLOCK", min=0, help="Block; else the last one there is.")]
_NoDatabase = Annotated[
    bool,
    Option("--no-database", help="Replay the contract's logs straight from the node instead of the books."),
]


def register(app: Typer) -> None:
    """Add `audit` to the program."""
    command(app, "audit", needs=Needs.AUDIT, example="audit --home settlement")(audit)


def audit(run: Run, *, at: _At = None, no_database: _NoDatabase = False) -> None:
    """Prove that storage, events, books and real balance agree, or name the first thing that does not.

    With --home, every settled epoch is computed anew from its folder, too. Exit code 0: they agree; 1: they
    do not; 2: it could not be checked. A surplus is no difference.
    """
    try:
        with run.screen.counting("compared") as watch:
            found, asset = _found(run, at=at, no_database=no_database, watch=watch)
    except (ChainError, StoreError, IndexerError, BrokenHistory, NoBooks, NoHistory) as fault:
        raise CannotAudit(str(fault)) from None
    except DBAPIError as fault:
        raise CannotAudit(f"the database cannot be read, saying {str(fault.orig)!r}") from None
    _show(run, found, asset)
    if found.first_difference is not None:
        raise Exit(ExitCode.REFUSED)


def _found(run: Run, *, at: int | None, no_database: bool, watch: Watch) -> tuple[Audit, Asset]:
    books = run.reading()
    if no_database:
        return audit_chain(books.contract, block=at, watch=watch), books.asset
    with run.indexed() as (connection, known):
        if known.chain_id != books.chain_id:
            raise CannotAudit(f"the books are of chain {known.chain_id}, the node serves {books.chain_id}")
        folders = None if run.home is None else run.wiring.home(run.home).epochs
        found = audit_books(books.contract, connection, known, block=at, folders=folders, watch=watch)
        return found, books.asset


def _show(run: Run, found: Audit, asset: Asset) -> None:
    def money(amount: int) -> Money:
        return Money(BaseUnits(amount), asset)

    totals: list[Row] = [
        {"side": side, **{name: money(amount) for name, amount in asdict(total).items()}}
        for side, total in found.totals.items()
    ]
    held: list[Row] = [
        {
            "one": each.sides[0],
            "other": each.sides[1],
            "count": each.count,
            "difference": str(each.difference),
        }
        for each in found.compared
    ]
    first = found.first_difference
    fields: Fields = {
        "block": found.block,
        "time": Instant(now()),
        "surplus": money(found.surplus),
        "balance": money(found.balance),
        "totals": totals,
        "compared": held,
    }
    if run.screen.json_output:
        told = {"difference": str(found.difference), **as_json(fields), "first_difference": _json(first)}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    run.screen.result("Audit", fields)
    run.screen.line(f"difference: {found.difference}")
    if first is not None:
        run.screen.line(f"first difference: {first}")


def _json(finding: Finding | None) -> dict[str, object] | None:
    """Return a finding for programs: numbers as decimal text, null for what a side does not have."""
    if finding is None:
        return None
    return {
        "name": finding.name,
        "sides": list(finding.sides),
        "values": [_text(value) for value in finding.values],
        "difference": str(finding.difference),
    }


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
