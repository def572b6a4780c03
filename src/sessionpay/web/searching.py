"""Search by what people have in their hands: a session's id, an address, a transaction's hash, an epoch."""

import re
from contextlib import suppress

from starlette.requests import Request

from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, SessionId
from sessionpay.serving import Hit, HitKind, NoSuchEpoch, TransactionView
from sessionpay.web.figures import Link, epoch_link, node_link, owner_link, session_link, transaction_link
from sessionpay.web.site import Site
from sessionpay.web.tables import Column, Kind, Table

ASKED_LENGTH_MAX = 200

_TRANSACTION = re.compile(r"0x[0-9a-f]{64}")


class NoTransaction(InputError):
    """No event of the books came from this transaction."""

    def __init__(self, transaction_hash: str) -> None:
        """Keep the hash."""
        self.transaction_hash = transaction_hash
        super().__init__(f"transaction {transaction_hash} moved nothing here, as far as the books are read")


def page(site: Site, request: Request) -> str:
    """Return what was found, each thing as a link."""
    asked = request.query_params.get("q", "").strip()[:ASKED_LENGTH_MAX]
    return site.render("search.html", "Search", asked=asked, found=_found(site, asked))


def transaction(site: Site, request: Request) -> str:
    """Return what one transaction moved, as HTML; raises `NoTransaction`."""
    found = _asked(site, request)
    epoch = None if found.sending is None else epoch_link(found.sending.epoch)
    return site.render(
        "transaction.html",
        f"Transaction {found.transaction_hash}",
        transaction=found,
        epoch=epoch,
        events=_events(site, found),
    )


def transaction_csv(site: Site, request: Request) -> Table:
    """Return the events of a transaction."""
    return _events(site, _asked(site, request))


def _asked(site: Site, request: Request) -> TransactionView:
    wanted = request.path_params["hash"].lower()
    if not _TRANSACTION.fullmatch(wanted):
        raise NoTransaction(wanted)
    found = site.reader.transaction(wanted)
    if not found.events and found.sending is None:
        raise NoTransaction(wanted)
    return found


def _found(site: Site, asked: str) -> list[tuple[str, Link]]:
    found = [_hit(hit) for hit in site.reader.search(asked)]
    if asked.isascii() and asked.isdecimal():
        with suppress(NoSuchEpoch):
            found.append(("Epoch", epoch_link(site.reader.epoch(int(asked)).epoch.number)))
    return found


def _hit(hit: Hit) -> tuple[str, Link]:
    match hit.kind:
        case HitKind.SESSION:
            return "Session", session_link(SessionId(int(hit.key)))
        case HitKind.OWNER:
            return "Sessions of owner", owner_link(Address(hit.key))
        case HitKind.NODE:
            return "Node", node_link(Address(hit.key))
        case HitKind.TRANSACTION:
            return "Transaction", transaction_link(hit.key)


def _events(site: Site, found: TransactionView) -> Table:
    return Table(
        "events",
        "Events",
        (
            Column("time", "Time", Kind.MOMENT),
            Column("block", "Block", Kind.COUNT),
            Column("event", "Event"),
            Column("arguments", "With", Kind.PROSE),
            Column("rows", "Rows", Kind.COUNT),
            Column("is_final", "Final"),
        ),
        [
            (
                each.timestamp,
                each.block_number,
                each.name,
                ", ".join(f"{name} {value}" for name, value in each.arguments),
                each.rows,
                each.is_final,
            )
            for each in found.events
        ],
        site.asset,
        f"/transactions/{found.transaction_hash}/events.csv",
    )
