"""Errors as RFC 9457 has them: every answer that is not a result is `application/problem+json`."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException

from sessionpay.chain.errors import BadSignature, ChainError
from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.services.budget import (
    BudgetExceeded,
    KeyInUse,
    NoReservation,
    NoSession,
    ReservationEnded,
)
from sessionpay.services.origins import ForeignRequest, UnknownHost
from sessionpay.services.reporters import Unsigned
from sessionpay.services.sign_in import SignInRefused, SignInsBusy
from sessionpay.serving import (
    BadCursor,
    ExportsBusy,
    NoNode,
    NoSuchEpoch,
    NoSuchFile,
    UsageElsewhere,
)
from sessionpay.serving.headers import SECURITY
from sessionpay.store.errors import StoreError

MEDIA_TYPE = "application/problem+json"
# A caller that comes again sooner would find the same.
RETRY_SECONDS = "1"

# The first that fits counts, so an error stands before those that it is a kind of.
_STATUS: tuple[tuple[type[SessionPayError], int], ...] = (
    (BadCursor, 400),
    (NoSession, 404),
    (NoNode, 404),
    (NoSuchEpoch, 404),
    (NoSuchFile, 404),
    (NoReservation, 404),
    (UsageElsewhere, 404),
    (UnknownHost, 421),
    (ForeignRequest, 403),
    (SignInRefused, 403),
    (SignInsBusy, 503),
    (ExportsBusy, 503),
    (ChainError, 503),
    (BudgetExceeded, 409),
    (ReservationEnded, 409),
    (KeyInUse, 409),
    (Unsigned, 403),
    (BadSignature, 403),
    (InputError, 422),
    (StoreError, 503),
)


class Problem(Exception):
    """A request cannot be answered as asked: its HTTP status, the name of the error, and what to do."""

    def __init__(
        self,
        status: int,
        error: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the answer is made of; `more` are members of its own, such as where to sign in."""
        self.status = status
        self.error = error
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})
        super().__init__(detail)

    @classmethod
    def of(cls, fault: SessionPayError) -> "Problem":
        """Return the problem that an error of this package is."""
        status = next((status for kind, status in _STATUS if isinstance(fault, kind)), 500)
        headers = {"Retry-After": RETRY_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        detail = fault.told if isinstance(fault, ChainError) else str(fault)
        return cls(status, type(fault).__name__, detail, headers=headers)

    def response(self) -> Response:
        """Return the answer."""
        return Response(
            # Only ASCII, because texts that came in may hold halves of surrogate pairs.
            json.dumps(
                {
                    "type": "about:blank",
                    "title": HTTPStatus(self.status).phrase,
                    "status": self.status,
                    "detail": self.detail,
                    "error": self.error,
                    **self.more,
                }
            ),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def answer_problems(app: FastAPI) -> None:
    """Turn every error of a request into its problem."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, fault: Problem) -> Response:
        return fault.response()

    @app.exception_handler(SessionPayError)
    async def _ours(_request: Request, fault: SessionPayError) -> Response:
        return Problem.of(fault).response()

    @app.exception_handler(DBAPIError)
    @app.exception_handler(NoConnection)
    async def _database(_request: Request, _fault: Exception) -> Response:
        # A driver's text may name hosts and users; it is for the operator and not for reporters.
        detail = "the database does not answer; nothing was acknowledged, send the same again"
        return Problem(503, "NoDatabase", detail, headers={"Retry-After": RETRY_SECONDS}).response()

    @app.exception_handler(Exception)
    async def _ours_alone(_request: Request, _fault: Exception) -> Response:
        # Whoever operates the server finds the fault in its log; here it would help whoever looks for one.
        detail = "the server failed; it is not your request, ask again or tell whoever operates it"
        # This is answered outside of everything that stands before the routes.
        return Problem(500, "ServerFault", detail, headers=SECURITY).response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, fault: RequestValidationError) -> Response:
        told = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in fault.errors())
        return Problem(422, "BadRequest", told).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, fault: HTTPException) -> Response:
        error = HTTPStatus(fault.status_code).phrase.replace(" ", "")
        return Problem(fault.status_code, error, str(fault.detail), headers=fault.headers).response()


def described(**statuses: str) -> dict[int | str, dict[str, Any]]:
    """Return what a description says of problems: `s422="the body has another form"`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        int(name[1:]): {"description": what, "content": {MEDIA_TYPE: {"schema": schema}}}
        for name, what in statuses.items()
    }
