"""The pages of a settlement with the API beside them: neither knows of the other."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sessionpay.api import Access, Serving, application
from sessionpay.services.auditing import Auditor
from sessionpay.serving import signing_in
from sessionpay.web import Site, Workers, pages

API_PATHS = frozenset({"/openapi.json", "/healthz", "/readyz", "/metrics", "/v1"})
API_PREFIX = "/v1/"


def shown(
    site: Site, *, access: Access, auditor: Auditor | None = None, workers: Workers | None = None
) -> Starlette:
    """Return what `serve` serves: pages, and the API without the intake of usage, on the same books.

    `auditor` is who audits for the process, None where nobody does and `site` has an audit at most; `workers`
    make its pages, None where the server does.
    """
    web3 = site.chain.web3 if site.chain else None
    site = replace(site, sign_ins=signing_in(site.reader, public=access.public, web3=web3))
    served = Serving(
        site.database,
        site.contract,
        site.clock,
        sight=site.sight,
        audit=site.audit,
        folders=site.home.epochs,
        segments=site.home.segments,
        sign_ins=site.sign_ins,
        unaudited=lambda: auditor.reason if auditor else None,
        takes_usage=False,
        access=access,
        exports=site.exports,
    )
    app, beside = pages(site, workers), application(served)
    # Streams of the API look there whether the server ends.
    beside.state = app.state
    app.add_middleware(_Beside, api=beside)
    return app


class _Beside:
    """Sends what is for programs to the API, and the rest to the pages."""

    def __init__(self, app: ASGIApp, *, api: ASGIApp) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_api = scope["type"] == "http" and (path in API_PATHS or path.startswith(API_PREFIX))
        await (self._api if is_api else self._app)(scope, receive, send)
