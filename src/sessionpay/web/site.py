"""What the pages are about: one settlement, and what is known of its chain."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore
from typing import Any

from jinja2 import Environment

from sessionpay.chain.client import SessionPayment
from sessionpay.core.money import Asset
from sessionpay.services.condition import Glance, Sight, glance
from sessionpay.services.home import Home
from sessionpay.services.previews import Previews
from sessionpay.services.proof import Audit
from sessionpay.services.sign_in import SignIns
from sessionpay.serving import EXPORTS_AT_ONCE_MAX, NOBODY, Reader, UsageReader, Viewer
from sessionpay.serving.keeping import Kept
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.web.rendering import environment


@dataclass(frozen=True, slots=True)
class Moment:
    """What a page tells that is not in the books; `now` in unix seconds, the rest as `Site` has it."""

    now: int
    sight: Sight | None
    audit: Audit | None
    viewer: Viewer
    can_sign_in: bool


@dataclass(frozen=True, slots=True)
class Site:
    """A settlement with its contract and its home.

    `clock` gives unix seconds, `sight` what the chain said last, `audit` the last audit that this process
    knows of; both None where there is none. `is_demo` says that its chain ends with the process.
    `sign_ins` are those of the API beside it, None where nobody can sign in and in a process that only makes
    pages; whoever serves them says with `can_sign_in` whether one can. `viewer` is who looks.

    `chain` is the contract as a node shows it, for what wallets are to sign; where it is None, `unsigned` is
    the reason that people read. `wallet_rpc` is a URL of the chain that wallets may be told, if there is one.
    """

    database: Database
    contract: Contract
    home: Home
    clock: Callable[[], int]
    sight: Callable[[], Sight | None] = lambda: None
    audit: Callable[[], Audit | None] = lambda: None
    is_demo: bool = False
    sign_ins: SignIns | None = None
    can_sign_in: bool = False
    viewer: Viewer = NOBODY
    exports: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE_MAX))
    kept: Kept = field(default_factory=Kept)
    chain: SessionPayment | None = None
    unsigned: str = "this server asks no chain; start it with --rpc URL"
    wallet_rpc: str | None = None
    templates: Environment = field(default_factory=environment)

    @property
    def asset(self) -> Asset:
        """What all amounts are of."""
        return self.contract.asset

    @property
    def reader(self) -> Reader:
        """The books, as the API reads them, too."""
        return Reader(self.database, self.contract, self.clock, self._surplus, self.home.epochs, self.kept)

    @property
    def usage(self) -> UsageReader:
        """What sessions used, for whom it is shown."""
        return UsageReader(self.database, self.contract, self.home.segments, self.exports)

    def seen_by(self, viewer: Viewer) -> "Site":
        """Return the same site as somebody sees it."""
        return replace(self, viewer=viewer)

    @property
    def moment(self) -> Moment:
        """What its pages tell now that is not in the books."""
        return Moment(self.clock(), self.sight(), self.audit(), self.viewer, self.can_sign_in)

    def at(self, moment: Moment) -> "Site":
        """Return the same site at a moment that somebody else read."""
        return replace(
            self,
            clock=lambda: moment.now,
            sight=lambda: moment.sight,
            audit=lambda: moment.audit,
            viewer=moment.viewer,
            can_sign_in=moment.can_sign_in,
        )

    @property
    def previews(self) -> Previews:
        """What transactions would do."""
        return Previews(self.database, self.contract, self.chain, self.clock)

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
            "viewer": self.viewer.address,
            "can_sign_in": self.can_sign_in,
            "now": self.clock(),
        }
        return self.templates.get_template(template).render(common | values)

    def _surplus(self) -> int | None:
        found = self.audit()
        return None if found is None else found.surplus
