"""What applies: the price sheet and the policy of an epoch, and what work costs under them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from sessionpay.api.accounts import BAD_VALUE, SILENT
from sessionpay.api.answers import AssetAnswer
from sessionpay.api.listing import UNCHANGED, tagged
from sessionpay.api.problems import described
from sessionpay.api.reading import bad_body, body_of, object_of
from sessionpay.api.rule_answers import (
    DeadlineAnswer,
    LevelAnswer,
    ModelPriceAnswer,
    Name,
    PayoutAnswer,
    PolicyAnswer,
    PricesAnswer,
    QuoteAnswer,
    QuoteAsked,
    TaskQuoteAnswer,
    Tokens,
)
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.core.pricing import ModelPrice, Work, WorkPrice, parse_price_sheet
from sessionpay.core.usage import DEFAULT_SLA
from sessionpay.serving import EpochRules, Quote, Reader, quote, rules

_Epoch = Annotated[
    int | None,
    Query(ge=0, lt=2**63, description="Number of an epoch; else the one that takes usage.", examples=[1]),
]
_Model = Annotated[Name, Query(description="Name of the model in the price sheet.", examples=["large"])]
_Prompt = Annotated[Tokens, Query(description="Prompt tokens.", examples=[1200])]
_Completion = Annotated[Tokens, Query(description="Completion tokens.", examples=[300])]
_Sla = Annotated[Name, Query(description="Service level in the price sheet.", examples=[DEFAULT_SLA])]
_NONE = "No such epoch."
_UNPRICED = "The price sheet has no such model or service level, or a value is out of its range."
_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/QuoteAsked"}}},
}


def router(reader: Reader) -> APIRouter:
    """Return the routes of rules and prices."""
    routes = APIRouter(tags=["prices"])
    asset = AssetAnswer.model_validate(reader.contract.asset)

    @routes.get(
        "/v1/prices",
        summary="A price sheet",
        operation_id="readPrices",
        response_model=PricesAnswer,
        responses={**UNCHANGED, **described(s404=_NONE, s422=BAD_VALUE, s503=SILENT)},
    )
    def _prices(request: Request, epoch: _Epoch = None) -> Response:
        """Return what work costs in an epoch; it applies from the moment the epoch opens."""
        found = rules(reader, epoch)
        tag = f"{found.epoch}.{found.prices.sha256}"
        return tagged(request, tag, lambda: _priced(found, asset), is_final=epoch is not None)

    @routes.get(
        "/v1/policy",
        summary="A policy",
        operation_id="readPolicy",
        response_model=PolicyAnswer,
        responses={**UNCHANGED, **described(s404=_NONE, s422=BAD_VALUE, s503=SILENT)},
    )
    def _policy(request: Request, epoch: _Epoch = None) -> Response:
        """Return what the network keeps, what counts as good work, and who may see usage, in an epoch."""
        found = rules(reader, epoch)
        tag = f"{found.epoch}.{found.policy.sha256}"
        return tagged(request, tag, lambda: _governed(found, asset), is_final=epoch is not None)

    routes.include_router(_quotes(reader))
    return routes


def _quotes(reader: Reader) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/v1/prices/quote",
        summary="What a task costs",
        operation_id="quoteTask",
        responses=described(s404=_NONE, s422=_UNPRICED, s503=SILENT),
    )
    def _quote(
        model: _Model,
        prompt_tokens: _Prompt,
        completion_tokens: _Completion,
        sla: _Sla = DEFAULT_SLA,
        epoch: _Epoch = None,
    ) -> QuoteAnswer:
        """Return what one task costs, as the settlement charges it, and the entries that it follows from."""
        asked = Work(model=model, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, sla=sla)
        return _quoted(reader, quote(rules(reader, epoch), [asked]))

    @routes.post(
        "/v1/prices/quote",
        summary="What several tasks cost",
        operation_id="quoteTasks",
        responses=described(s404=_NONE, s413="The body is too long.", s422=_UNPRICED, s503=SILENT),
        openapi_extra={"requestBody": _BODY},
    )
    async def _quote_all(request: Request) -> QuoteAnswer:
        """Return what tasks cost together; nothing is kept of it, so that to ask again is always right."""
        asked = _asked(await body_of(request))
        works = [Work(**task.model_dump()) for task in asked.tasks]
        return await run_in_threadpool(
            lambda: _quoted(reader, quote(rules(reader, asked.epoch), works)),
        )

    return routes


def _asked(body: bytes) -> QuoteAsked:
    values = object_of(body, required={"tasks"}, optional={"epoch"})
    try:
        return QuoteAsked.model_validate(values)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        raise bad_body(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _quoted(reader: Reader, found: Quote) -> QuoteAnswer:
    return QuoteAnswer(
        epoch=found.rules.epoch,
        prices=found.rules.prices.sha256,
        tasks=[_task(each) for each in found.tasks],
        micro_units=str(found.micro),
        amount=str(found.amount),
        asset=AssetAnswer.model_validate(reader.contract.asset),
    )


def _task(found: WorkPrice) -> TaskQuoteAnswer:
    work = found.work
    return TaskQuoteAnswer(
        model=work.model,
        sla=work.sla,
        prompt_tokens=work.prompt_tokens,
        completion_tokens=work.completion_tokens,
        micro_units=str(found.micro),
        price=_entry(work.model, found.price),
        multiplier_ppm=found.multiplier,
    )


def _entry(model: str, price: ModelPrice) -> ModelPriceAnswer:
    return ModelPriceAnswer(model=model, prompt=str(price.prompt), completion=str(price.completion))


def _priced(found: EpochRules, asset: AssetAnswer) -> PricesAnswer:
    sheet = parse_price_sheet(found.prices.text)
    return PricesAnswer(
        epoch=found.epoch,
        sha256=found.prices.sha256,
        models=[_entry(name, price) for name, price in sheet.models.items()],
        sla=[LevelAnswer(sla=name, multiplier_ppm=int(ppm)) for name, ppm in sheet.sla.items()],
        text=found.prices.text,
        asset=asset,
    )


def _governed(found: EpochRules, asset: AssetAnswer) -> PolicyAnswer:
    policy = parse_policy(found.policy.text)
    payout = policy.payout
    return PolicyAnswer(
        epoch=found.epoch,
        sha256=found.policy.sha256,
        fee_ppm=policy.fee_ppm,
        fee_account=policy.fee_account,
        withheld_account=policy.withheld_account,
        min_assigned=policy.min_assigned,
        threshold_ppm=policy.threshold_ppm,
        deadline_default_ms=policy.deadline_default_ms,
        deadlines=_deadlines(policy),
        epoch_seconds=policy.epoch_seconds,
        payout=PayoutAnswer(amount_min=str(payout.amount_min), every=payout.every) if payout else None,
        require_signatures=policy.require_signatures,
        usage_visibility=policy.usage_visibility,
        text=found.policy.text,
        asset=asset,
    )


def _deadlines(policy: Policy) -> list[DeadlineAnswer]:
    return [
        DeadlineAnswer(model=model, sla=sla, milliseconds=milliseconds)
        for model, by_sla in policy.deadlines_ms.items()
        for sla, milliseconds in by_sla.items()
    ]
