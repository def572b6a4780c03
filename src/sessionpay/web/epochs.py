"""An epoch: what went in, by which rules, what came out, and how to check it oneself."""

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request

from sessionpay.core.ids import Address, SessionId
from sessionpay.services.epoch_files import (
    ALLOCATIONS,
    APPLIED,
    CHAIN,
    CHARGES,
    HASHED,
    MANIFEST,
)
from sessionpay.services.epoch_folder import folder_name
from sessionpay.serving import EpochView, NoSuchEpoch
from sessionpay.store import epochs as rules
from sessionpay.web.figures import Link, epoch_link, node_link, session_link, short, transaction_link
from sessionpay.web.listing import Listing
from sessionpay.web.site import Site
from sessionpay.web.tables import PAGE_ROWS, Column, Kind, Row, Table

# No epoch has a higher number: it would have to have begun before there were computers.
NUMBER_DIGITS_MAX = 15


def listed(site: Site, request: Request) -> str:
    """Return all epochs as HTML."""
    return site.render("epochs.html", "Epochs", path="/epochs", epochs=epochs(site).page(request))


def listed_csv(site: Site, _: Request) -> Table:
    """Return all epochs."""
    return epochs(site).whole()


def page(site: Site, request: Request) -> str:
    """Return one epoch as HTML; raises `NoSuchEpoch`."""
    found = _asked(site, request)
    folder = _folder(site, found)
    with site.database.reading() as connection:
        texts = [("Prices", rules.text(connection, found.prices))]
        texts.append(("Policy", rules.text(connection, found.policy)))
    manifest = None if folder is None else _object(folder / MANIFEST)
    tables = [] if folder is None else [each(site, request) for each in (_files, _sent, _charged, _allocated)]
    return site.render(
        "epoch.html",
        f"Epoch {found.number}",
        epoch=found,
        folder=folder_name(found.number),
        manifest=manifest,
        rules=texts,
        tables=tables,
    )


def charges_csv(site: Site, request: Request) -> Table:
    """Return what an epoch asked of every session, and what the contract took."""
    return _charged(site, request, limit=None)


def allocations_csv(site: Site, request: Request) -> Table:
    """Return what an epoch allocated to every account."""
    return _allocated(site, request, limit=None)


def transactions_csv(site: Site, request: Request) -> Table:
    """Return the final transactions of an epoch."""
    return _sent(site, request)


def files_csv(site: Site, request: Request) -> Table:
    """Return the files of an epoch with their hashes."""
    return _files(site, request)


def file(site: Site, request: Request) -> Path | None:
    """Return a file of a settled epoch by its name; None for any other name, and for usage rows."""
    folder = _folder(site, _asked(site, request))
    name = request.path_params["name"]
    # Compared with names that we know, because a path from outside must not choose among files.
    return folder / name if folder is not None and name in (*HASHED, MANIFEST, CHAIN) else None


def epochs(site: Site) -> Listing[EpochView]:
    """Return every epoch, the newest first."""
    return Listing(
        name="epochs",
        title="Epochs",
        columns=(
            Column("epoch", "Epoch"),
            Column("state", "State"),
            Column("opened_at", "Opened", Kind.MOMENT),
            Column("closed_at", "Closed", Kind.MOMENT),
            Column("settled_at", "Settled", Kind.MOMENT),
            Column("rows", "Sealed rows", Kind.COUNT),
            Column("manifest_sha256", "Manifest"),
        ),
        fetch=lambda cursor, limit: site.reader.epochs(cursor=cursor, limit=limit),
        row=lambda shown: (
            epoch_link(shown.number),
            shown.state,
            shown.opened_at,
            shown.closed_at,
            shown.settled_at,
            shown.rows,
            _hash(shown.manifest_sha256, f"/epochs/{shown.number}/files/{MANIFEST}"),
        ),
        asset=site.asset,
        csv="/epochs.csv",
    )


