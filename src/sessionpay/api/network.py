"""The network as a whole: where the money is, what moved, and what the contract said."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sessionpay.api.accounts import BAD_CURSOR, BAD_VALUE, SILENT, movements
from sessionpay.api.answers import (
    AssetAnswer,
    DayAnswer,
    DaysAnswer,
    EventAnswer,
    HitAnswer,
    HitsAnswer,
    MovementAnswer,
    NetworkAnswer,
    PageAnswer,
    TransactionAnswer,
)
from sessionpay.api.listing import (
    LIMIT_DEFAULT,
    UNCHANGED,
    Cursor,
    Limit,
    Transaction,
    tag_of,
    tagged,
    tagged_page,
)
from sessionpay.api.problems import Problem, described
from sessionpay.serving import Reader, TransactionView

# A transaction's hash is the longest thing to look for; some spaces around it do no harm.
SOUGHT_LENGTH_MAX = 100
_Sought = Annotated[
    str,
    Query(
        alias="q",
        max_length=SOUGHT_LENGTH_MAX,
        description="A session's number, an address, or a transaction's hash.",
        examples=["7"],
    ),
]


def router(reader: Reader) -> APIRouter:
    """Return the routes of the network."""
    routes = APIRouter(tags=["network"])
    asset = AssetAnswer.model_validate(reader.contract.asset)

    @routes.get(
        "/v1/network",
        summary="Where all the money is",
        operation_id="readNetwork",
        responses=described(s503=SILENT),
    )
    def _network() -> NetworkAnswer:
        """Return each place that money can be in: sessions, the treasury's parts, pending, surplus."""
        return NetworkAnswer.model_validate(reader.network())

    @routes.get(
        "/v1/network/days",
        summary="What moved on each day",
        operation_id="listDays",
        responses=described(s503=SILENT),
    )
    def _days() -> DaysAnswer:
        """Return sums of every UTC day that had an event of money, the first one first."""
        return DaysAnswer(
            items=[DayAnswer.model_validate(day._asdict()) for day in reader.days()], asset=asset
        )

    routes.include_router(_history(reader))
    return routes


def _history(reader: Reader) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/v1/network/movements",
        summary="Every movement of money",
        operation_id="listMovements",
        response_model=PageAnswer[MovementAnswer],
        responses={**UNCHANGED, **described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT)},
    )
    def _moved(request: Request, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT) -> Response:
        """Return what moved in all accounts together, the newest first."""
        return movements(reader, request, of=None, cursor=cursor, limit=limit)

    @routes.get(
        "/v1/events",
        summary="What the contract said",
        operation_id="listEvents",
        response_model=PageAnswer[EventAnswer],
        responses={**UNCHANGED, **described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT)},
    )
    def _events(request: Request, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT) -> Response:
        """Return events, the newest first."""
        page = reader.events(cursor=cursor, limit=limit)
        return tagged_page(request, EventAnswer, page, reader.contract.asset, is_first=cursor is None)

    @routes.get(
        "/v1/transactions/{transaction_hash}",
        summary="What one transaction did",
        operation_id="readTransaction",
        response_model=TransactionAnswer,
        responses={
            **UNCHANGED,
            **described(s404="The books know no such transaction.", s422=BAD_VALUE, s503=SILENT),
        },
    )
    def _transaction(request: Request, transaction_hash: Transaction) -> Response:
        """Return the events of a transaction, and the part of an epoch that it was signed for."""
        found = reader.transaction(transaction_hash.lower())
        if not found.events and found.sending is None:
            raise Problem(404, "NoTransaction", "the books know no such transaction, as far as they are read")
        # One that only was signed may still be mined.
        is_final = bool(found.events) and all(each.is_final for each in found.events)
        return tagged(request, tag_of((found,)), lambda: _told(found), is_final=is_final)

    @routes.get(
        "/v1/search",
        summary="Find a session, an address or a transaction",
        operation_id="search",
        responses=described(s422=BAD_VALUE, s503=SILENT),
    )
    def _search(sought: _Sought) -> HitsAnswer:
        """Return what a text names in the books."""
        return HitsAnswer(items=[HitAnswer.model_validate(hit) for hit in reader.search(sought)])

    return routes


def _told(found: TransactionView) -> TransactionAnswer:
    return TransactionAnswer(
        transaction_hash=found.transaction_hash,
        events=[EventAnswer.model_validate(each) for each in found.events],
        sending=None if found.sending is None else found.sending._asdict(),  # type: ignore[arg-type]
    )
