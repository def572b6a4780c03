"""May this session still spend? Budgets, and reservations that no two callers can both win."""

from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from sessionpay.api.answers import ASSET_EXAMPLE, EXAMPLE_TIME, AssetAnswer
from sessionpay.api.problems import described
from sessionpay.api.reading import bad_body, body_of, object_of, reporter_of
from sessionpay.core.ids import SESSION_ID_LIMIT, SessionId, parse_session_id
from sessionpay.core.money import AMOUNT_LIMIT, Asset, BaseUnits
from sessionpay.services.budget import RESERVATION_SECONDS_MAX, Budget, Budgets
from sessionpay.store.database import Database
from sessionpay.store.request_keys import RequestKey
from sessionpay.store.reservations import Reservation

_DIGITS = "^[0-9]{1,49}$"
_Session = Annotated[
    str, Path(pattern=_DIGITS, description="Number of the session, below 2**160.", examples=["7"])
]
_Reservation = Annotated[
    str,
    Path(
        pattern="^[0-9a-f-]{36}$",
        description="Id of the reservation.",
        examples=["0b0f6b0e-7c7f-4a0e-9f63-0e8a4b7b6f11"],
    ),
]
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]{1,200}$",
        description="Any text of the sender's own for this request, such as a UUID; no spaces.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]
Amount = Annotated[str, Field(pattern="^[0-9]{1,78}$", description="Base units, as a text of digits.")]


class BudgetAnswer(BaseModel):
    """What one session may still spend."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "session_id": "7",
                "balance": "1000000",
                "unsettled": "250000",
                "arrears": "0",
                "reserved": "50000",
                "available": "700000",
                "withdrawal_requested_at": 0,
                "asset": ASSET_EXAMPLE,
            }
        }
    )
    session_id: str
    balance: Amount
    unsettled: Amount
    arrears: Amount
    reserved: Amount
    available: Amount
    withdrawal_requested_at: Annotated[int, Field(description="Unix seconds, 0 while none is requested.")]
    asset: AssetAnswer


class ReservationAnswer(BaseModel):
    """An amount of a session that is kept for work under way."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0b0f6b0e-7c7f-4a0e-9f63-0e8a4b7b6f11",
                "session_id": "7",
                "amount": "50000",
                "state": "open",
                "created_at": EXAMPLE_TIME,
                "expires_at": EXAMPLE_TIME + 60,
                "asset": ASSET_EXAMPLE,
            }
        }
    )
    id: str
    session_id: str
    amount: Amount
    state: Annotated[str, Field(pattern="^(open|settled|released)$")]
    created_at: Annotated[int, Field(description="Unix seconds.")]
    expires_at: Annotated[int, Field(description="Unix seconds; it counts no more from then on.")]
    asset: AssetAnswer


RESERVATION_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "additionalProperties": False,
                "required": ["session_id", "amount", "seconds"],
                "properties": {
                    "session_id": {"type": "string", "pattern": _DIGITS},
                    "amount": {
                        "type": "string",
                        "pattern": "^[0-9]{1,29}$",
                        "description": "Base units, above 0 and below 2**96.",
                    },
                    "seconds": {"type": "integer", "minimum": 1, "maximum": RESERVATION_SECONDS_MAX},
                },
            },
            "examples": {
                "for a minute": {"value": {"session_id": "7", "amount": "50000", "seconds": 60}},
            },
        }
    },
}
_SECURITY: list[dict[str, list[str]]] = [{"reporter": []}]
_UNKNOWN = "No API key, or one that is not known."
_SILENT = "The database does not answer; ask again."


