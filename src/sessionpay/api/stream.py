"""Movements as they become final, one after the other: server-sent events that can be taken up again.

Only what is final is sent, so each movement comes once and none has to be taken back. Its id is its place on
the chain; whoever was cut off names the last one that came, as browsers do by themselves.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from sessionpay.api.accounts import BAD_VALUE, SILENT
from sessionpay.api.answers import MovementAnswer
from sessionpay.api.problems import RETRY_SECONDS, Problem, described
from sessionpay.core.ids import Address, SessionId, parse_address, parse_session_id
from sessionpay.serving import LIMIT_MAX, MovementView, Reader
from sessionpay.serving.cursors import PLACE_LIMIT
from sessionpay.store.pages import Spot

# No chain makes blocks final more often than people notice.
LOOK_SECONDS = 1.0
# Shorter than any usual proxy waits for something to come.
QUIET_SECONDS_MAX = 15.0
# Each of them asks the database once a second.
STREAMS_MAX = 100
_ID = re.compile(r"([0-9]{1,19})\.([0-9]{1,19})\.([0-9]{1,19})")

_Last = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The id of the last one that came: BLOCK.LOG.ROW.",
        examples=["0.0.0"],
    ),
]
_OfSession = Annotated[
    str | None,
    Query(alias="session", pattern="^[0-9]{1,49}$", description="Of this session alone.", examples=["7"]),
]
_OfNode = Annotated[
    str | None,
    Query(
        alias="node",
        pattern="^0x[0-9a-fA-F]{40}$",
        description="Of this node alone.",
        examples=["0x70997970c51812dc3a010c7d01b50e0d17dc79c8"],
    ),
]


def router(reader: Reader) -> APIRouter:
    """Return the route of the stream."""
    routes = APIRouter(tags=["network"])
    open_streams: set[object] = set()

    @routes.get(
        "/v1/events/stream",
        summary="Movements as they become final",
        operation_id="streamMovements",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Events of type `movement`, until one side ends it.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **described(s400="No id that this stream gives.", s422=BAD_VALUE, s503=SILENT),
        },
    )
    async def _stream(
        request: Request, last: _Last = None, session: _OfSession = None, node: _OfNode = None
    ) -> StreamingResponse:
        """Send each movement once, from the present on, or from behind the one that Last-Event-ID names."""
        of = _account(session, node)
        spot = _spot(last) if last is not None else await run_in_threadpool(_present, reader)
        if len(open_streams) >= STREAMS_MAX:
            told = f"{STREAMS_MAX} streams are open already; read /v1/network/movements instead"
            raise Problem(503, "TooManyStreams", told, headers={"Retry-After": RETRY_SECONDS})
        return StreamingResponse(
            _counted(_lines(request, reader, of, spot), open_streams),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    return routes


async def _counted(lines: AsyncIterator[str], open_streams: set[object]) -> AsyncIterator[str]:
    token = object()
    open_streams.add(token)
    try:
        async for line in lines:
            yield line
    finally:
        open_streams.discard(token)


async def _lines(
    request: Request, reader: Reader, of: SessionId | Address | None, spot: Spot
) -> AsyncIterator[str]:
    """Yield what became final behind `spot`, and something now and then so that the connection stays."""
    # An id without anything else, so that whoever is cut off before the first movement misses none.
    yield f": movements as they become final\nid: {_place(spot)}\n\n"
    quiet = 0.0
    while not getattr(request.app.state, "is_ending", False):
        found = await run_in_threadpool(reader.final_movements, of=of, behind=spot)
        for movement in found:
            spot = Spot(movement.block_number, movement.log_index, movement.row)
            yield _event(movement, spot)
        if len(found) == LIMIT_MAX:
            continue
        quiet = 0.0 if found else quiet + LOOK_SECONDS
        if quiet >= QUIET_SECONDS_MAX:
            quiet = 0.0
            yield ": nothing new\n\n"
        await asyncio.sleep(LOOK_SECONDS)


def _event(movement: MovementView, spot: Spot) -> str:
    told = MovementAnswer.model_validate(movement).model_dump_json()
    return f"event: movement\nid: {_place(spot)}\ndata: {told}\n\n"


def _place(spot: Spot) -> str:
    return ".".join(map(str, spot))


def _account(session: str | None, node: str | None) -> SessionId | Address | None:
    if session is not None and node is not None:
        raise Problem(422, "TwoAccounts", "a stream is of one session, of one node, or of all: name one")
    if session is not None:
        return parse_session_id(session)
    return None if node is None else parse_address(node)


def _spot(text: str) -> Spot:
    found = _ID.fullmatch(text)
    spot = Spot(*map(int, found.groups())) if found else None
    if spot is None or max(spot) >= PLACE_LIMIT:
        raise Problem(400, "BadEventId", "Last-Event-ID is not one of this stream: BLOCK.LOG.ROW")
    return spot


def _present(reader: Reader) -> Spot:
    """Return the end of what is final now."""
    return Spot(max(0, reader.standing().final), PLACE_LIMIT - 1, PLACE_LIMIT - 1)
