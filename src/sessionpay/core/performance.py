"""How well a node served a session in one epoch."""

from dataclasses import dataclass

from sessionpay.core.money import PPM, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.tally import Tally


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

    @property
    def is_eligible(self) -> bool:
        """Whether the work earns anything; where it does not, `reason` says why."""
        return self.reason is None


def performance(tally: Tally, policy: Policy) -> Performance:
    """Return how well the rows of one node, in one session and one epoch, were done.

    success = committed / assigned; on_time = committed within the deadline / committed;
    quality = mean score of committed rows weighted by tokens (the plain mean if all have none);
    performance = success * on_time * quality / 10**12.
    """
    if tally.committed == 0:
        return _unpaid(assigned=tally.assigned)
    success = tally.committed * PPM // tally.assigned
    on_time = tally.in_time * PPM // tally.committed
    quality = tally.score_by_tokens // tally.tokens if tally.tokens else tally.score // tally.committed
    counted = success * on_time * quality // PPM**2
    reason = _zero_reason(success, assigned=tally.assigned, counted=counted, policy=policy)
    return Performance(
        success=Ppm(success),
        on_time=Ppm(on_time),
        quality=Ppm(quality),
        performance=Ppm(0 if reason else counted),
        assigned=tally.assigned,
        committed=tally.committed,
        reason=reason,
    )


def _unpaid(*, assigned: int) -> Performance:
    zero = Ppm(0)
    return Performance(zero, zero, zero, zero, assigned, committed=0, reason="no work was committed")


def _zero_reason(success: int, *, assigned: int, counted: int, policy: Policy) -> str | None:
    """Return why work that was committed counts for nothing, or None where it counts."""
    if assigned >= policy.min_assigned and success < policy.threshold_ppm:
        return f"success of {success} ppm over {assigned} rows is below {policy.threshold_ppm} ppm"
    return "nothing was on time and good" if counted == 0 else None
