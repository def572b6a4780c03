"""`sessionpay epoch`: what was settled, why everybody got what they got, and anyone's check of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from typer import Argument, Exit, Option

from sessionpay.chain.client import SessionPayment
from sessionpay.cli.asking import require_yes
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import BadCommandLine, ExitCode
from sessionpay.cli.homes import now, settled
from sessionpay.cli.output import Fields, Instant, Money, Row, Value
from sessionpay.core.errors import InputError
from sessionpay.core.ids import checksum_address, parse_address
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.services.epoch_files import CHAIN, EXPLAIN, MANIFEST
from sessionpay.services.epoch_folder import folder_name, require_complete
from sessionpay.services.epoch_store import fetch, publish
from sessionpay.services.home import Home
from sessionpay.services.sealing import Sealer
from sessionpay.services.verify import verify_folder
from sessionpay.store import epochs, evidence, segments
from sessionpay.store.database import Database

epoch = group("epoch", help="What was settled, why, and how to check it.")

_Number = Annotated[int, Argument(metavar="EPOCH", min=1, help="Number of the epoch.")]
_Node = Annotated[str, Argument(metavar="NODE", help="Address of the node, or of another account.")]
_Folder = Annotated[
    str, Argument(metavar="DIR", help="An epoch's folder, or where one is kept: s3://bucket/epochs/000001")
]
_Target = Annotated[
    str, Argument(metavar="DIR", help="Where to copy the folder: a directory, or a store such as s3://bucket")
]
_Rpc = Annotated[
    str | None, Option("--rpc", metavar="URL|NAME", help="A node of its chain: look the transactions up too.")
]


class NotSettled(InputError):
    """An epoch has no folder yet."""

    def __init__(self, number: int, *, state: str | None) -> None:
        """Keep the epoch and how far it is."""
        self.number = number
        self.state = state
        reason = "there is no such epoch" if state is None else f"it is {state}; `sessionpay run` settles it"
        super().__init__(f"epoch {number} has no folder: {reason}")


class NotExplained(InputError):
    """An account has no part in an epoch."""

    def __init__(self, account: str, *, epoch: int) -> None:
        """Keep the account and the epoch."""
        self.account = account
        self.epoch = epoch
        super().__init__(f"{account} neither worked nor was paid in epoch {epoch}")


@command(epoch, "list", needs=Needs.HOME, example="epoch list")
def list_epochs(run: Run) -> None:
    """List every epoch and how far it is."""
    with settled(run) as (_, database), database.reading() as connection:
        rows: list[Row] = [
            {
                "epoch": each.number,
                "state": each.state,
                "opened_at": Instant(each.opened_at),
                "closed_at": Instant(each.closed_at or 0),
                "settled_at": Instant(each.settled_at or 0),
                "manifest": each.manifest_sha256,
            }
            for each in epochs.listed(connection)
        ]
    run.screen.result("Epochs", {"epochs": rows})


@command(epoch, "show", needs=Needs.HOME, example="epoch show 3")
def show(run: Run, number: _Number) -> None:
    """Show an epoch: its rules, its usage, its totals, its transactions."""
    with settled(run) as (home, database), database.reading() as connection:
        found = epochs.find(connection, number)
        if found is None:
            raise NotSettled(number, state=None)
        sealed = segments.listed(connection, number)
        asset = _asset(database)
    fields: dict[str, Any] = {
        "epoch": found.number,
        "state": found.state,
        "prices": found.prices,
        "policy": found.policy,
        "segments": len(sealed),
        "usage_rows": sum(each.rows for each in sealed),
        "manifest": found.manifest_sha256,
    }
    if found.manifest_sha256 is not None:
        folder = home.epochs / folder_name(number)
        require_complete(folder)
        totals = json.loads((folder / MANIFEST).read_bytes())["totals"]
        sent = json.loads((folder / CHAIN).read_bytes())["transactions"]
        fields |= {
            "folder": str(folder),
            **{name: _money(name, text, asset) for name, text in totals.items()},
            "transactions": [
                {name: each[name] for name in ("purpose", "block_number", "gas_used", "transaction_hash")}
                for each in sent
            ],
        }
    run.screen.result(f"Epoch {number}", fields)


@command(epoch, "close", needs=Needs.HOME_AND_YES, example="epoch close")
def close(run: Run) -> None:
    """Close the epoch that takes usage, seal it, and open the next one under the rules of today."""
    with settled(run) as (home, database):
        with database.reading() as connection:
            current = epochs.current(connection)
        if current is None:
            raise AssertionError("a home has an open epoch")
        run.screen.plan("Close an epoch", {"epoch": current.number, "opened_at": Instant(current.opened_at)})
        if not run.yes:
            require_yes("Close it? Later usage will belong to the next one.")
        following = Sealer(database, home).close(current.number, home.rules(), at=now())
    run.screen.result("Closed", {"epoch": current.number, "state": "sealed", "next": following.number})


@command(epoch, "verify", needs=Needs.FILE, example="epoch verify epochs/000003")
def verify(run: Run, folder: _Folder, *, rpc: _Rpc = None) -> None:
    """Compute an epoch again from its folder, and compare every byte; needs no key and no network.

    Exit code 0: it is what it says; 1: a difference, which is named; 2: not a complete folder.
    """
    with TemporaryDirectory() as room, run.screen.waiting("computing"):
        path = fetch(folder, Path(room)) if "://" in folder else Path(folder)
        contract = None if rpc is None else _contract_of(run, path, rpc)
        verdict = verify_folder(path, contract=contract)
    fields: Fields = {
        "epoch": verdict.epoch,
        "manifest": verdict.manifest_sha256,
        "transactions": verdict.transactions,
        "differences": [{"difference": each} for each in verdict.differences],
    }
    run.screen.result("Epoch differs" if verdict.differences else "Epoch is what it says", fields)
    if verdict.differences:
        raise Exit(ExitCode.REFUSED)


@command(epoch, "explain", needs=Needs.HOME, example="epoch explain 0x... 3")
def explain(run: Run, node: _Node, number: _Number) -> None:
    """Say why an account got what it got in a settled epoch: work, rates, shares, and what is unpaid."""
    account = parse_address(node)
    with settled(run) as (home, database):
        lines = (_settled_folder(database, home, number) / EXPLAIN).read_bytes().splitlines()
        asset = _asset(database)
    found = [row for row in map(json.loads, lines) if row["account"] == account]
    if not found:
        raise NotExplained(checksum_address(account), epoch=number)
    [told] = found
    run.screen.result(f"{checksum_address(account)} in epoch {number}", _explained(told, asset))


@command(epoch, "export", needs=Needs.HOME, example="epoch export 3 s3://bucket/epochs")
def export(run: Run, number: _Number, target: _Target) -> None:
    """Copy a settled epoch's folder to a directory or a store, where anyone can fetch it."""
    with settled(run) as (home, database):
        folder = _settled_folder(database, home, number)
        uri = target if "://" in target else Path(target).absolute().as_uri()
        with run.screen.waiting("copying"):
            place = publish(folder, uri)
    run.screen.result("Exported", {"epoch": number, "folder": place})


