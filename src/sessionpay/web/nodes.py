"""A node: what it earned, what of that is paid, and why it was that much."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from starlette.requests import Request

from sessionpay.core.ids import Address, SessionId, checksum_address, parse_address
from sessionpay.core.money import MICRO
from sessionpay.serving import LIMIT, MovementView, NodeView
from sessionpay.web.charts import Look, Series, bars
from sessionpay.web.figures import Link, epoch_link, node_link, session_link
from sessionpay.web.listing import Listing
from sessionpay.web.movements import movements
from sessionpay.web.previews import forms_of_node
from sessionpay.web.site import Site
from sessionpay.web.tables import PAGE_ROWS, Column, Kind, Row, Table

# Each is a look into a file; older ones are on the pages of their epochs and in the CSV.
EPOCHS_SHOWN = 10

# A first look has room for so many reasons; the table has all of them.
REASONS_SHOWN = 3
# The number of an epoch, and what its folder tells about a node.
Told = tuple[int, Mapping[str, Any]]

_COLUMNS = (
    Column("epoch", "Epoch"),
    Column("session", "Session"),
    Column("amount", "Earned", Kind.MONEY),
    Column("is_eligible", "Eligible"),
    Column("reason", "Why not", Kind.REASON),
    Column("assigned", "Tasks", Kind.COUNT),
    Column("committed", "Committed", Kind.COUNT),
    Column("success", "Success", Kind.RATE),
    Column("on_time", "On time", Kind.RATE),
    Column("quality", "Quality", Kind.RATE),
    Column("performance", "Counted at", Kind.RATE),
    Column("share", "Share of the session", Kind.RATE),
    Column("pot", "Paid by the session to nodes", Kind.MONEY),
    Column("work_micro", "Work, micro-units", Kind.COUNT),
    Column("weight", "Weight", Kind.COUNT),
    Column("weight_total", "Weight of all", Kind.COUNT),
    Column("unpaid_micro", "Unpaid, micro-units", Kind.COUNT),
    Column("unpaid_reason", "Why unpaid", Kind.REASON),
)


@dataclass(frozen=True, slots=True)
class Why:
    """The last settled epoch of a node in one sentence, and what it did not get.

    `reasons` are by session: why work counts for nothing, or None and the base units that are not paid yet.
    """

    epoch: int
    amount: int
    assigned: int
    committed: int
    sessions: int
    reasons: list[tuple[Link, str | None, int]]


def page(site: Site, request: Request) -> str:
    """Return one node as HTML; raises `BadAddress` and `NoNode`."""
    address = _asked(request)
    found = site.reader.node(address)
    told = _last(site, address)
    return site.render(
        "node.html",
        f"Node {checksum_address(address)}",
        node=found,
        forms_shown=forms_of_node(site, address),
        why=_why(*told[0]) if told else None,
        so_far=site.reader.so_far(address),
        epochs=_first(_accounts(site, address, told)),
        explained=_first(_explained(site, address, told)),
        movements=_movements(site, address).page(request),
    )


def epochs_csv(site: Site, request: Request) -> Table:
    """Return what the node got from every epoch, and from where."""
    address = _asked(request)
    return _accounts(site, address, _every(site, address))


def explained_csv(site: Site, request: Request) -> Table:
    """Return why the node got what it got, of every epoch."""
    address = _asked(request)
    return _explained(site, address, _every(site, address))


def movements_csv(site: Site, request: Request) -> Table:
    """Return every movement of what is pending of a node."""
    return _movements(site, _asked(request)).whole()


def earned_chart(site: Site, request: Request) -> str:
    """Return what the node got from each of the last epochs, as SVG; raises `NoNode`."""
    address = site.reader.node(_asked(request)).node
    last = site.reader.epochs(limit=EPOCHS_SHOWN).rows[::-1]
    lines = {each.number: site.reader.line(each, address) for each in last if each.is_settled}
    amounts = {epoch: int(json.loads(line)["amount"]) if line else 0 for epoch, line in lines.items()}
    series = Series("pending", "Earned", tuple(amounts.values()))
    return bars(tuple(str(number) for number in amounts), (series,), site.asset, Look.asked(request))


def listed(site: Site, request: Request) -> str:
    """Return all nodes as HTML."""
    return site.render("nodes.html", "Nodes", path="/nodes", nodes=_nodes(site).page(request))


def listed_csv(site: Site, _: Request) -> Table:
    """Return all nodes."""
    return _nodes(site).whole()


def _asked(request: Request) -> Address:
    return parse_address(request.path_params["address"])


def _last(site: Site, address: Address) -> list[Told]:
    """Return what the newest epochs tell about the node."""
    return [_read(*each) for each in site.reader.explanations(address, limit=EPOCHS_SHOWN).rows]


def _every(site: Site, address: Address) -> Iterator[Told]:
    """Yield what each settled epoch tells about the node, the newest first, read as it is taken."""
    cursor: str | None = None
    while True:
        found = site.reader.explanations(address, cursor=cursor, limit=LIMIT)
        yield from (_read(*each) for each in found.rows)
        if found.next is None:
            return
        cursor = found.next


def _read(epoch: int, line: str) -> Told:
    return epoch, json.loads(line)


def _why(epoch: int, told: Mapping[str, Any]) -> Why:
    """Return why the node got what it got in an epoch."""
    rated = [(each, each["rating"]) for each in told["services"] if each["rating"]]
    reasons = (
        (session_link(SessionId(int(each["session_id"]))), reason, unpaid)
        for each in told["services"]
        for reason, unpaid in [((each["rating"] or {}).get("reason"), int(each["unpaid"]) // MICRO)]
        if reason or unpaid
    )
    return Why(
        epoch=epoch,
        amount=int(told["amount"]),
        assigned=sum(rating["assigned"] for _, rating in rated),
        committed=sum(rating["committed"] for _, rating in rated),
        sessions=len(rated),
        reasons=list(islice(reasons, REASONS_SHOWN)),
    )


def _first(table: Table) -> Table:
    """Return what a page shows of a table; a node may work for thousands of sessions."""
    return replace(table, rows=list(islice(table.rows, PAGE_ROWS)))


def _accounts(site: Site, address: Address, told: Iterable[Told]) -> Table:
    """Return what the node got from each epoch, and from where."""
    sums = (
        ("amount", "Earned"),
        ("served", "For work"),
        ("fee", "Fees"),
        ("withheld", "Withheld of others"),
        ("held_before", "Held before"),
    )
    rows: Iterable[Row] = (
        (epoch_link(epoch), *(int(found[key]) for key, _ in sums), found["held_reason"])
        for epoch, found in told
    )
    return Table(
        "epochs",
        "By epoch",
        (
            Column("epoch", "Epoch"),
            *(Column(key, title, Kind.MONEY) for key, title in sums),
            Column("held_reason", "Held, because", Kind.REASON),
        ),
        rows,
        site.asset,
        f"/nodes/{address}/epochs.csv",
        empty="Nothing in the epochs whose folders are kept here.",
    )


def _explained(site: Site, address: Address, told: Iterable[Told]) -> Table:
    rows = (row for epoch, found in told for row in _services(epoch, found))
    return Table(
        "explained",
        "Why, by epoch and session",
        _COLUMNS,
        rows,
        site.asset,
        f"/nodes/{address}/explained.csv",
        empty="No work in the epochs whose folders are kept here.",
    )


def _services(epoch: int, told: Mapping[str, Any]) -> Iterator[Row]:
    for service in told["services"]:
        rating = service["rating"] or {}
        weight, total = int(service["weight"]), int(service["weight_total"])
        yield (
            epoch_link(epoch),
            session_link(SessionId(int(service["session_id"]))),
            int(service["amount"]),
            rating.get("reason") is None if rating else None,
            rating.get("reason"),
            *(rating.get(key) for key in ("assigned", "committed", "success", "on_time", "quality")),
            rating.get("performance"),
            weight * 10**6 // total if total else 0,
            int(service["pot"]),
            int(service["work"]),
            weight,
            total,
            int(service["unpaid"]),
            service["unpaid_reason"],
        )


def _nodes(site: Site) -> Listing[NodeView]:
    return Listing(
        name="nodes",
        title="Nodes",
        columns=(
            Column("node", "Node"),
            Column("pending", "Pending", Kind.MONEY),
            Column("paid", "Paid out", Kind.MONEY),
            Column("held", "Held", Kind.MONEY),
            Column("is_active", "Active"),
            Column("last_used_at", "Last used", Kind.MOMENT),
            Column("payee", "Payee"),
        ),
        fetch=lambda cursor, limit: site.reader.nodes(cursor=cursor, limit=limit),
        row=lambda shown: (
            node_link(shown.node),
            shown.pending,
            shown.paid,
            shown.held,
            shown.is_active,
            shown.last_used_at or None,
            node_link(shown.payee).exact,
        ),
        asset=site.asset,
        csv="/nodes.csv",
    )


def _movements(site: Site, address: Address) -> Listing[MovementView]:
    return movements(site, address, csv=f"/nodes/{address}/movements.csv")
