"""Who looks at the pages, and how that person leaves: by a form, without any script."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sessionpay.services.origins import own_origin, require_own
from sessionpay.services.sign_in import COOKIE
from sessionpay.serving import NOBODY, Viewer
from sessionpay.web.site import Site

# Pages tell the books of now, and their header who is signed in.
_FRESH = {"Cache-Control": "no-cache", "Vary": "Cookie"}
_PERSONAL = {"Cache-Control": "private, no-store", "Vary": "Cookie"}


def seen(site: Site, request: Request) -> Site:
    """Return the site as who sent the request sees it."""
    found = site.sign_ins.find(request.cookies.get(COOKIE, "")) if site.sign_ins else None
    return site if found is None else site.seen_by(Viewer(found.address))


def caching(site: Site) -> dict[str, str]:
    """Return the headers that keep what one person sees from others."""
    return dict(_FRESH if site.viewer == NOBODY else _PERSONAL)


def sign_out(site: Site, request: Request) -> Response:
    """Forget who sent the request, and show the first page. Raises `ForeignRequest` and `UnknownHost`."""
    public = site.sign_ins.public if site.sign_ins else None
    own = own_origin(request.headers.get("host", ""), public=public)
    headers = request.headers
    require_own(own, origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site"))
    if site.sign_ins is not None:
        site.sign_ins.end(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER, headers=_PERSONAL)
    answer.delete_cookie(COOKIE, path="/", secure=own.is_secure, httponly=True, samesite="strict")
    return answer
