"""The policy of a network: what it keeps, what counts as good work, and how usage is taken and paid out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from sessionpay.core.errors import BadAddress, BadPolicy, shown
from sessionpay.core.ids import ZERO_ADDRESS, Address, is_address, parse_address
from sessionpay.core.money import AMOUNT_LIMIT, PPM, BaseUnits, Ppm
from sessionpay.core.tables import Table, integer, line_of, read_document, refuse_others, table, truth
from sessionpay.core.usage import COUNT_LIMIT

MIN_ASSIGNED_DEFAULT = 20
THRESHOLD_DEFAULT = Ppm(600_000)

_NUMBERS = {"fee_ppm", "min_assigned", "threshold_ppm", "epoch_seconds"}
_ACCOUNTS = {"fee_account", "withheld_account"}
_OTHERS = {"deadlines_ms", "payout", "require_signatures", "usage_visibility"}

Default = TypeVar("Default", int, None)


class UsageVisibility(StrEnum):
    """Who may read the usage rows of a settled epoch; amounts and their reasons are for everybody."""

    PUBLIC = "public"
    OWNER = "owner"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Payout:
    """When the operator withdraws for nodes: every so many epochs, where at least `amount_min` waits.

    `amount_min` is base units, 1 <= amount < 2**96; `every` is epochs, 1 <= epochs < 2**31.
    Raises `BadPolicy`.
    """

    amount_min: BaseUnits
    every: int

    def __post_init__(self) -> None:
        """Refuse a payout of nothing, which the contract refuses too, and one that is never due."""
        _check(("payout", "min"), self.amount_min, least=1, greatest=AMOUNT_LIMIT - 1)
        _check(("payout", "every"), self.every, least=1, greatest=COUNT_LIMIT - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the network keeps, what it takes for good work, and how it runs its epochs.

    `fee_ppm` of what a session pays goes to `fee_account`, and what performance takes from nodes to
    `withheld_account`; without an account the amount is retained. A node with at least `min_assigned`
    rows of a session in an epoch, of which less than `threshold_ppm` were committed, earns nothing
    by them. `deadlines_ms` is per model and SLA, `deadline_default_ms` for all others.
    `epoch_seconds` is how long an epoch stays open, 1 <= seconds < 2**31; without it a person closes it.
    Without `payout` nodes withdraw for themselves. Raises `BadPolicy`.
    """

    fee_ppm: Ppm
    deadline_default_ms: int
    fee_account: Address | None = None
    withheld_account: Address | None = None
    min_assigned: int = MIN_ASSIGNED_DEFAULT
    threshold_ppm: Ppm = THRESHOLD_DEFAULT
    deadlines_ms: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    epoch_seconds: int | None = None
    payout: Payout | None = None
    require_signatures: bool = False
    usage_visibility: UsageVisibility = UsageVisibility.OPERATOR

    def __post_init__(self) -> None:
        """Check every value, and keep copies that nobody can change."""
        _check(("fee_ppm",), self.fee_ppm, least=0, greatest=PPM)
        _check(("threshold_ppm",), self.threshold_ppm, least=0, greatest=PPM)
        _check(("min_assigned",), self.min_assigned, least=1, greatest=COUNT_LIMIT - 1)
        if self.epoch_seconds is not None:
            _check(("epoch_seconds",), self.epoch_seconds, least=1, greatest=COUNT_LIMIT - 1)
        _check(("deadlines_ms", "default"), self.deadline_default_ms, least=0, greatest=COUNT_LIMIT - 1)
        for model, by_sla in self.deadlines_ms.items():
            for sla, deadline_ms in by_sla.items():
                _check(("deadlines_ms", model, sla), deadline_ms, least=0, greatest=COUNT_LIMIT - 1)
        for key, account in (("fee_account", self.fee_account), ("withheld_account", self.withheld_account)):
            if account is not None and (not is_address(account) or account == ZERO_ADDRESS):
                raise BadPolicy((key,), rule=f"{shown(account)} is not an account that can be paid")
        frozen = {model: MappingProxyType(dict(by_sla)) for model, by_sla in self.deadlines_ms.items()}
        object.__setattr__(self, "deadlines_ms", MappingProxyType(frozen))

    def deadline_ms(self, model: str, *, sla: str) -> int:
        """Return how many milliseconds a committed row of this model and SLA may take."""
        by_sla = self.deadlines_ms.get(model)
        return self.deadline_default_ms if by_sla is None else by_sla.get(sla, self.deadline_default_ms)