def router(database: Database, budgets: Budgets) -> APIRouter:
    """Return the routes of one contract's budgets."""
    routes = APIRouter(tags=["budgets"])

    @routes.get(
        "/v1/sessions/{session_id}/budget",
        summary="What a session may still spend",
        operation_id="readBudget",
        responses=described(
            s401=_UNKNOWN, s404="No such session.", s422="No number of a session.", s503=_SILENT
        ),
        openapi_extra={"security": _SECURITY},
    )
    async def _budget(request: Request, session_id: _Session) -> BudgetAnswer:
        """Return the final balance, what lowers it, and what is left; nothing during a withdrawal request."""
        await reporter_of(request, database)
        found = await run_in_threadpool(budgets.budget, parse_session_id(session_id))
        return _told(found, budgets.asset)

    @routes.post(
        "/v1/reservations",
        status_code=201,
        summary="Reserve a part of a budget",
        operation_id="reserve",
        responses=described(
            s401=_UNKNOWN,
            s404="No such session.",
            s409="Less is available than is to be reserved, or a request with the same key is under way.",
            s413="The body is too long.",
            s422="The body has another form, a number is out of range, or the key came with another body.",
            s503=_SILENT,
        ),
        openapi_extra={"requestBody": RESERVATION_BODY, "security": _SECURITY},
    )
    async def _reserve(request: Request, key: _Key = None) -> ReservationAnswer:
        """Keep an amount for work under way, for so many seconds. Nothing is promised to two at once.

        With an `Idempotency-Key` the same request may be sent again within a day, and is answered with the
        same reservation; with the same key, another request is refused.
        """
        reporter = await reporter_of(request, database)
        asked = _asked(await body_of(request))
        session_id, amount, seconds = asked
        known = (
            None if key is None else RequestKey(reporter.name, key, sha256(repr(asked).encode()).hexdigest())
        )
        made = await run_in_threadpool(budgets.reserve, session_id, amount, seconds=seconds, key=known)
        return _reserved(made, budgets.asset)

    routes.include_router(_endings(database, budgets))
    return routes


def _endings(database: Database, budgets: Budgets) -> APIRouter:
    """Return the routes that end a reservation."""
    routes = APIRouter()
    problems = described(
        s401=_UNKNOWN,
        s404="No such reservation.",
        s409="It ended already, in the other way.",
        s422="No id of a reservation.",
        s503=_SILENT,
    )

    @routes.post(
        "/v1/reservations/{reservation_id}/settle",
        summary="End a reservation whose work was done",
        operation_id="settleReservation",
        responses=problems,
        openapi_extra={"security": _SECURITY},
    )
    async def _settle(request: Request, reservation_id: _Reservation) -> ReservationAnswer:
        """End a reservation after its work was handed in as usage. Again is no error."""
        await reporter_of(request, database)
        ended = await run_in_threadpool(budgets.settle, reservation_id)
        return _reserved(ended, budgets.asset)

    @routes.post(
        "/v1/reservations/{reservation_id}/release",
        summary="End a reservation that is not needed",
        operation_id="releaseReservation",
        responses=problems,
        openapi_extra={"security": _SECURITY},
    )
    async def _release(request: Request, reservation_id: _Reservation) -> ReservationAnswer:
        """Give a reservation back. Again is no error."""
        await reporter_of(request, database)
        ended = await run_in_threadpool(budgets.release, reservation_id)
        return _reserved(ended, budgets.asset)

    return routes


def _asked(body: bytes) -> tuple[SessionId, BaseUnits, int]:
    values = object_of(body, required={"session_id", "amount", "seconds"}, optional=set())
    session_id = _number(values["session_id"], "session_id", limit=SESSION_ID_LIMIT)
    amount = _number(values["amount"], "amount", limit=AMOUNT_LIMIT)
    seconds = values["seconds"]
    if type(seconds) is not int:
        raise bad_body("seconds is not a whole number")
    return SessionId(session_id), BaseUnits(amount), seconds


def _number(value: object, name: str, *, limit: int) -> int:
    digits = len(str(limit))
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal() and len(value) <= digits):
        raise bad_body(f"{name} is not a text of 1 to {digits} digits")
    if int(value) >= limit:
        raise bad_body(f"{name} is not below {limit}")
    return int(value)


def _told(budget: Budget, asset: Asset) -> BudgetAnswer:
    return BudgetAnswer(
        session_id=str(budget.session_id),
        balance=str(budget.balance),
        unsettled=str(budget.unsettled),
        arrears=str(budget.arrears),
        reserved=str(budget.reserved),
        available=str(budget.available),
        withdrawal_requested_at=budget.withdrawal_requested_at,
        asset=AssetAnswer.model_validate(asset),
    )


def _reserved(made: Reservation, asset: Asset) -> ReservationAnswer:
    return ReservationAnswer(
        id=made.id,
        session_id=str(made.session_id),
        amount=str(made.amount),
        state=made.state,
        created_at=made.created_at,
        expires_at=made.expires_at,
        asset=AssetAnswer.model_validate(asset),
    )
