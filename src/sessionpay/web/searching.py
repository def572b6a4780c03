"""Search by what people have in their hands: a session's id, an address, a transaction's hash, an epoch."""

import re
from contextlib import suppress

from starlette.requests import Request

from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, checksum_address, parse_address, parse_session_id
from sessionpay.services.budget import NoSession
from sessionpay.serving import EventView, NoNode, NoSuchEpoch, telling
from sessionpay.store import pages
from sessionpay.store.pages import Sending
from sessionpay.web.figures import Link, epoch_link, node_link, owner_link, session_link, transaction_link
from sessionpay.web.site import Site
from sessionpay.web.tables import Column, Kind, Table

ASKED_LENGTH_MAX = 200
# A batch of 512 rows is one event; no transaction of ours has more than a few.
EVENTS_SHOWN_MAX = 500

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
    wanted = request.path_params["hash"].lower()
    sending, events = _of_transaction(site, wanted)
    epoch = None if sending is None else epoch_link(sending.epoch)
    table = _events(site, wanted, events)
    return site.render(
        "transaction.html",
        f"Transaction {wanted}",
        sending=sending,
        epoch=epoch,
        events=table,
        first=events[0],
    )


def transaction_csv(site: Site, request: Request) -> Table:
    """Return the events of a transaction."""
    wanted = request.path_params["hash"].lower()
    return _events(site, wanted, _of_transaction(site, wanted)[1])


def _found(site: Site, asked: str) -> list[tuple[str, Link]]:
    lower = asked.lower()
    if _TRANSACTION.fullmatch(lower):
        return _transactions(site, lower)
    if lower.startswith("0x"):
        try:
            return _accounts(site, parse_address(asked))
        except InputError:
            return []
    return _numbers(site, asked)


def _transactions(site: Site, wanted: str) -> list[tuple[str, Link]]:
    try:
        _of_transaction(site, wanted)
    except NoTransaction:
        return []
    return [("Transaction", transaction_link(wanted))]


def _accounts(site: Site, address: Address) -> list[tuple[str, Link]]:
    found = []
    written = checksum_address(address)
    if site.reader.sessions(owner=address, limit=1).rows:
        found.append(("Sessions of owner", Link(owner_link(address).href, written, written)))
    with suppress(NoNode):
        site.reader.node(address)
        found.append(("Node", Link(node_link(address).href, written, written)))
    return found


def _numbers(site: Site, asked: str) -> list[tuple[str, Link]]:
    found = []
    try:
        session_id = parse_session_id(asked)
    except InputError:
        return []
    with suppress(NoSession):
        site.reader.session(session_id)
        found.append(("Session", session_link(session_id)))
    with suppress(NoSuchEpoch):
        site.reader.epoch(int(session_id))
        found.append(("Epoch", epoch_link(int(session_id))))
    return found


def _of_transaction(site: Site, wanted: str) -> tuple[Sending | None, list[EventView]]:
    if not _TRANSACTION.fullmatch(wanted):
        raise NoTransaction(wanted)
    standing = site.reader.standing()
    with site.database.reading() as connection:
        entries = pages.events_of_transaction(connection, site.contract, wanted, limit=EVENTS_SHOWN_MAX)
        sending = pages.sending(connection, wanted)
    if not entries:
        raise NoTransaction(wanted)
    return sending, [telling.event(entry, standing) for entry in entries]


def _events(site: Site, wanted: str, events: list[EventView]) -> Table:
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
            for each in events
        ],
        site.asset,
        f"/transactions/{wanted}/events.csv",
    )
