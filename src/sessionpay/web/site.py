"""What the pages are about: one settlement, and what is known of its chain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment

from sessionpay.core.money import Asset
from sessionpay.services.condition import Glance, Sight, glance
from sessionpay.services.home import Home
from sessionpay.services.proof import Audit
from sessionpay.serving import Reader
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.web.rendering import environment


@dataclass(frozen=True, slots=True)
class Site:
    """A settlement with its contract and its home.

    `clock` gives unix seconds, `sight` what the chain said last, `audit` the last audit that this process
    knows of; both None where there is none. `is_demo` says that its chain ends with the process.
    """

    database: Database
    contract: Contract
    home: Home
    clock: Callable[[], int]
    sight: Callable[[], Sight | None] = lambda: None
    audit: Callable[[], Audit | None] = lambda: None
    is_demo: bool = False
    templates: Environment = field(default_factory=environment)

    @property
    def asset(self) -> Asset:
        """What all amounts are of."""
        return self.contract.asset

    @property
    def reader(self) -> Reader:
        """The books, as the API reads them, too."""
        return Reader(self.database, self.contract, self.clock, self._surplus, self.home.epochs)

    def glance(self) -> Glance:
        """Return how the settlement is doing now."""
        return glance(self.database, at=self.clock(), sight=self.sight())

    def render(self, template: str, title: str, **values: Any) -> str:  # noqa: ANN401 - values of a template
        """Return a page as HTML; `path` in the values marks where in the navigation it is."""
        common = {
            "title": title,
            "path": "",
            "asked": "",
            "asset": self.asset,
            "known": self.contract,
            "demo": self.is_demo,
            "now": self.clock(),
        }
        return self.templates.get_template(template).render(common | values)

    def _surplus(self) -> int | None:
        found = self.audit()
        return None if found is None else found.surplus
