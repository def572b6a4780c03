"""What every list has in common: where a page begins, how long it is, and when it is the same as before."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel

from sessionpay.api.answers import AssetAnswer, PageAnswer, StandingAnswer
from sessionpay.core.money import Asset
from sessionpay.serving import LIMIT, LIMIT_MAX, Page

# What cannot change any more needs no second look for a year, the longest that caches keep anything.
IMMUTABLE = "public, max-age=31536000, immutable"
# Anything else is asked for each time, and answered shortly where it is the same.
FRESH = "no-cache"
_ADDRESS = "^0x[0-9a-fA-F]{40}$"
_TAG = {"ETag": {"description": "Changes with the answer.", "schema": {"type": "string"}}}

Cursor = Annotated[
    str | None,
    Query(description="Where the page begins: `next` of the page before.", examples=["WyJzZXNzaW9ucyIsN10"]),
]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many rows at most.", examples=[LIMIT])]
Session = Annotated[
    str,
    Path(pattern="^[0-9]{1,49}$", description="Number of the session, below 2**160.", examples=["7"]),
]
Node = Annotated[
    str,
    Path(
        pattern=_ADDRESS,
        description="Address of the node.",
        examples=["0x70997970c51812dc3a010c7d01b50e0d17dc79c8"],
    ),
]
Owner = Annotated[
    str | None,
    Query(
        pattern=_ADDRESS,
        description="Sessions of this address alone.",
        examples=["0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"],
    ),
]
Epoch = Annotated[int, Path(ge=0, lt=2**63, description="Number of the epoch.", examples=[1])]
Transaction = Annotated[
    str,
    Path(pattern="^0x[0-9a-fA-F]{64}$", description="Hash of the transaction.", examples=["0x" + "5c" * 32]),
]

LIMIT_DEFAULT = LIMIT
UNCHANGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": _TAG},
    304: {"description": "The answer is the one that If-None-Match names."},
}
Item = TypeVar("Item", bound=BaseModel)


def page_of(form: type[Item], page: Page[Any], asset: Asset) -> PageAnswer[Item]:
    """Return a page as it is answered."""
    return PageAnswer[form](  # type: ignore[valid-type]
        items=[form.model_validate(row) for row in page.rows],
        next=page.next,
        asset=AssetAnswer.model_validate(asset),
        books=StandingAnswer.model_validate(page.standing),
    )


def tagged(
    request: Request, tag: str, answer: Callable[[], BaseModel], *, is_final: bool = False
) -> Response:
    """Return the answer of this tag, or 304 where the caller has it already."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": IMMUTABLE if is_final else FRESH}
    if is_named(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(answer().model_dump_json(), media_type="application/json", headers=headers)


def tagged_page(
    request: Request, form: type[BaseModel], page: Page[Any], asset: Asset, *, is_first: bool
) -> Response:
    """Return a page of rows that become final; what stands behind a final one never changes."""
    # The first page goes on growing at its beginning.
    is_final = not is_first and all(row.is_final for row in page.rows)
    # How far the books are read is left out, so that a page without news is the same.
    tag = tag_of((page.rows, page.next))
    return tagged(request, tag, lambda: page_of(form, page, asset), is_final=is_final)


def is_named(request: Request, tag: str) -> bool:
    """Tell whether If-None-Match names a tag; `*` names every one."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return tag in given or "*" in given


def prefers_csv(request: Request) -> bool:
    """Tell whether the Accept header names CSV."""
    kinds = request.headers.get("accept", "").split(",")
    return "text/csv" in (each.partition(";")[0].strip().lower() for each in kinds)


def tag_of(parts: Sequence[object]) -> str:
    """Return a tag that stands for some values."""
    return sha256(repr(parts).encode()).hexdigest()[:32]