def _hash(digest: str | None, href: str) -> Link | None:
    return None if digest is None else Link(href, short(digest), digest)


def _asked(site: Site, request: Request) -> EpochView:
    text = request.path_params["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > NUMBER_DIGITS_MAX:
        raise NoSuchEpoch(0)
    return site.reader.epoch(int(text))


def _folder(site: Site, found: EpochView) -> Path | None:
    """Return the folder of a settled epoch; None where it is not kept here."""
    folder = site.home.epochs / folder_name(found.number)
    return folder if found.is_settled and (folder / MANIFEST).is_file() else None


def _files(site: Site, request: Request) -> Table:
    found = _asked(site, request)
    folder, rows = _folder(site, found), list[Row]()
    if folder is not None:
        hashes = {**_object(folder / MANIFEST)["files"], MANIFEST: found.manifest_sha256}
        for name in (MANIFEST, *HASHED):
            href = f"/epochs/{found.number}/files/{name}"
            rows.append((Link(href, name, name), (folder / name).stat().st_size, hashes[name]))
    columns = (Column("file", "File"), Column("bytes", "Bytes", Kind.COUNT), Column("sha256", "SHA-256"))
    return Table("files", "Files", columns, rows, site.asset, f"/epochs/{found.number}/files.csv")


def _sent(site: Site, request: Request) -> Table:
    found = _asked(site, request)
    folder = _folder(site, found)
    sent = [] if folder is None else _object(folder / CHAIN)["transactions"]
    return Table(
        "transactions",
        "Transactions",
        (
            Column("purpose", "What for"),
            Column("block", "Block", Kind.COUNT),
            Column("gas_used", "Gas", Kind.COUNT),
            Column("transaction", "Transaction"),
        ),
        [
            (
                each["purpose"],
                each["block_number"],
                each["gas_used"],
                transaction_link(each["transaction_hash"]),
            )
            for each in sent
        ],
        site.asset,
        f"/epochs/{found.number}/transactions.csv",
    )


def _charged(site: Site, request: Request, *, limit: int | None = PAGE_ROWS) -> Table:
    found = _asked(site, request)
    folder, rows = _folder(site, found), list[Row]()
    if folder is not None:
        asked = {row["session_id"]: int(row["asked"]) for row in _rows(folder / CHARGES, limit)}
        applied = {row["session_id"]: int(row["collected"]) for row in _rows(folder / APPLIED, limit)}
        for session_id in sorted({*asked, *applied}, key=int):
            amounts = (asked.get(session_id, 0), applied.get(session_id, 0))
            rows.append((session_link(SessionId(int(session_id))), *amounts))
    columns = (
        Column("session", "Session"),
        Column("asked", "Asked for", Kind.MONEY),
        Column("collected", "Paid", Kind.MONEY),
    )
    csv = f"/epochs/{found.number}/charges.csv"
    return Table("charges", "Charges", columns, rows, site.asset, csv)


def _allocated(site: Site, request: Request, *, limit: int | None = PAGE_ROWS) -> Table:
    found = _asked(site, request)
    folder = _folder(site, found)
    told = [] if folder is None else _rows(folder / ALLOCATIONS, limit)
    rows: list[Row] = [(node_link(Address(row["account"])), int(row["amount"])) for row in told]
    columns = (Column("account", "Account"), Column("amount", "Allocated", Kind.MONEY))
    csv = f"/epochs/{found.number}/allocations.csv"
    return Table("allocations", "Allocations", columns, rows, site.asset, csv)


def _object(path: Path) -> Any:  # noqa: ANN401 - JSON has no narrower type
    return json.loads(path.read_bytes())


def _rows(path: Path, limit: int | None) -> list[dict[str, str]]:
    """Return the first rows of a file, or all of them."""
    found: list[dict[str, str]] = []
    with path.open("rb") as file:
        for line in file:
            if limit is not None and len(found) == limit:
                break
            found.append(json.loads(line))
    return found
