"""The pages as an application: routes, faults as pages, and headers on all of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from http import HTTPStatus
from importlib.resources import files

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sessionpay.core.errors import InputError
from sessionpay.services.budget import NoSession
from sessionpay.services.origins import ForeignRequest
from sessionpay.serving import ExportsBusy, NoNode, NoSuchEpoch, NoSuchFile, UsageElsewhere, UsageHidden
from sessionpay.serving.headers import SecurityHeaders
from sessionpay.web import epochs, network, nodes, searching, sessions, viewing
from sessionpay.web.actions import ACTIONS
from sessionpay.web.headers import CONTENT_SECURITY_POLICY
from sessionpay.web.previews import answer_of, standing_of
from sessionpay.web.searching import NoTransaction
from sessionpay.web.site import Site
from sessionpay.web.tables import Table, csv_lines

# To make a page is mostly to compute, and threads that do it at once only wait for each other: with forty of
# them eight visitors waited five thirds as long as with two. PostgreSQL is at work beside them.
PAGES_AT_ONCE_SQLITE, PAGES_AT_ONCE_POSTGRESQL = 2, 3

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

TABLES: dict[str, Callable[[Site, Request], Table]] = {
    "/network/days.csv": network.days_csv,
    "/sessions.csv": sessions.owned_csv,
    "/sessions/{session_id}/usage.csv": sessions.usage_csv,
    "/sessions/{session_id}/charges.csv": sessions.charges_csv,
    "/sessions/{session_id}/movements.csv": sessions.movements_csv,
    "/nodes.csv": nodes.listed_csv,
    "/nodes/{address}/epochs.csv": nodes.epochs_csv,
    "/nodes/{address}/explained.csv": nodes.explained_csv,
    "/nodes/{address}/movements.csv": nodes.movements_csv,
    "/epochs.csv": epochs.listed_csv,
    "/epochs/{number}/files.csv": epochs.files_csv,
    "/epochs/{number}/transactions.csv": epochs.transactions_csv,
    "/epochs/{number}/charges.csv": epochs.charges_csv,
    "/epochs/{number}/allocations.csv": epochs.allocations_csv,
    "/transactions/{hash}/events.csv": searching.transaction_csv,
}

CHARTS: dict[str, Callable[[Site, Request], str]] = {
    "/network/places.svg": network.places_chart,
    "/network/days.svg": network.days_chart,
    "/sessions/{session_id}/balance.svg": sessions.balance_chart,
    "/nodes/{address}/earned.svg": nodes.earned_chart,
}

# What was asked for is well written, and not there.
_MISSING = (NoSession, NoNode, NoSuchEpoch, NoSuchFile, NoTransaction, UsageElsewhere)
_FORBIDDEN = (UsageHidden, ForeignRequest)


def pages(site: Site) -> Starlette:
    """Return the application; it needs nothing but a server."""
    at_once = PAGES_AT_ONCE_SQLITE if site.database.is_sqlite else PAGES_AT_ONCE_POSTGRESQL
    turns = CapacityLimiter(at_once)
    static = StaticFiles(directory=str(files("sessionpay.web") / "static"))
    return Starlette(
        routes=[
            *(Route(path, _page(site, turns, render)) for path, render in PAGES.items()),
            *(Route(path, _table(site, turns, make)) for path, make in TABLES.items()),
            *(Route(path, _action(site, answer_of(action))) for path, action in ACTIONS.items()),
            *(
                Route(f"{path}/standing", partial(standing_of(action), site))
                for path, action in ACTIONS.items()
            ),
            *(Route(path, _chart(site, turns, draw)) for path, draw in CHARTS.items()),
            Route("/epochs/{number}/files/{name}", _file(site)),
            Route("/sessions/{session_id}/usage-rows.{form}", _rows(site)),
            Route("/sign-out", _sign_out(site), methods=["POST"]),
            Mount("/static", static, name="static"),
        ],
        middleware=[Middleware(SecurityHeaders, policy=CONTENT_SECURITY_POLICY)],
        exception_handlers=_faults(site),
    )


def _page(
    site: Site, turns: CapacityLimiter, render: Callable[[Site, Request], str]
) -> Callable[[Request], Awaitable[Response]]:
    def made(request: Request) -> Response:
        seen = viewing.seen(site, request)
        # So that no two numbers on a page are of different moments.
        with site.database.one_state():
            text = render(seen, request)
        return _html(text, seen)

    return _in_turn(turns, made)


def _action(
    site: Site, answer_to: Callable[[Site, Request], tuple[int, str]]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        seen = viewing.seen(site, request)
        status, text = answer_to(seen, request)
        return _html(text, seen, status=status)

    return answer


def _table(
    site: Site, turns: CapacityLimiter, make: Callable[[Site, Request], Table]
) -> Callable[[Request], Awaitable[Response]]:
    def begun(request: Request) -> Response:
        seen = viewing.seen(site, request)
        table = make(seen, request)
        named = {"Content-Disposition": f'attachment; filename="{table.name}.csv"'}
        lines = _each_in_turn(turns, csv_lines(table))
        return StreamingResponse(lines, media_type="text/csv", headers=viewing.caching(seen) | named)

    return _in_turn(turns, begun)


def _sign_out(site: Site) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return viewing.sign_out(site, request)

    return answer


def _rows(site: Site) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        return sessions.rows(viewing.seen(site, request), request)

    return answer


def _chart(
    site: Site, turns: CapacityLimiter, draw: Callable[[Site, Request], str]
) -> Callable[[Request], Awaitable[Response]]:
    def drawn(request: Request) -> Response:
        with site.database.one_state():
            picture = draw(site, request)
        return Response(picture, media_type="image/svg+xml", headers=viewing.caching(site))

    return _in_turn(turns, drawn)


def _in_turn(
    turns: CapacityLimiter, make: Callable[[Request], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """Return `make` in a thread, as soon as it is its turn: who came first is answered first."""

    async def answer(request: Request) -> Response:
        return await to_thread.run_sync(make, request, limiter=turns)

    return answer


async def _each_in_turn(turns: CapacityLimiter, pieces: Iterator[str]) -> AsyncIterator[str]:
    """Yield pieces, each made as soon as it is its turn, so that nobody waits for a whole table."""
    while (piece := await to_thread.run_sync(next, pieces, None, limiter=turns)) is not None:
        yield piece


def _file(site: Site) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        headers = viewing.caching(site)
        return FileResponse(epochs.file(site, request), media_type="text/plain", headers=headers)

    return answer


def _html(text: str, seen: Site, *, status: int = HTTPStatus.OK) -> Response:
    return HTMLResponse(text, status_code=status, headers=viewing.caching(seen))


def _faults(site: Site) -> dict[int | type[Exception], Callable[[Request, Exception], Response]]:
    def fault(request: Request, status: int, title: str, reason: str) -> Response:
        seen = viewing.seen(site, request)
        return _html(seen.render("fault.html", title, reason=reason), seen, status=status)

    def of_http(request: Request, exception: Exception) -> Response:
        if not isinstance(exception, HTTPException):
            raise TypeError(exception)
        if exception.status_code == HTTPStatus.NOT_FOUND:
            reason = "There is no such page. Search for a session, an address, a transaction or an epoch."
            return fault(request, HTTPStatus.NOT_FOUND, "Not found", reason)
        return PlainTextResponse(exception.detail, exception.status_code, headers=exception.headers)

    def of_input(request: Request, exception: Exception) -> Response:
        if isinstance(exception, _MISSING):
            return fault(request, HTTPStatus.NOT_FOUND, "Not found", str(exception))
        if isinstance(exception, _FORBIDDEN):
            return fault(request, HTTPStatus.FORBIDDEN, "That is not for everybody", str(exception))
        return fault(request, HTTPStatus.BAD_REQUEST, "That cannot be shown", str(exception))

    def of_database(request: Request, _exception: Exception) -> Response:
        reason = "The database does not answer; try again in a minute."
        return fault(request, HTTPStatus.SERVICE_UNAVAILABLE, "The books cannot be read", reason)

    def of_exports(request: Request, exception: Exception) -> Response:
        return fault(request, HTTPStatus.SERVICE_UNAVAILABLE, "Just now that is too much", str(exception))

    return {
        HTTPException: of_http,
        InputError: of_input,
        DBAPIError: of_database,
        ExportsBusy: of_exports,
    }
