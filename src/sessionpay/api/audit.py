"""The audit report: what was held against what, at which block, and how far any two of it are apart."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sessionpay.api.answers import EXAMPLE_TIME, AssetAnswer, Count, Signed, Time, like
from sessionpay.api.problems import RETRY_SECONDS, Problem, described
from sessionpay.core.money import Asset
from sessionpay.services.findings import Finding
from sessionpay.services.proof import Audit

_TOTALS = {"side": "contract", "sessions": "700", "nodes": "200", "treasury": "100", "liabilities": "1000"}
_HELD = {"sides": ["logs", "events"], "count": 250, "difference": "0"}


class FindingAnswer(BaseModel):
    """One thing of which two sides do not say the same; null is what a side does not have."""

    name: str
    sides: Annotated[list[str], Field(min_length=2, max_length=2)]
    values: Annotated[list[str | None], Field(min_length=2, max_length=2)]
    difference: Signed
    text: Annotated[str, Field(description="The same in one sentence.")]


class SideAnswer(BaseModel):
    """What one side says of all the money, in base units."""

    side: str
    sessions: Signed
    nodes: Signed
    treasury: Signed
    liabilities: Signed


class ComparedAnswer(BaseModel):
    """Two sides that were held against each other: how many things of them, and how far they are apart."""

    sides: Annotated[list[str], Field(min_length=2, max_length=2)]
    count: Annotated[Count, Field(description="Values, or whole rows that are the same.")]
    difference: Signed


class AuditAnswer(BaseModel):
    """The last audit: how far any two of what was held against each other are apart, 0 for not.

    `at` is when it was made, null where nobody noted it.
    """

    model_config = like({
        "block": 1200, "at": EXAMPLE_TIME, "difference": "0", "first_difference": None, "surplus": "5",
        "balance": "1005", "totals": [_TOTALS, {**_TOTALS, "side": "books"}], "compared": [_HELD],
        "asset": {"address": "0x" + "00" * 20, "symbol": "ETH", "decimals": 18},
    })  # fmt: skip
    block: Count
    at: Time | None
    difference: Signed
    first_difference: FindingAnswer | None
    surplus: Signed
    balance: Signed
    totals: list[SideAnswer]
    compared: list[ComparedAnswer]
    asset: AssetAnswer


def router(audit: Callable[[], Audit | None], reason: Callable[[], str | None], asset: Asset) -> APIRouter:
    """Return the route; `audit` gives the last audit, `reason` says why there is none, if it is known."""
    routes = APIRouter(tags=["network"])

    @routes.get(
        "/v1/audit",
        summary="The last audit",
        operation_id="readAudit",
        responses=described(
            s404="This process does not audit, or did not yet.", s503="It could not audit, and why."
        ),
    )
    def _audit() -> AuditAnswer:
        """Return what the last audit of this process found, all that `sessionpay audit --json` says."""
        found, why = audit(), reason()
        if found is not None:
            return _told(found, asset)
        if why is None:
            told = "this process did not audit yet; `sessionpay audit` does so at once"
            raise Problem(404, "NoAudit", told)
        told = f"{why}; `sessionpay audit` tries again at once"
        raise Problem(503, "CannotAudit", told, headers={"Retry-After": RETRY_SECONDS})

    return routes


def _told(found: Audit, asset: Asset) -> AuditAnswer:
    first = found.first_difference
    return AuditAnswer(
        block=found.block,
        at=found.at,
        difference=str(found.difference),
        first_difference=None if first is None else FindingAnswer(**_finding(first)),
        surplus=str(found.surplus),
        balance=str(found.balance),
        totals=[
            SideAnswer(
                side=side,
                sessions=str(total.sessions),
                nodes=str(total.nodes),
                treasury=str(total.treasury),
                liabilities=str(total.liabilities),
            )
            for side, total in found.totals.items()
        ],
        compared=[
            ComparedAnswer(sides=list(each.sides), count=each.count, difference=str(each.difference))
            for each in found.compared
        ],
        asset=AssetAnswer.model_validate(asset),
    )


def _finding(first: Finding) -> dict[str, Any]:
    return {
        "name": first.name,
        "sides": list(first.sides),
        "values": [None if value is None else str(value) for value in first.values],
        "difference": str(first.difference),
        "text": str(first),
    }
