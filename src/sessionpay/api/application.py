"""The application: every route, wired to one settlement."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from sessionpay.api import accounts, budgets, epochs, health, network, stream, usage
from sessionpay.api.descriptions import SCHEMAS, SECURITY
from sessionpay.api.metrics import Counters, StateCollector
from sessionpay.api.problems import answer_problems
from sessionpay.services.budget import Budgets
from sessionpay.services.condition import Condition, Sight, glance, look, reasons_not_ready
from sessionpay.services.intake import Intake
from sessionpay.services.proof import Audit
from sessionpay.serving import Reader
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

DESCRIPTION = "Usage in, nodes paid, and the books of it. Amounts are texts of base units."


@dataclass(frozen=True, slots=True)
class Serving:
    """What the application works on: a settlement's database, in which an epoch is open, and its contract.

    `clock` gives unix seconds, `sight` what the chain said last (None where nobody watches it), `audit` the
    last audit of this process. `folders` is where the folders of settled epochs are, None where elsewhere.
    """

    database: Database
    contract: Contract
    clock: Callable[[], int]
    sight: Callable[[], Sight | None] | None = None
    audit: Callable[[], Audit | None] = lambda: None
    folders: Path | None = None

    def reader(self) -> Reader:
        """Return what reads the books for whoever asks."""

        def surplus() -> int | None:
            found = self.audit()
            return None if found is None else found.surplus

        return Reader(self.database, self.contract, self.clock, surplus, self.folders)

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
    counters = Counters(registry)
    registry.register(StateCollector(serving.look, serving.audit))
    # Its pages of documentation would load scripts from elsewhere.
    app = FastAPI(title="sessionpay", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    answer_problems(app)
    intake = Intake(serving.database)
    app.include_router(usage.router(usage.Reception(intake, serving.contract, counters, serving.clock)))
    keeping = Budgets(serving.database, serving.contract, clock=serving.clock)
    app.include_router(budgets.router(serving.database, keeping))
    reader = serving.reader()
    app.include_router(accounts.router(reader))
    app.include_router(stream.router(reader))
    app.include_router(network.router(reader, serving.audit))
    app.include_router(epochs.router(reader))
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
        return found

    app.openapi = described  # type: ignore[method-assign]
