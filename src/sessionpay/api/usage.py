"""`POST /v1/usage`: a batch of usage rows, answered row by row once they are on the disk."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from sessionpay.api.descriptions import USAGE_BODY, USAGE_RESPONSE
from sessionpay.api.metrics import Counters
from sessionpay.api.problems import Problem, described
from sessionpay.api.reading import bad_body, body_of, object_of, reporter_of
from sessionpay.core.errors import InputError
from sessionpay.core.policy import parse_policy
from sessionpay.metering.records import parse_row
from sessionpay.services.intake import Answer, Intake, Verdict
from sessionpay.services.reporters import require_signature
from sessionpay.store import epochs
from sessionpay.store.errors import NoEpoch
from sessionpay.store.evidence import Contract
from sessionpay.store.reporters import Reporter

# One transaction for each batch, and everybody else waits for it: about half a second for so many rows.
ROWS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Reception:
    """Takes batches in for one contract; `clock` gives unix seconds."""

    intake: Intake
    contract: Contract
    counters: Counters
    clock: Callable[[], int]

    def take(self, body: bytes, reporter: Reporter) -> bytes:
        """Take a batch in, and return the answer as JSON. Raises `Problem` and what `Intake.accept` does."""
        values = object_of(body, required={"rows"}, optional={"signature"})
        rows, signature = values["rows"], values.get("signature")
        if not isinstance(rows, list):
            raise bad_body("rows is not a list")
        if len(rows) > ROWS_MAX:
            detail = f"the batch has {len(rows)} rows: send at most {ROWS_MAX} at once"
            raise Problem(413, "TooManyRows", detail)
        if signature is not None and not isinstance(signature, str):
            raise bad_body("signature is not a text")
        return self._take([_parsed(row) for row in rows], signature, reporter)

    def _take(self, rows: Sequence[object], signature: str | None, reporter: Reporter) -> bytes:
        require_signature(
            rows,
            signature,
            reporter=reporter,
            chain_id=self.contract.chain_id,
            contract=self.contract.address,
            is_required=self._signature_required(),
        )
        answers = self.intake.accept(rows, source=f"reporter {reporter.name}", at=self.clock())
        self.counters.answered(answers)
        return _told(answers)

    def _signature_required(self) -> bool:
        """Tell what the policy of the epoch that takes rows says."""
        with self.intake.database.reading() as connection:
            epoch = epochs.current(connection)
            if epoch is None:
                raise NoEpoch
            return _demands_signatures(epochs.text(connection, epoch.policy))


def router(reception: Reception) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.post(
        "/v1/usage",
        summary="Hand usage rows in",
        operation_id="handUsageIn",
        tags=["usage"],
        response_class=Response,
        responses={
            200: USAGE_RESPONSE,
            **described(
                s401="No API key, or one that is not known.",
                s403="The batch has to be signed by the reporter's signer, and is not.",
                s413="Too many rows, or too many bytes.",
                s422="The body has another form. A bad row alone does not cause this.",
                s503="Nothing was acknowledged; send the same batch again.",
            ),
        },
        openapi_extra={"requestBody": USAGE_BODY, "security": [{"reporter": []}]},
    )
    async def _hand_in(request: Request) -> Response:
        """Take a batch in: every row is answered in its order, and is on the disk when it is acknowledged.

        `accepted` counts now, `repeated` counted before, `rejected` does not count and says why. To send the
        same rows again is always right; a bad row never stops the others. A batch may carry the EIP-712
        signature of the reporter's signer over its rows, which a policy with `require_signatures` demands.
        """
        reporter = await reporter_of(request, reception.intake.database)
        body = await body_of(request)
        answer = await run_in_threadpool(reception.take, body, reporter)
        return Response(answer, media_type="application/json")

    return routes


# Each batch asks, and an epoch has many batches.
@lru_cache(maxsize=2)
def _demands_signatures(policy: str) -> bool:
    return parse_policy(policy).require_signatures


def _parsed(row: object) -> object:
    """Return the record of a good row, so that it is read once; a bad one as it came, to be answered."""
    try:
        return parse_row(row)
    except InputError:
        return row


def _told(answers: Sequence[Answer]) -> bytes:
    verdicts = [answer.verdict.value for answer in answers]
    rejects: list[dict[str, Any]] = [
        {"row": place, "reason": answer.reason}
        for place, answer in enumerate(answers)
        if answer.verdict is Verdict.REJECTED
    ]
    counts = {verdict.value: verdicts.count(verdict.value) for verdict in Verdict}
    # Only ASCII, because a reason may quote half of a surrogate pair.
    return json.dumps({**counts, "rows": verdicts, "rejects": rejects}).encode()
