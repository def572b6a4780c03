"""Who may see who used which model: the one place where that is decided, epoch by epoch.

Amounts, and why they were that much, are for everybody; so are the rules, which name every model. What the
policy's `usage_visibility` is about are rows of usage, and their sums by model.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address
from sessionpay.core.policy import UsageVisibility, parse_policy
from sessionpay.store.derived import DAY_SECONDS

# An operator changes the policy now and then; a process sees few of them.
POLICIES_KEPT_MAX = 256


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: the address that signed in, None for nobody; `is_operator` with a reporter's key."""

    address: Address | None = None
    is_operator: bool = False


NOBODY = Viewer()


class Hidden(StrEnum):
    """Why usage is not shown, and so what would help."""

    SIGN_IN = "sign-in"
    OWNER = "owner"
    OPERATOR = "operator"


_TOLD = {
    Hidden.SIGN_IN: "its owner sees it: sign in with the owner's address",
    Hidden.OWNER: "its owner alone sees it, and another address is signed in",
    Hidden.OPERATOR: "the operator alone sees it: send the key of a reporter",
}


class UsageHidden(InputError):
    """The policy shows this usage to others alone."""

    def __init__(self, what: str, *, why: Hidden) -> None:
        """Keep whose usage it is, and why it is hidden."""
        self.why = why
        super().__init__(f"the usage of {what} is not for everybody: {_TOLD[why]}")


def hidden(visibility: UsageVisibility, viewer: Viewer, *, owner: Address | None) -> Hidden | None:
    """Return why usage of an epoch is hidden from `viewer`, None where it is not.

    `owner` is who owns the session on the books, None for rows of many sessions together.
    """
    if viewer.is_operator or visibility is UsageVisibility.PUBLIC:
        return None
    if visibility is UsageVisibility.OPERATOR or owner is None:
        return Hidden.OPERATOR
    if viewer.address is None:
        return Hidden.SIGN_IN
    return None if viewer.address == owner else Hidden.OWNER


def begins_at(visibility: UsageVisibility, viewer: Viewer, *, handed_over_at: int) -> int:
    """Return from which time on usage is shown to somebody from whom it is not hidden, in unix seconds.

    What was used before a session was handed over is its former owner's affair. So who has it now sees
    it from the first whole UTC day on; `handed_over_at` is 0 for a session that always had one owner.
    """
    if viewer.is_operator or visibility is UsageVisibility.PUBLIC:
        return 0
    return -(-handed_over_at // DAY_SECONDS) * DAY_SECONDS


@lru_cache(maxsize=POLICIES_KEPT_MAX)
def visibility_of(policy: str) -> UsageVisibility:
    """Return what the text of a policy says."""
    return parse_policy(policy).usage_visibility
