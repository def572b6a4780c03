"""How well a node served a session in one epoch, and the policy that says what counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sessionpay.core.errors import BadAddress, BadPolicy, shown
from sessionpay.core.ids import ZERO_ADDRESS, Address, is_address, parse_address
from sessionpay.core.money import PPM, Ppm
from sessionpay.core.tables import Table, integer, line_of, read_document, refuse_others, table
from sessionpay.core.usage import COUNT_LIMIT, Outcome, UsageRecord

MIN_ASSIGNED_DEFAULT = 20
THRESHOLD_DEFAULT = Ppm(600_000)

_NUMBERS = {"fee_ppm", "min_assigned", "threshold_ppm"}
_ACCOUNTS = {"fee_account", "withheld_account"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the network keeps, and what it takes for good work.

    `fee_ppm` of what a session pays goes to `fee_account`, and what performance takes from nodes to
    `withheld_account`; without an account the amount is retained. A node with at least `min_assigned`
    rows of a session in an epoch, of which less than `threshold_ppm` were committed, earns nothing
    by them. `deadlines_ms` is per model and SLA, `deadline_default_ms` for all others.
    Raises `BadPolicy`.
    """

    fee_ppm: Ppm
    deadline_default_ms: int
    fee_account: Address | None = None
    withheld_account: Address | None = None
    min_assigned: int = MIN_ASSIGNED_DEFAULT
    threshold_ppm: Ppm = THRESHOLD_DEFAULT
    deadlines_ms: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value, and keep copies that nobody can change."""
        _check(("fee_ppm",), self.fee_ppm, least=0, greatest=PPM)
        _check(("threshold_ppm",), self.threshold_ppm, least=0, greatest=PPM)
        _check(("min_assigned",), self.min_assigned, least=1, greatest=COUNT_LIMIT - 1)
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


@dataclass(frozen=True, slots=True)
class Performance:
    """The rates of one node in one session and epoch, in ppm, each rounded down.

    `performance` is what the node's work there counts for; where that is 0, `reason` says why.
    """

    success: Ppm
    on_time: Ppm
    quality: Ppm
    performance: Ppm
    assigned: int
    committed: int
    reason: str | None


def performance(records: Iterable[UsageRecord], policy: Policy) -> Performance:
    """Return how well the rows of one node, in one session and one epoch, were done.

    success = committed / assigned; on_time = committed within the deadline / committed;
    quality = mean score of committed rows weighted by tokens (the plain mean if all have none);
    performance = success * on_time * quality / 10**12. The order of rows does not matter.
    """
    assigned = committed = in_time = tokens = score_by_tokens = score = 0
    for record in records:
        assigned += 1
        if record.outcome is not Outcome.COMMITTED:
            continue
        committed += 1
        in_time += record.latency_ms <= policy.deadline_ms(record.model, sla=record.sla)
        tokens += record.tokens
        score_by_tokens += record.quality_ppm * record.tokens
        score += record.quality_ppm
    if committed == 0:
        return _unpaid(assigned=assigned)
    success = committed * PPM // assigned
    on_time = in_time * PPM // committed
    quality = score_by_tokens // tokens if tokens else score // committed
    counted = success * on_time * quality // PPM**2
    reason = _zero_reason(success, assigned=assigned, counted=counted, policy=policy)
    return Performance(
        success=Ppm(success),
        on_time=Ppm(on_time),
        quality=Ppm(quality),
        performance=Ppm(0 if reason else counted),
        assigned=assigned,
        committed=committed,
        reason=reason,
    )


def parse_policy(text: str, *, source: str = "policy.toml") -> Policy:
    """Return the policy written in TOML; `source` is the file's name in messages.

    Needs `fee_ppm` and `[deadlines_ms]` with `default`; may have `fee_account`, `withheld_account`,
    `min_assigned`, `threshold_ppm`, and milliseconds per SLA in `[deadlines_ms."model"]`.
    Raises `BadPolicy` with the line and the key.
    """
    document = read_document(text, source=source, error=BadPolicy)
    try:
        return _policy(document)
    except BadPolicy as fault:
        raise fault.at(source, line=line_of(text, fault.path)) from None


def _unpaid(*, assigned: int) -> Performance:
    zero = Ppm(0)
    return Performance(zero, zero, zero, zero, assigned, committed=0, reason="no work was committed")


def _zero_reason(success: int, *, assigned: int, counted: int, policy: Policy) -> str | None:
    """Return why work that was committed counts for nothing, or None where it counts."""
    if assigned >= policy.min_assigned and success < policy.threshold_ppm:
        return f"success of {success} ppm over {assigned} rows is below {policy.threshold_ppm} ppm"
    return "nothing was on time and good" if counted == 0 else None


def _policy(document: Table) -> Policy:
    refuse_others(document, {*_NUMBERS, *_ACCOUNTS, "deadlines_ms"}, path=(), error=BadPolicy)
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
    )


def _deadlines(deadlines: Table, model: str) -> dict[str, int]:
    by_sla = table(deadlines, model, path=("deadlines_ms",), error=BadPolicy)
    path = ("deadlines_ms", model)
    return {sla: integer(by_sla, sla, path=path, error=BadPolicy) for sla in by_sla}


def _account(document: Table, key: str) -> Address | None:
    if key not in document:
        return None
    try:
        return parse_address(document[key])
    except BadAddress as fault:
        raise BadPolicy((key,), rule=str(fault)) from None


def _integer_or(document: Table, key: str, *, default: int) -> int:
    return integer(document, key, path=(), error=BadPolicy) if key in document else default


def _check(path: tuple[str, ...], value: int, *, least: int, greatest: int) -> None:
    if type(value) is not int or not least <= value <= greatest:
        raise BadPolicy(path, rule=f"{shown(value)} is not from {least} to {greatest}")
