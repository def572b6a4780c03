"""Who asks: an operator by a reporter's key, somebody who signed in by a token or a cookie, or nobody."""

from dataclasses import dataclass

from fastapi import Request, Response

from sessionpay.api.problems import Problem
from sessionpay.services import reporters
from sessionpay.services.origins import Origin, own_origin, require_own
from sessionpay.services.sign_in import COOKIE, SignIns
from sessionpay.serving import NOBODY, Hidden, UsageHidden, Viewer
from sessionpay.store.database import Database

SIGN_IN_PATH = "/v1/sign-in/messages"
_SCHEME = "bearer "

# What is for one person is kept by no cache, and what is for all depends on who asks.
VARY = {"Vary": "Authorization, Cookie"}
PERSONAL = {"Cache-Control": "private, no-store", **VARY}


@dataclass(frozen=True, slots=True)
class Viewing:
    """Finds out who asks."""

    database: Database
    sign_ins: SignIns

    def viewer(self, request: Request) -> Viewer:
        """Return who asks; a header counts before a cookie. Raises `Problem` 401 for a key of nobody."""
        token = bearer(request)
        if token is None:
            found = self.sign_ins.find(request.cookies.get(COOKIE, ""))
            return NOBODY if found is None else Viewer(found.address)
        signed_in = self.sign_ins.find(token)
        if signed_in is not None:
            return Viewer(signed_in.address)
        if reporters.find(self.database, token) is not None:
            return Viewer(is_operator=True)
        detail = "this key or token is not known or has expired: sign in again, or leave it out"
        raise Problem(
            401, "UnknownToken", detail, headers=_challenge(' error="invalid_token"'), more=_POINTER
        )

    def site(self, request: Request) -> Origin:
        """Return which site the request is for. Raises `UnknownHost`."""
        return own_origin(request.headers.get("host", ""), public=self.sign_ins.public)

    def require_own(self, request: Request) -> Origin:
        """Return the site of a request that changes something. Raises `UnknownHost` and `ForeignRequest`."""
        own = self.site(request)
        headers = request.headers
        require_own(own, origin=headers.get("origin"), fetch_site=headers.get("sec-fetch-site"))
        return own


def bearer(request: Request) -> str | None:
    """Return the key or token that a request bears in a header; None for no such header."""
    given = request.headers.get("authorization", "")
    return given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else None


def refusal(fault: UsageHidden) -> Problem:
    """Return the problem of hidden usage: 401 where signing in would help, else 403."""
    if fault.why is Hidden.SIGN_IN:
        detail = f"{fault}; POST an address to {SIGN_IN_PATH} and sign the message"
        return Problem(401, "UsageHidden", detail, headers={**_challenge(""), **PERSONAL}, more=_POINTER)
    return Problem(403, "UsageHidden", str(fault), headers=PERSONAL)


def keep(response: Response, token: str, *, seconds: int, site: Origin) -> None:
    """Have a browser keep a token where no script and no other site's request has it."""
    response.set_cookie(
        COOKIE, token, max_age=seconds, path="/", secure=site.is_secure, httponly=True, samesite="strict"
    )


def forget(response: Response, *, site: Origin) -> None:
    """Have a browser forget its token."""
    response.delete_cookie(COOKIE, path="/", secure=site.is_secure, httponly=True, samesite="strict")


_POINTER = {"sign_in": SIGN_IN_PATH}


def _challenge(more: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="sessionpay usage"{"," + more if more else ""}'}
