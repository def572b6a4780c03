"""Epochs: what they are, what they came to, and every file of them that others can check."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from sessionpay.api.accounts import BAD_CURSOR, BAD_VALUE, SILENT
from sessionpay.api.answers import AssetAnswer, PageAnswer
from sessionpay.api.epoch_answers import EpochAnswer, EpochContentsAnswer, FileAnswer, TotalsAnswer
from sessionpay.api.listing import (
    FRESH,
    IMMUTABLE,
    LIMIT_DEFAULT,
    UNCHANGED,
    Cursor,
    Epoch,
    Limit,
    Node,
    is_named,
    page_of,
    tag_of,
    tagged,
)
from sessionpay.api.problems import Problem, described
from sessionpay.api.viewing import PERSONAL, Viewing, refusal
from sessionpay.core.ids import parse_address
from sessionpay.serving import EpochContents, FileView, Reader, UsageHidden

_Name = Annotated[
    str,
    Path(max_length=200, description="Name of a file, as the epoch lists it.", examples=["manifest.json"]),
]
_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_ACCOUNT = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
_EXPLAINED = {
    "account": _ACCOUNT, "amount": "9000", "served": "9000", "fee": "0", "withheld": "0", "held_before": "0",
    "held_reason": None, "is_applied": True, "services": [{
        "node": _ACCOUNT, "session_id": "7", "work": "9500000000", "rating": {
            "assigned": 4, "committed": 4, "success": 1_000_000, "on_time": 1_000_000, "quality": 1_000_000,
            "performance": 1_000_000, "reason": None,
        }, "cancelled": [], "paid": [{"epoch": 3, "paid": "9500000000", "performance": 1_000_000}],
        "open": [], "fee": "500", "pot": "9000", "weight": "9500000000000000", "remainder": "0",
        "weight_total": "9500000000000000", "floor": "9000", "amount": "9000", "unpaid": "0",
        "unpaid_reason": None,
    }],
}  # fmt: skip
_LINE = {"content": {"application/json": {"schema": {"type": "object"}, "example": _EXPLAINED}}}


def router(reader: Reader, viewing: Viewing) -> APIRouter:
    """Return the routes of epochs."""
    routes = APIRouter(tags=["epochs"])

    @routes.get(
        "/v1/epochs",
        summary="Epochs, the newest first",
        operation_id="listEpochs",
        responses=described(s400=BAD_CURSOR, s422=BAD_VALUE, s503=SILENT),
    )
    def _list(cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT) -> PageAnswer[EpochAnswer]:
        """Return every epoch."""
        return page_of(EpochAnswer, reader.epochs(cursor=cursor, limit=limit), reader.contract.asset)

    @routes.get(
        "/v1/epochs/{number}",
        summary="One epoch",
        operation_id="readEpoch",
        response_model=EpochContentsAnswer,
        responses={**UNCHANGED, **described(s404="No such epoch.", s422=BAD_VALUE, s503=SILENT)},
    )
    def _one(request: Request, number: Epoch) -> Response:
        """Return an epoch; once it is settled, its totals and its files, which never change."""
        found = reader.epoch(number)
        # Where its folder is not here yet, it may still come.
        is_final = found.epoch.is_settled and found.contents is not None
        return tagged(request, tag_of((found,)), lambda: _told(reader, found), is_final=is_final)

    routes.include_router(_files(reader, viewing))
    return routes


def _files(reader: Reader, viewing: Viewing) -> APIRouter:
    routes = APIRouter()

    def _for_viewer(request: Request, number: int, name: str) -> tuple[FileView, FilePath]:
        try:
            return reader.epoch_file(number, name, viewer=viewing.viewer(request))
        except UsageHidden as fault:
            raise refusal(fault) from None

    @routes.get(
        "/v1/epochs/{number}/files/{name:path}",
        summary="One file of a settled epoch",
        operation_id="readEpochFile",
        response_class=Response,
        responses={
            **UNCHANGED,
            200: {**UNCHANGED[200], **_BYTES, "description": "The file."},
            **described(
                s401="The key is not known.",
                s403="Usage rows, which the epoch's policy does not show to everybody.",
                s404="No such epoch, or no such file.",
                s422=BAD_VALUE,
                s503=SILENT,
            ),
        },
        openapi_extra={"security": [{}, {"reporter": []}]},
    )
    def _file(request: Request, number: Epoch, name: _Name) -> Response:
        """Return the bytes that the manifest has the hash of; usage rows as `usage_visibility` says."""
        is_personal = False
        try:
            file, path = reader.epoch_file(number, name)
        except UsageHidden:
            is_personal = True
            file, path = _for_viewer(request, number, name)
        headers = {"Cache-Control": FRESH}
        if file.sha256 is not None:
            headers = {"Cache-Control": IMMUTABLE, "ETag": f'"{file.sha256}"'}
            if is_personal:
                headers |= PERSONAL
            if is_named(request, headers["ETag"]):
                return Response(status_code=304, headers=headers)
        return FileResponse(path, media_type="application/octet-stream", headers=headers)

    @routes.get(
        "/v1/epochs/{number}/accounts/{node}",
        summary="Why an account got what it got",
        operation_id="readExplanation",
        response_class=Response,
        responses={
            **UNCHANGED,
            200: {**UNCHANGED[200], **_LINE, "description": "A line of `explain.jsonl`."},
            **described(
                s404="No such epoch, or nothing for this account in it.", s422=BAD_VALUE, s503=SILENT
            ),
        },
    )
    def _explanation(request: Request, number: Epoch, node: Node) -> Response:
        """Return what an account did for each session, how well, and its share of what that session paid."""
        line = reader.explanation(number, parse_address(node))
        if line is None:
            raise Problem(
                404, "NoExplanation", f"epoch {number} gave nothing to {node.lower()}, or is not settled"
            )
        headers = {"ETag": f'"{tag_of((line,))}"', "Cache-Control": IMMUTABLE}
        if is_named(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(line, media_type="application/json", headers=headers)

    return routes


def _told(reader: Reader, found: EpochContents) -> EpochContentsAnswer:
    held = found.contents
    return EpochContentsAnswer(
        epoch=EpochAnswer.model_validate(found.epoch),
        totals=None if held is None else TotalsAnswer.model_validate(held.totals),
        files=[] if held is None else [FileAnswer.model_validate(each) for each in held.files],
        asset=AssetAnswer.model_validate(reader.contract.asset),
    )
