"""How a page or a chart is made: of the books, a moment, and what was asked.

So it does not matter where that is done: in a thread of the server, or in a process beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request

from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.services.budget import NoSession
from sessionpay.services.origins import ForeignRequest
from sessionpay.serving import ExportsBusy, NoNode, NoSuchEpoch, NoSuchFile, UsageElsewhere, UsageHidden
from sessionpay.web import epochs, network, nodes, searching, sessions
from sessionpay.web.searching import NoTransaction
from sessionpay.web.site import Moment, Site

PAGES: dict[str, Callable[[Site, Request], str]] = {
    "/": network.page,
    "/sessions": sessions.owned,
    "/sessions/{session_id}": sessions.page,
    "/nodes": nodes.listed,
    "/nodes/{address}": nodes.page,
    "/epochs": epochs.listed,
    "/epochs/{number}": epochs.page,
    "/transactions/{hash}": searching.transaction,
    "/search": searching.page,
}

CHARTS: dict[str, Callable[[Site, Request], str]] = {
    "/network/places.svg": network.places_chart,
    "/network/days.svg": network.days_chart,
    "/sessions/{session_id}/balance.svg": sessions.balance_chart,
    "/nodes/{address}/earned.svg": nodes.earned_chart,
}

HTML, SVG = "text/html", "image/svg+xml"


class PageLost(SessionPayError):
    """Whoever made a page ended before it was done."""

    def __init__(self) -> None:
        """Say so, and what to do."""
        super().__init__("the process that made it ended before it was done; try again in a minute")


# What people are told of, instead of a page.
FAULTS = (InputError, DBAPIError, ExportsBusy, PageLost)
# What was asked for is well written, and not there.
_MISSING = (NoSession, NoNode, NoSuchEpoch, NoSuchFile, NoTransaction, UsageElsewhere)
_FORBIDDEN = (UsageHidden, ForeignRequest)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: a route of `PAGES` or `CHARTS`, with the path and the query as they came."""

    route: str
    path: str
    query: bytes
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, route: str, request: Request) -> "Asked":
        """Return what a request asks of a route."""
        return cls(route, request.url.path, request.scope["query_string"], request.path_params)

    def request(self) -> Request:
        """Return it as a request; what else the visitor sent is not in it."""
        return Request(
            {
                "type": "http",
                "method": "GET",
                "path": self.path,
                "query_string": self.query,
                "path_params": self.parameters,
                "headers": [],
            }
        )


@dataclass(frozen=True, slots=True)
class Made:
    """An answer, but for its headers."""

    status: int
    media_type: str
    text: str


def make(site: Site, asked: Asked, moment: Moment) -> Made:
    """Return the page or the chart; what cannot be shown is a page, too, that says why."""
    site = site.at(moment)
    page = PAGES.get(asked.route)
    try:
        # So that no two numbers on a page are of different moments.
        with site.database.one_state():
            if page is None:
                return Made(HTTPStatus.OK, SVG, CHARTS[asked.route](site, asked.request()))
            return Made(HTTPStatus.OK, HTML, page(site, asked.request()))
    except FAULTS as exception:
        return fault(site, exception)


def fault(site: Site, exception: Exception) -> Made:
    """Return the page that tells of one of `FAULTS`."""
    reason = str(exception)
    if isinstance(exception, DBAPIError):
        reason = "The database does not answer; try again in a minute."
        status, title = HTTPStatus.SERVICE_UNAVAILABLE, "The books cannot be read"
    elif isinstance(exception, PageLost):
        status, title = HTTPStatus.SERVICE_UNAVAILABLE, "This page was lost"
    elif isinstance(exception, ExportsBusy):
        status, title = HTTPStatus.SERVICE_UNAVAILABLE, "Just now that is too much"
    elif isinstance(exception, _MISSING):
        status, title = HTTPStatus.NOT_FOUND, "Not found"
    elif isinstance(exception, _FORBIDDEN):
        status, title = HTTPStatus.FORBIDDEN, "That is not for everybody"
    else:
        status, title = HTTPStatus.BAD_REQUEST, "That cannot be shown"
    return Made(status, HTML, site.render("fault.html", title, reason=reason))
