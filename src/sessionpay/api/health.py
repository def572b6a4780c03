"""`/healthz`, `/readyz` and `/metrics`: for those who watch, and for load balancers."""

import json
from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from sessionpay.api.metrics import NO_DATABASE

_OK = {"description": "All is well.", "content": {"application/json": {"schema": {
    "type": "object",
    "required": ["ready", "reasons"],
    "properties": {"ready": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}},
    "example": {"ready": True, "reasons": []},
}}}}  # fmt: skip


def router(registry: CollectorRegistry, reasons: Callable[[], list[str]]) -> APIRouter:
    """Return the routes; `reasons` says why nobody should rely on the settlement now."""
    routes = APIRouter(tags=["watching"])

    @routes.get(
        "/healthz",
        summary="Whether the process answers",
        operation_id="readHealth",
        response_class=Response,
        responses={200: {"description": "It does.", "content": {"text/plain": {"example": "ok\n"}}}},
    )
    async def _health() -> Response:
        """Answer without a look at anything: a process that does not is to be started anew."""
        return Response("ok\n", media_type="text/plain")

    @routes.get(
        "/readyz",
        summary="Whether the settlement can be relied on",
        operation_id="readReadiness",
        response_class=Response,
        responses={200: _OK, 503: {**_OK, "description": "Not now, and why."}},
    )
    def _ready() -> Response:
        """Look at the database, the books, the chain and the last audit."""
        try:
            found = reasons()
        except NO_DATABASE:
            found = ["the database does not answer"]
        body = json.dumps({"ready": not found, "reasons": found})
        return Response(body, status_code=503 if found else 200, media_type="application/json")

    @routes.get(
        "/metrics",
        summary="Metrics for Prometheus",
        operation_id="readMetrics",
        response_class=Response,
        responses={200: {"description": "Every metric as text.", "content": {"text/plain": {}}}},
    )
    def _metrics() -> Response:
        """Tell the counters of this process, and the state of the settlement as it is now."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
