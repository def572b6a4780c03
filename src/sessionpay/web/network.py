"""The first page: where all the money is, what moved when, and whether anything is missing."""

from collections.abc import Sequence

from starlette.requests import Request

from sessionpay.serving import NetworkView
from sessionpay.store.queries import DayTotal
from sessionpay.web.bars import Part
from sessionpay.web.epochs import epochs
from sessionpay.web.figures import day
from sessionpay.web.site import Site
from sessionpay.web.tables import Column, Kind, Table

DAYS_SHOWN = 14

_MOVED = (
    ("deposit", "Deposited"),
    ("charge", "Income"),
    ("allocation", "Allocated to nodes"),
    ("payout", "Paid out to nodes"),
    ("withdrawal", "Withdrawn by owners"),
)


def page(site: Site, request: Request) -> str:
    """Return the page as HTML."""
    found, moved = site.reader.network_by_day()
    days = list(reversed(moved[-DAYS_SHOWN:]))
    return site.render(
        "network.html",
        "Where the money is",
        path="/",
        network=found,
        parts=places(found),
        days=days,
        days_table=_days(site, days),
        epochs_table=epochs(site).page(request),
        condition=site.glance(),
        audit=site.audit(),
    )


def places(found: NetworkView) -> list[Part]:
    """Return where every unit is that ever came in, each in exactly one place."""
    treasury, flows = found.treasury, found.flows
    surplus = (
        [] if found.surplus is None else [Part("surplus", "Surplus", found.surplus, "came without a deposit")]
    )
    return [
        Part("sessions", "Sessions", found.in_sessions, "what owners can still spend or withdraw"),
        Part("held", "Treasury, held", treasury.held, "for accounts that are not active"),
        Part("retained", "Treasury, retained", treasury.retained, "fees, and what poor work lost"),
        Part("flight", "Treasury, under way", treasury.in_flight, "in the epoch that is being settled"),
        Part("unattributed", "Treasury, not attributed", treasury.unattributed, "came outside of epochs"),
        Part("pending", "Nodes, pending", found.pending, "allocated, waiting to be claimed"),
        Part("paid", "Nodes, paid out", flows.paid_out, "left the contract"),
        Part("withdrawn", "Owners, withdrawn", flows.withdrawn, "left the contract"),
        *surplus,
    ]


def days_csv(site: Site, _: Request) -> Table:
    """Return what moved on every day, the newest first."""
    return _days(site, list(reversed(site.reader.days())))


def _days(site: Site, days: Sequence[DayTotal]) -> Table:
    columns = (Column("day", "Day (UTC)"), *(Column(key, title, Kind.MONEY) for key, title in _MOVED))
    rows = [(day(each.starts_at), *(getattr(each, key) for key, _ in _MOVED)) for each in days]
    return Table("days", "Days", columns, rows, site.asset, "/network/days.csv")
