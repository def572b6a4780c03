"""An epoch: what went in, by which rules, what came out, and how to check it oneself."""

import json
from itertools import islice
from pathlib import Path

from starlette.requests import Request

from sessionpay.core.ids import Address, SessionId
from sessionpay.services.epoch_files import (
    ALLOCATIONS,
    APPLIED,
    CHAIN,
    CHARGES,
    MANIFEST,
    USAGE,
)
from sessionpay.services.epoch_folder import folder_name
from sessionpay.serving import EpochContents, EpochView, NoSuchEpoch, rules
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
    written = rules(site.reader, found.epoch.number)
    tables = [each(site, request) for each in (_files, _sent, _charged, _allocated)]
    return site.render(
        "epoch.html",
        f"Epoch {found.epoch.number}",
        epoch=found.epoch,
        folder=folder_name(found.epoch.number),
        totals=found.contents and found.contents.totals,
        rules=[("Prices", written.prices.text), ("Policy", written.policy.text)],
        tables=tables if found.contents else [],
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


def file(site: Site, request: Request) -> Path:
    """Return where a file of a settled epoch is; raises `NoSuchEpoch` and `NoSuchFile`.

    A name has no slash in it, so that usage rows, which not everybody may see, are not among them.
    """
    return site.reader.epoch_file(_asked(site, request).epoch.number, request.path_params["name"])[1]


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


def _asked(site: Site, request: Request) -> EpochContents:
    text = request.path_params["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > NUMBER_DIGITS_MAX:
        raise NoSuchEpoch(0)
    return site.reader.epoch(int(text))


def _path(site: Site, found: EpochContents, name: str) -> Path | None:
    """Return where a file of an epoch's folder is; None where the folder is not kept here."""
    number = found.epoch.number
    return None if found.contents is None else site.reader.epoch_file(number, name)[1]


def _files(site: Site, request: Request) -> Table:
    found = _asked(site, request)
    rows: list[Row] = [
        (
            Link(f"/epochs/{found.epoch.number}/files/{each.name}", each.name, each.name),
            each.bytes,
            each.sha256,
        )
        for each in (found.contents.files if found.contents else ())
        if not each.name.startswith(USAGE)
    ]
    columns = (Column("file", "File"), Column("bytes", "Bytes", Kind.COUNT), Column("sha256", "SHA-256"))
    return Table("files", "Files", columns, rows, site.asset, f"/epochs/{found.epoch.number}/files.csv")


def _sent(site: Site, request: Request) -> Table:
    found = _asked(site, request)
    path = _path(site, found, CHAIN)
    sent = [] if path is None else json.loads(path.read_bytes())["transactions"]
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
        f"/epochs/{found.epoch.number}/transactions.csv",
    )


def _charged(site: Site, request: Request, *, limit: int | None = PAGE_ROWS) -> Table:
    found = _asked(site, request)
    applied = {row["session_id"]: int(row["collected"]) for row in _rows(_path(site, found, APPLIED), limit)}
    # Both files have a line for each session that was asked, in the same order.
    rows: list[Row] = [
        (session_link(SessionId(int(row["session_id"]))), int(row["asked"]), applied[row["session_id"]])
        for row in _rows(_path(site, found, CHARGES), limit)
    ]
    columns = (
        Column("session", "Session"),
        Column("asked", "Asked for", Kind.MONEY),
        Column("collected", "Paid", Kind.MONEY),
    )
    csv = f"/epochs/{found.epoch.number}/charges.csv"
    return Table("charges", "Charges", columns, rows, site.asset, csv)


def _allocated(site: Site, request: Request, *, limit: int | None = PAGE_ROWS) -> Table:
    found = _asked(site, request)
    told = _rows(_path(site, found, ALLOCATIONS), limit)
    rows: list[Row] = [(node_link(Address(row["account"])), int(row["amount"])) for row in told]
    columns = (Column("account", "Account"), Column("amount", "Allocated", Kind.MONEY))
    csv = f"/epochs/{found.epoch.number}/allocations.csv"
    return Table("allocations", "Allocations", columns, rows, site.asset, csv)


def _rows(path: Path | None, limit: int | None) -> list[dict[str, str]]:
    """Return the first rows of a file, or all of them; none where there is no file."""
    if path is None:
        return []
    with path.open("rb") as lines:
        return [json.loads(line) for line in islice(lines, limit)]
