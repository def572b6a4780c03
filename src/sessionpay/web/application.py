"""The pages as an application: routes, faults as pages, and headers on all of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from importlib.resources import files

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sessionpay.serving.headers import SecurityHeaders
from sessionpay.serving.turns import each_in_turn
from sessionpay.web import epochs, network, nodes, searching, sessions, viewing
from sessionpay.web.actions import ACTIONS
from sessionpay.web.headers import CONTENT_SECURITY_POLICY
from sessionpay.web.making import CHARTS, FAULTS, HTML, PAGES, Asked, Made, fault, make
from sessionpay.web.previews import answer_of, standing_of
from sessionpay.web.site import Site
from sessionpay.web.tables import Table, csv_lines
from sessionpay.web.workers import Workers

# To make a page is mostly to compute, and threads that do it at once only wait for each other: with forty of
# them eight visitors waited five thirds as long as with two. PostgreSQL is at work beside them.
PAGES_AT_ONCE_SQLITE, PAGES_AT_ONCE_POSTGRESQL = 2, 3

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


def pages(site: Site, workers: Workers | None = None) -> Starlette:
    """Return the application; it needs nothing but a server.

    Pages and charts are made by `workers`, and by threads of the server while there are none. Visitors can
    sign in where `site` has `sign_ins`.
    """
    at_once = PAGES_AT_ONCE_SQLITE if site.database.is_sqlite else PAGES_AT_ONCE_POSTGRESQL
    turns = CapacityLimiter(at_once)
    site = replace(site, can_sign_in=site.sign_ins is not None)
    static = StaticFiles(directory=str(files("sessionpay.web") / "static"))
    return Starlette(
        routes=[
            *(Route(path, _page(site, turns, workers, path)) for path in (*PAGES, *CHARTS)),
            *(Route(path, _table(site, turns, make)) for path, make in TABLES.items()),
            *(Route(path, _action(site, answer_of(action))) for path, action in ACTIONS.items()),
            *(
                Route(f"{path}/standing", partial(standing_of(action), site))
                for path, action in ACTIONS.items()
            ),
            Route("/epochs/{number}/files/{name}", _file(site)),
            Route("/sessions/{session_id}/usage-rows.{form}", _rows(site)),
            Route("/sign-out", _sign_out(site), methods=["POST"]),
            Mount("/static", static, name="static"),
        ],
        middleware=[Middleware(SecurityHeaders, policy=CONTENT_SECURITY_POLICY)],
        exception_handlers=_faults(site),
    )


def _page(
    site: Site, turns: CapacityLimiter, workers: Workers | None, route: str
) -> Callable[[Request], Awaitable[Response]]:
    def made_here(seen: Site, asked: Asked) -> Made:
        return make(seen, asked, seen.moment)

    async def answer(request: Request) -> Response:
        # Charts are the same for everybody.
        seen = viewing.seen(site, request) if route in PAGES else site
        asked = Asked.of(route, request)
        made = await workers.make(asked, seen) if workers else None
        if made is None:
            made = await to_thread.run_sync(made_here, seen, asked, limiter=turns)
        return _response(made, seen)

    return answer


def _action(
    site: Site, answer_to: Callable[[Site, Request], tuple[int, str]]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        seen = viewing.seen(site, request)
        status, text = answer_to(seen, request)
        return _response(Made(status, HTML, text), seen)

    return answer


def _table(
    site: Site, turns: CapacityLimiter, make: Callable[[Site, Request], Table]
) -> Callable[[Request], Awaitable[Response]]:
    def begun(request: Request) -> Response:
        seen = viewing.seen(site, request)
        table = make(seen, request)
        named = {"Content-Disposition": f'attachment; filename="{table.name}.csv"'}
        lines = each_in_turn(turns, csv_lines(table))
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


def _in_turn(
    turns: CapacityLimiter, make: Callable[[Request], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """Return `make` in a thread, as soon as it is its turn: who came first is answered first."""

    async def answer(request: Request) -> Response:
        return await to_thread.run_sync(make, request, limiter=turns)

    return answer


def _file(site: Site) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        headers = viewing.caching(site)
        return FileResponse(epochs.file(site, request), media_type="text/plain", headers=headers)

    return answer


def _response(made: Made, seen: Site) -> Response:
    return Response(made.text, made.status, viewing.caching(seen), made.media_type)


def _faults(site: Site) -> dict[int | type[Exception], Callable[[Request, Exception], Response]]:
    def of_http(request: Request, exception: Exception) -> Response:
        if not isinstance(exception, HTTPException):
            raise TypeError(exception)
        if exception.status_code == HTTPStatus.NOT_FOUND:
            reason = "There is no such page. Search for a session, an address, a transaction or an epoch."
            seen = viewing.seen(site, request)
            text = seen.render("fault.html", "Not found", reason=reason)
            return _response(Made(HTTPStatus.NOT_FOUND, HTML, text), seen)
        return PlainTextResponse(exception.detail, exception.status_code, headers=exception.headers)

    def told(request: Request, exception: Exception) -> Response:
        seen = viewing.seen(site, request)
        return _response(fault(seen, exception), seen)

    return {HTTPException: of_http, **dict.fromkeys(FAULTS, told)}
