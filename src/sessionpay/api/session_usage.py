"""What a session used, for whom the policy shows it: by model and day, and every row as a file."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from sessionpay.api.accounts import BAD_CURSOR, BAD_VALUE, SILENT
from sessionpay.api.answers import EXAMPLE_TIME, Count, PageAnswer, Time, like
from sessionpay.api.descriptions import ROW_EXAMPLE
from sessionpay.api.listing import LIMIT_DEFAULT, Cursor, Limit, Session, page_of, prefers_csv
from sessionpay.api.problems import described
from sessionpay.api.viewing import PERSONAL, VARY, Viewing, refusal
from sessionpay.core.ids import parse_session_id
from sessionpay.core.money import MICRO, PPM, BaseUnits, MicroUnits, Ppm
from sessionpay.core.usage import from_line
from sessionpay.serving import (
    MEDIA_TYPES,
    NOBODY,
    Hidden,
    PricedRow,
    RowFormat,
    UsageHidden,
    UsageReader,
    sent,
    written,
)

_WHY = "Why other epochs are not shown: `sign-in`, `owner` or `operator`."
_SECURITY: list[dict[str, list[str]]] = [{}, {"owner": []}, {"reporter": []}]
_REFUSED = described(
    s400=BAD_CURSOR,
    s401="Its owner sees it, once signed in; or the token is not known.",
    s403="Others alone see it, whoever is signed in.",
    s404="No such session, or its usage is not kept here.",
    s422=BAD_VALUE,
    s503=SILENT,
)

_Form = Annotated[
    str | None,
    Query(
        alias="format",
        pattern="^(jsonl|csv)$",
        description="`jsonl` or `csv`; else as Accept says.",
        examples=["csv"],
    ),
]
_First = Annotated[
    int | None,
    Query(
        alias="from_epoch",
        ge=0,
        lt=2**63,
        description="The first epoch, else the oldest one.",
        examples=[1],
    ),
]
_Last = Annotated[
    int | None,
    Query(alias="to_epoch", ge=0, lt=2**63, description="The last epoch, else the newest one.", examples=[3]),
]
_ROW = PricedRow(
    epoch=3,
    record=from_line(json.dumps(ROW_EXAMPLE, sort_keys=True, separators=(",", ":")) + "\n"),
    prompt_price=BaseUnits(1_000_000),
    completion_price=BaseUnits(2_000_000),
    sla=Ppm(PPM),
    cost=MicroUnits(1_800 * MICRO),
)
_LINES: dict[str, Any] = {
    MEDIA_TYPES[form]: {"schema": {"type": "string"}, "example": b"".join(written([_ROW], form)).decode()}
    for form in RowFormat
}


class ModelDayAnswer(BaseModel):
    """What a session used of one model on the UTC day that begins at `day`; tokens are of committed tasks."""

    model_config = ConfigDict(from_attributes=True)
    day: Time
    model: str
    assigned: Count
    committed: Count
    prompt_tokens: Count
    completion_tokens: Count


class UsageAnswer(PageAnswer[ModelDayAnswer]):
    """Usage by model and day, the newest first, as it comes in and as far as it may be seen.

    Usage from before `since` was another owner's and is left out; 0 where nothing is.
    """

    model_config = like(
        {
            "items": [
                {
                    "day": EXAMPLE_TIME, "model": "large", "assigned": 12, "committed": 11,
                    "prompt_tokens": 13_200, "completion_tokens": 3_300,
                }
            ],
            "next": None,
            "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18},
            "books": {"head": 1_042, "final": 1_030, "verified": 1_030},
            "hidden": [],
            "since": 0,
        }
    )  # fmt: skip
    hidden: Annotated[list[Hidden], Field(description=_WHY)]
    since: Time


def router(viewing: Viewing, usage: UsageReader) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["sessions"])

    @routes.get(
        "/v1/sessions/{session_id}/usage",
        summary="What a session used, by model and day",
        operation_id="readSessionUsage",
        responses=_REFUSED,
        openapi_extra={"security": _SECURITY},
    )
    def _by_day(
        request: Request,
        response: Response,
        session_id: Session,
        cursor: Cursor = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> UsageAnswer:
        """Return sums of usage rows; an epoch's policy says who sees its usage."""
        viewer, asked = viewing.viewer(request), parse_session_id(session_id)
        response.headers.update(VARY if viewer == NOBODY else PERSONAL)
        found = usage.by_day(asked, viewer, cursor=cursor, limit=limit)
        try:
            usage.require_shown(asked, found)
        except UsageHidden as fault:
            raise refusal(fault) from None
        page = page_of(ModelDayAnswer, found.page, usage.contract.asset)
        return UsageAnswer(
            items=page.items,
            next=page.next,
            asset=page.asset,
            books=page.books,
            hidden=list(found.hidden),
            since=found.since,
        )

    routes.include_router(_export(viewing, usage))
    return routes


def _export(viewing: Viewing, usage: UsageReader) -> APIRouter:
    routes = APIRouter()
    hidden = {"Usage-Hidden": {"description": _WHY, "schema": {"type": "string"}}}

    @routes.get(
        "/v1/sessions/{session_id}/usage/rows",
        summary="Every usage row of a session, with its price",
        operation_id="exportSessionUsage",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Rows in the order of their epochs, a line each.",
                "content": _LINES,
                "headers": hidden,
            },
            **_REFUSED,
        },
        openapi_extra={"security": _SECURITY},
    )
    def _rows(
        request: Request,
        session_id: Session,
        form: _Form = None,
        first: _First = None,
        last: _Last = None,
    ) -> Response:
        """Return sealed rows with the prices of their epoch and what each cost, in micro-units."""
        viewer, asked = viewing.viewer(request), parse_session_id(session_id)
        try:
            export = usage.rows(asked, viewer, first=first, last=last)
        except UsageHidden as fault:
            raise refusal(fault) from None
        chosen = _chosen(form, request)
        headers = {"Vary": f"{VARY['Vary']}, Accept"} if viewer == NOBODY else dict(PERSONAL)
        headers["Content-Disposition"] = f'attachment; filename="session-{asked}-usage.{chosen.value}"'
        if export.hidden:
            headers["Usage-Hidden"] = ", ".join(why.value for why in export.hidden)
        return StreamingResponse(sent(export, chosen), media_type=MEDIA_TYPES[chosen], headers=headers)

    return routes


def _chosen(form: str | None, request: Request) -> RowFormat:
    """Return the form that is asked for; JSON Lines where nothing else is named."""
    if form is not None:
        return RowFormat(form)
    return RowFormat.CSV if prefers_csv(request) else RowFormat.JSON_LINES
