"""What the usage of one epoch adds up to: all that an epoch needs to know of its rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from sessionpay.core.errors import BadTally, RepeatedUsage
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import PPM, MicroUnits
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import PriceSheet, row_price
from sessionpay.core.usage import Outcome, UsageRecord

# What one node does for one session.
Service = tuple[SessionId, Address]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The rows of one service in one epoch, added up.

    `work` is the price of the committed rows in micro-units, each rounded down once. `assigned` counts
    all rows, above 0, `committed` those that are charged, `in_time` those of them within their deadline.
    Over committed rows, `tokens` are prompt and completion tokens, `score` is the sum of quality in ppm
    and `score_by_tokens` that of quality times tokens. Raises `BadTally` for numbers that no rows add up to.
    """

    work: MicroUnits
    assigned: int
    committed: int
    in_time: int
    tokens: int
    score_by_tokens: int
    score: int

    def __post_init__(self) -> None:
        """Check every number: an engine that added up elsewhere may have rounded, wrapped or left out."""
        for one in fields(self):
            value = getattr(self, one.name)
            if type(value) is not int or value < 0:
                raise BadTally(one.name, value, rule="not a whole number from 0")
        bounds = (
            ("assigned", -self.assigned, -1),
            ("committed", self.committed, self.assigned),
            ("in_time", self.in_time, self.committed),
            ("score", self.score, self.committed * PPM),
            ("score_by_tokens", self.score_by_tokens, self.tokens * PPM),
        )
        for name, value, most in bounds:
            if value > most:
                raise BadTally(name, getattr(self, name), rule="no rows add up to that beside the others")
        if self.committed == 0 and (self.work or self.tokens):
            raise BadTally("committed", 0, rule="there is work or there are tokens, but no committed row")


Tallies = Mapping[Service, Tally]


def tally(rows: Iterable[UsageRecord], sheet: PriceSheet, policy: Policy) -> dict[Service, Tally]:
    """Return what the rows of one epoch add up to, per service and sorted by it.

    The order of rows does not matter. Raises `MissingPrice`, also for work that failed, and
    `RepeatedUsage` for two rows under one key.
    """
    groups: dict[Service, list[UsageRecord]] = {}
    keys: set[tuple[str, Address]] = set()
    for row in rows:
        if row.key in keys:
            raise RepeatedUsage(row.task_id, node=row.node)
        keys.add(row.key)
        groups.setdefault((row.session_id, row.node), []).append(row)
    return {service: _tally(groups[service], sheet, policy) for service in sorted(groups)}


def _tally(rows: Iterable[UsageRecord], sheet: PriceSheet, policy: Policy) -> Tally:
    work = assigned = committed = in_time = tokens = score_by_tokens = score = 0
    for row in rows:
        # Asked of every row, so that a gap in the sheet shows whether or not the work was done.
        price = row_price(sheet, row)
        assigned += 1
        if row.outcome is not Outcome.COMMITTED:
            continue
        work += price
        committed += 1
        in_time += row.latency_ms <= policy.deadline_ms(row.model, sla=row.sla)
        tokens += row.tokens
        score_by_tokens += row.quality_ppm * row.tokens
        score += row.quality_ppm
    return Tally(
        work=MicroUnits(work),
        assigned=assigned,
        committed=committed,
        in_time=in_time,
        tokens=tokens,
        score_by_tokens=score_by_tokens,
        score=score,
    )