def parse_policy(text: str, *, source: str = "policy.toml") -> Policy:
    """Return the policy written in TOML; `source` is the file's name in messages.

    Needs `fee_ppm` and `[deadlines_ms]` with `default`; may have `fee_account`, `withheld_account`,
    `min_assigned`, `threshold_ppm`, `epoch_seconds`, `payout` with `min` and `every`,
    `require_signatures`, `usage_visibility`, and milliseconds per SLA in `[deadlines_ms."model"]`.
    Raises `BadPolicy` with the line and the key.
    """
    document = read_document(text, source=source, error=BadPolicy)
    try:
        return _policy(document)
    except BadPolicy as fault:
        raise fault.at(source, line=line_of(text, fault.path)) from None


def _policy(document: Table) -> Policy:
    refuse_others(document, _NUMBERS | _ACCOUNTS | _OTHERS, path=(), error=BadPolicy)
    deadlines = table(document, "deadlines_ms", path=(), error=BadPolicy)
    by_model = {model: _deadlines(deadlines, model) for model in deadlines if model != "default"}
    return Policy(
        fee_ppm=Ppm(integer(document, "fee_ppm", path=(), error=BadPolicy)),
        fee_account=_account(document, "fee_account"),
        withheld_account=_account(document, "withheld_account"),
        min_assigned=_integer_or(document, "min_assigned", default=MIN_ASSIGNED_DEFAULT),
        threshold_ppm=Ppm(_integer_or(document, "threshold_ppm", default=THRESHOLD_DEFAULT)),
        deadline_default_ms=integer(deadlines, "default", path=("deadlines_ms",), error=BadPolicy),
        deadlines_ms=by_model,
        epoch_seconds=_integer_or(document, "epoch_seconds", default=None),
        payout=_payout(document),
        require_signatures=_signatures(document),
        usage_visibility=_visibility(document),
    )


def _deadlines(deadlines: Table, model: str) -> dict[str, int]:
    by_sla = table(deadlines, model, path=("deadlines_ms",), error=BadPolicy)
    path = ("deadlines_ms", model)
    return {sla: integer(by_sla, sla, path=path, error=BadPolicy) for sla in by_sla}


def _payout(document: Table) -> Payout | None:
    if "payout" not in document:
        return None
    path = ("payout",)
    values = table(document, "payout", path=(), error=BadPolicy)
    refuse_others(values, {"min", "every"}, path=path, error=BadPolicy)
    amount_min = integer(values, "min", path=path, error=BadPolicy)
    return Payout(BaseUnits(amount_min), integer(values, "every", path=path, error=BadPolicy))


def _signatures(document: Table) -> bool:
    key = "require_signatures"
    return truth(document, key, path=(), error=BadPolicy) if key in document else False


def _visibility(document: Table) -> UsageVisibility:
    key = "usage_visibility"
    value = document.get(key, UsageVisibility.OPERATOR)
    if value not in tuple(UsageVisibility):
        raise BadPolicy((key,), rule=f"{shown(value)} is not one of {', '.join(UsageVisibility)}")
    return UsageVisibility(value)


def _account(document: Table, key: str) -> Address | None:
    if key not in document:
        return None
    try:
        return parse_address(document[key])
    except BadAddress as fault:
        raise BadPolicy((key,), rule=str(fault)) from None


def _integer_or(document: Table, key: str, *, default: Default) -> int | Default:
    return integer(document, key, path=(), error=BadPolicy) if key in document else default


def _check(path: tuple[str, ...], value: int, *, least: int, greatest: int) -> None:
    if type(value) is not int or not least <= value <= greatest:
        raise BadPolicy(path, rule=f"{shown(value)} is not from {least} to {greatest}")
