"""The application: every route, wired to one settlement."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

from sessionpay.api import (
    accounts,
    audit,
    budgets,
    current,
    epochs,
    health,
    network,
    rules,
    session_usage,
    sign_in,
    statements,
    stream,
    usage,
)
from sessionpay.api.access import Access
from sessionpay.api.descriptions import SCHEMAS, SECURITY
from sessionpay.api.examples import fill
from sessionpay.api.limiting import EXEMPT, TOO_OFTEN
from sessionpay.api.metrics import Counters, StateCollector
from sessionpay.api.problems import answer_problems
from sessionpay.api.viewing import Viewing
from sessionpay.services.budget import Budgets
from sessionpay.services.condition import Condition, Sight, glance, look, reasons_not_ready
from sessionpay.services.intake import Intake
from sessionpay.services.proof import Audit
from sessionpay.services.sign_in import SignIns
from sessionpay.serving import EXPORTS_AT_ONCE_MAX, Reader, UsageReader, signing_in
from sessionpay.serving.turns import InTurn
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

# With three, eight callers wait half as long as with a thread each; with two, PostgreSQL rests meanwhile.
ANSWERS_AT_ONCE = 3

DESCRIPTION = "Usage in, nodes paid, and the books of it. Amounts are texts of base units."


@dataclass(frozen=True, slots=True)
class Serving:
    """What the application works on: a settlement's database, in which an epoch is open, and its contract.

    `clock` gives unix seconds, `sight` what the chain said last (None where nobody watches it), `audit` the
    last audit of this process, `unaudited` why there is none or no newer one. `folders` is where the folders
    of settled epochs are, `segments` where sealed usage is, None where elsewhere. `sign_ins` and
    the turns of `exports` are shared with the pages that are served beside it. `takes_usage` is whether usage
    may be handed in here, `access` who may ask.
    """

    database: Database
    contract: Contract
    clock: Callable[[], int]
    sight: Callable[[], Sight | None] | None = None
    audit: Callable[[], Audit | None] = lambda: None
    folders: Path | None = None
    segments: Path | None = None
    sign_ins: SignIns | None = None
    unaudited: Callable[[], str | None] = lambda: None
    takes_usage: bool = True
    access: Access = Access()
    exports: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE_MAX))

    def reader(self) -> Reader:
        """Return what reads the books for whoever asks."""

        def surplus() -> int | None:
            found = self.audit()
            return None if found is None else found.surplus

        return Reader(self.database, self.contract, self.clock, surplus, self.folders)

    def usage(self) -> UsageReader:
        """Return what reads usage for whom it is shown."""
        return UsageReader(self.database, self.contract, self.segments, self.exports)

    def look(self) -> Condition:
        """Return how the settlement is doing now."""
        return look(self.database, at=self.clock(), sight=self._sight())

    def reasons_not_ready(self) -> list[str]:
        """Return why nobody should rely on the settlement now."""
        found = glance(self.database, at=self.clock(), sight=self._sight())
        return reasons_not_ready(found, is_watched=self.sight is not None)

    def _sight(self) -> Sight | None:
        return self.sight() if self.sight else None


def application(serving: Serving) -> FastAPI:
    """Return the application; it needs nothing but a server."""
    registry = CollectorRegistry()
    registry.register(StateCollector(serving.look, serving.audit))
    turns = CapacityLimiter(ANSWERS_AT_ONCE)
    app = FastAPI(
        title="sessionpay",
        version="1",
        description=DESCRIPTION,
        # Its pages of documentation would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        middleware=[*serving.access.middleware(), Middleware(InTurn, below="/v1/", turns=turns)],
    )
    answer_problems(app)
    if serving.takes_usage:
        counters, intake = Counters(registry), Intake(serving.database)
        app.include_router(usage.router(usage.Reception(intake, serving.contract, counters, serving.clock)))
    keeping = Budgets(serving.database, serving.contract, clock=serving.clock)
    app.include_router(budgets.router(serving.database, keeping))
    reader = serving.reader()
    viewing = Viewing(serving.database, serving.sign_ins or signing_in(reader))
    app.include_router(sign_in.router(viewing))
    app.include_router(session_usage.router(viewing, serving.usage()))
    app.include_router(accounts.router(reader))
    app.include_router(current.router(reader))
    app.include_router(statements.router(reader, turns))
    app.include_router(stream.router(reader))
    app.include_router(network.router(reader))
    app.include_router(audit.router(serving.audit, serving.unaudited, serving.contract.asset))
    app.include_router(rules.router(reader))
    app.include_router(epochs.router(reader, viewing))
    app.include_router(health.router(registry, serving.reasons_not_ready))
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Add to the description what follows from no type, because bodies are read by hand."""
    written = app.openapi

    def described() -> dict[str, Any]:
        found = written()
        components = found.setdefault("components", {})
        components.setdefault("schemas", {}).update(SCHEMAS)
        components["securitySchemes"] = SECURITY
        for path, operations in found["paths"].items():
            for operation in operations.values() if path not in EXEMPT else ():
                operation["responses"] |= {str(status): each for status, each in TOO_OFTEN.items()}
        fill(found)
        return found

    app.openapi = described  # type: ignore[method-assign]
