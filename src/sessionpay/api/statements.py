"""Statements of a session, a node and the treasury: both balances of a period, and each line between them."""

from collections.abc import Iterator
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from sessionpay.api.accounts import BAD_VALUE, SILENT
from sessionpay.api.answers import (
    EXAMPLE_TIME,
    AddressText,
    Amount,
    AssetAnswer,
    Count,
    HashText,
    MovementKind,
    SessionNumber,
    Signed,
    Time,
    like,
)
from sessionpay.api.listing import (
    FRESH,
    IMMUTABLE,
    UNCHANGED,
    Node,
    Session,
    is_named,
    prefers_csv,
    tag_of,
)
from sessionpay.api.problems import described
from sessionpay.core.ids import Address, SessionId, parse_address, parse_session_id
from sessionpay.core.money import Asset
from sessionpay.serving import Reader, Statement, StatementFormat, statement
from sessionpay.serving.statements import COLUMNS, written_as_csv
from sessionpay.serving.turns import each_in_turn, gathered

_LINE: dict[str, Any] = {
    "block_number": 1100, "log_index": 4, "row": 0, "timestamp": EXAMPLE_TIME,
    "transaction_hash": "0x" + "5c" * 32, "kind": "charge", "session_id": "7", "node": None,
    "amount": "9000", "signed": "-9000", "balance_after": "991000",
}  # fmt: skip
_CSV_LINES = (
    COLUMNS,
    (1, "", "", "", "", "opening", "", "", "", "", 1_000_000),
    ("" if value is None else value for value in _LINE.values()),
    (1200, "", "", "", "", "closing", "", "", "", "", 991_000),
)
_CSV_EXAMPLE = "".join(",".join(map(str, line)) + "\r\n" for line in _CSV_LINES)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    **UNCHANGED,
    200: {**UNCHANGED[200], "content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE}}},
}
_MEDIA_TYPES = {StatementFormat.JSON: "application/json", StatementFormat.CSV: "text/csv"}

_Form = Annotated[
    str | None,
    Query(
        alias="format",
        pattern="^(json|csv)$",
        description="`json` or `csv`; else as Accept says.",
        examples=["json"],
    ),
]
_From = Annotated[
    int | None,
    Query(ge=0, lt=2**63, description="The first block, else the contract's first one.", examples=[1]),
]
_To = Annotated[
    int | None,
    Query(ge=0, lt=2**63, description="The last block, else the last final one.", examples=[1200]),
]


class StatementLineAnswer(BaseModel):
    """One movement: `signed` is how it changes the account, which has `balance_after` then."""

    model_config = like(_LINE)
    block_number: Count
    log_index: Count
    row: Count
    timestamp: Time
    transaction_hash: HashText
    kind: MovementKind
    session_id: SessionNumber | None
    node: AddressText | None
    amount: Amount
    signed: Signed
    balance_after: Amount


class StatementAnswer(BaseModel):
    """`opening_balance` and each `signed` add up to `closing_balance`.

    It is of a session, of what is pending of a node, or of the treasury, which names neither.
    """

    model_config = like(
        {
            "session_id": "7", "node": None, "from_block": 1, "to_block": 1200,
            "opening_balance": "1000000", "closing_balance": "991000",
            "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18}, "lines": [_LINE],
        }
    )  # fmt: skip
    session_id: SessionNumber | None
    node: AddressText | None
    from_block: Count
    to_block: Count
    opening_balance: Amount
    closing_balance: Amount
    asset: AssetAnswer
    lines: list[StatementLineAnswer]


def router(reader: Reader, turns: CapacityLimiter) -> APIRouter:
    """Return the routes; pieces of statements are made in `turns`."""
    routes = APIRouter()

    @routes.get(
        "/v1/sessions/{session_id}/statement",
        tags=["sessions"],
        summary="A session's statement",
        operation_id="readSessionStatement",
        response_model=StatementAnswer,
        responses={**_ANSWERS, **described(s404="No such session.", s422=BAD_VALUE, s503=SILENT)},
    )
    def _session(
        request: Request,
        session_id: Session,
        from_block: _From = None,
        to_block: _To = None,
        form: _Form = None,
    ) -> Response:
        """Return deposits, withdrawals and charges of a period that is final, the oldest first."""
        return _answer(
            reader, turns, request, parse_session_id(session_id), (from_block, to_block), form=form
        )

    @routes.get(
        "/v1/nodes/{node}/statement",
        tags=["nodes"],
        summary="A node's statement",
        operation_id="readNodeStatement",
        response_model=StatementAnswer,
        responses={**_ANSWERS, **described(s404="No such node.", s422=BAD_VALUE, s503=SILENT)},
    )
    def _node(
        request: Request, node: Node, from_block: _From = None, to_block: _To = None, form: _Form = None
    ) -> Response:
        """Return allocations and payouts of a period that is final, the oldest first."""
        return _answer(reader, turns, request, parse_address(node), (from_block, to_block), form=form)

    @routes.get(
        "/v1/network/statement",
        tags=["network"],
        summary="The treasury's statement",
        operation_id="readNetworkStatement",
        response_model=StatementAnswer,
        responses={**_ANSWERS, **described(s422=BAD_VALUE, s503=SILENT)},
    )
    def _network(
        request: Request, from_block: _From = None, to_block: _To = None, form: _Form = None
    ) -> Response:
        """Return charges and allocations of a period that is final, the oldest first."""
        return _answer(reader, turns, request, None, (from_block, to_block), form=form)

    return routes


def _answer(
    reader: Reader,
    turns: CapacityLimiter,
    request: Request,
    of: SessionId | Address | None,
    period: tuple[int | None, int | None],
    *,
    form: str | None,
) -> Response:
    found = statement(reader, of=of, from_block=period[0], to_block=period[1])
    chosen = StatementFormat(form or ("csv" if prefers_csv(request) else "json"))
    asset, balances = reader.contract.asset, (found.opening_balance, found.closing_balance)
    tag = tag_of((of, found.from_block, found.to_block, *balances, asset, chosen))
    headers = {
        "ETag": f'"{tag}"',
        # Where no end is named, it is a later one next time.
        "Cache-Control": FRESH if period[1] is None else IMMUTABLE,
        "Vary": "Accept",
    }
    if is_named(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if chosen is StatementFormat.CSV:
        name = f"{'network' if of is None else of}-{found.from_block}-{found.to_block}.csv"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    texts = written_as_csv(found) if chosen is StatementFormat.CSV else _json(found, asset)
    # However long it is, little of it is in memory.
    pieces = each_in_turn(turns, gathered(texts))
    return StreamingResponse(pieces, media_type=_MEDIA_TYPES[chosen], headers=headers)


def _json(found: Statement, asset: Asset) -> Iterator[bytes]:
    shown = {"asset": AssetAnswer.model_validate(asset), "lines": []}
    head = StatementAnswer.model_validate(
        {name: getattr(found, name) for name in StatementAnswer.model_fields if name not in shown} | shown
    )
    yield head.model_dump_json().removesuffix("]}").encode()
    comma = b""
    for line in found.lines:
        yield comma + StatementLineAnswer.model_validate(line).model_dump_json().encode()
        comma = b","
    yield b"]}"
