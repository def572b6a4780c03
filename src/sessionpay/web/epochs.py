"""An epoch: what went in, by which rules, what came out, and how to check it oneself."""

import json
from collections.abc import Iterator
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
from sessionpay.serving.folders import path_of
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
    tables = [_files(site, found), _sent(site, found), _charged(site, found), _allocated(site, found)]
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
    return _charged(site, _asked(site, request), limit=None)


def allocations_csv(site: Site, request: Request) -> Table:
    """Return what an epoch allocated to every account."""
    return _allocated(site, _asked(site, request), limit=None)


def transactions_csv(site: Site, request: Request) -> Table:
    """Return the final transactions of an epoch."""
    return _sent(site, _asked(site, request))


def files_csv(site: Site, request: Request) -> Table:
    """Return the files of an epoch with their hashes."""
    return _files(site, _asked(site, request))


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
    return None if found.contents is None else path_of(site.home.epochs, found.epoch.number, name)


def _files(site: Site, found: EpochContents) -> Table:
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


def _sent(site: Site, found: EpochContents) -> Table:
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


def _charged(site: Site, found: EpochContents, *, limit: int | None = PAGE_ROWS) -> Table:
    # Both files have a line for each session that was asked, in the same order.
    asked = _rows(_path(site, found, CHARGES), limit)
    applied = _rows(_path(site, found, APPLIED), limit)
    rows: Iterator[Row] = (
        (session_link(SessionId(int(row["session_id"]))), int(row["asked"]), int(taken["collected"]))
        for row, taken in zip(asked, applied, strict=True)
    )
    columns = (
        Column("session", "Session"),
        Column("asked", "Asked for", Kind.MONEY),
        Column("collected", "Paid", Kind.MONEY),
    )
    return _table(site, found, "charges", columns, rows, limit=limit)


def _allocated(site: Site, found: EpochContents, *, limit: int | None = PAGE_ROWS) -> Table:
    told = _rows(_path(site, found, ALLOCATIONS), limit)
    rows: Iterator[Row] = ((node_link(Address(row["account"])), int(row["amount"])) for row in told)
    columns = (Column("account", "Account"), Column("amount", "Allocated", Kind.MONEY))
    return _table(site, found, "allocations", columns, rows, limit=limit)


def _table(
    site: Site,
    found: EpochContents,
    name: str,
    columns: tuple[Column, ...],
    rows: Iterator[Row],
    *,
    limit: int | None,
) -> Table:
    """Return a table of a file, read as it is taken where all of it is wanted."""
    csv = f"/epochs/{found.epoch.number}/{name}.csv"
    return Table(name, name.capitalize(), columns, rows if limit is None else list(rows), site.asset, csv)


def _rows(path: Path | None, limit: int | None) -> Iterator[dict[str, str]]:
    """Yield the first rows of a file, or all of them; none where there is no file."""
    if path is None:
        return
    with path.open("rb") as lines:
        for line in islice(lines, limit):
            yield json.loads(line)