def _settled_folder(database: Database, home: Home, number: int) -> Path:
    folder = home.epochs / folder_name(number)
    if folder.exists():
        require_complete(folder)
        return folder
    with database.reading() as connection:
        found = epochs.find(connection, number)
    raise NotSettled(number, state=found.state if found else None)


def _asset(database: Database) -> Asset | None:
    """Return what amounts are of; None while there is no contract."""
    with database.reading() as connection:
        bound = epochs.contract_id(connection)
        found = [each.asset for each in evidence.contracts(connection) if each.id == bound]
    return found[0] if found else None


def _money(name: str, text: str, asset: Asset | None) -> Value:
    """Return a number of a folder as an amount of the asset, unless its name says micro-units."""
    return text if asset is None or name.endswith("_micro") else Money(BaseUnits(int(text)), asset)


def _contract_of(run: Run, folder: Path, rpc: str) -> SessionPayment:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        address = parse_address(manifest["contract"])
    except (OSError, ValueError, KeyError):
        raise BadCommandLine("dir", str(folder), rule="its manifest names no contract") from None
    return SessionPayment(run.with_rpc(rpc).chain(), address)


def _explained(told: Mapping[str, Any], asset: Asset | None) -> Fields:
    applied = "credited" if told["is_applied"] else told["held_reason"] or "nothing to get"
    sums = ("served", "fee", "withheld", "held_before", "amount")
    services = told["services"]
    return {
        **{name: _money(name, told[name], asset) for name in sums},
        "state": applied,
        "rates_in_ppm": [_rates(service) for service in services],
        "shares": [_share(service, asset) for service in services],
        "work_paid": [
            {"session": service["session_id"], "epoch_of_work": each["epoch"], "paid_micro": each["paid"]}
            for service in services
            for each in service["paid"]
        ],
        "work_unpaid": [
            {
                "session": service["session_id"],
                "unpaid_micro": service["unpaid"],
                "why": service["unpaid_reason"],
            }
            for service in services
            if service["open"]
        ],
    }


def _rates(service: Mapping[str, Any]) -> Row:
    rating = service["rating"] or {}
    counted = ("assigned", "committed", "success", "on_time", "quality", "performance", "reason")
    return {
        "session": service["session_id"],
        "work_micro": service["work"],
        **{name: rating.get(name) for name in counted},
    }


def _share(service: Mapping[str, Any], asset: Asset | None) -> Row:
    return {
        "session": service["session_id"],
        "weight": service["weight"],
        "of_total": service["weight_total"],
        **{name: _money(name, service[name], asset) for name in ("pot", "floor", "remainder", "amount")},
    }
