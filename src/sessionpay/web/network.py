"""The first page: where all the money is, what moved when, and whether anything is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from sessionpay.serving import NetworkView
from sessionpay.store.queries import DayTotal
from sessionpay.web.charts import Look, Series, bars, whole
from sessionpay.web.epochs import epochs
from sessionpay.web.figures import day, short_day
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


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an amount: `key` names it for the style, `amount` is in base units."""

    key: str
    title: str
    amount: int
    note: str = ""


def page(site: Site, request: Request) -> str:
    """Return the page as HTML."""
    found, moved = site.reader.network_by_day()
    days = _newest(moved)
    return site.render(
        "network.html",
        "Where the money is",
        path="/",
        network=found,
        parts=places(found),
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


def places_chart(site: Site, request: Request) -> str:
    """Return the same places beside each other, as SVG."""
    parts = places(site.reader.network())
    series = tuple(Series(part.key, part.title, (part.amount,)) for part in parts)
    return whole(series, site.asset, Look.asked(request))


def days_chart(site: Site, request: Request) -> str:
    """Return what came in and what was paid out on the last days, as SVG."""
    days = _newest(site.reader.days())[::-1]
    labels = tuple(short_day(each.starts_at) for each in days)
    series = (
        Series("sessions", "Income", tuple(each.charge for each in days)),
        Series("paid", "Paid out", tuple(each.payout for each in days)),
    )
    return bars(labels, series, site.asset, Look.asked(request))


def _newest(days: Sequence[DayTotal]) -> list[DayTotal]:
    """Return the last of the days that had an event of money, the newest first."""
    return list(reversed(days[-DAYS_SHOWN:]))


def days_csv(site: Site, _: Request) -> Table:
    """Return what moved on every day, the newest first."""
    return _days(site, list(reversed(site.reader.days())))


def _days(site: Site, days: Sequence[DayTotal]) -> Table:
    columns = (Column("day", "Day (UTC)"), *(Column(key, title, Kind.MONEY) for key, title in _MOVED))
    rows = [(day(each.starts_at), *(getattr(each, key) for key, _ in _MOVED)) for each in days]
    return Table("days", "Days", columns, rows, site.asset, "/network/days.csv")
