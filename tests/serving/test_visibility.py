"""Who sees usage: given a policy, a viewer and an owner, there should be one answer, and one place for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.ids import Address
from sessionpay.core.policy import UsageVisibility
from sessionpay.serving.visibility import NOBODY, Hidden, Viewer, begins_at, hidden, visibility_of

PUBLIC, OWNER, OPERATOR = UsageVisibility
DAY = 86_400
HERS, HIS = Address("0x" + "0a" * 20), Address("0x" + "0b" * 20)
REPORTER = Viewer(is_operator=True)


@pytest.mark.parametrize(
    ("visibility", "viewer", "owner", "why"),
    [
        (PUBLIC, NOBODY, HERS, None),
        (PUBLIC, Viewer(HIS), HERS, None),
        (PUBLIC, NOBODY, None, None),
        (OWNER, NOBODY, HERS, Hidden.SIGN_IN),
        (OWNER, Viewer(HERS), HERS, None),
        (OWNER, Viewer(HIS), HERS, Hidden.OWNER),
        (OWNER, REPORTER, HERS, None),
        # Rows of many sessions together have no owner who could see them.
        (OWNER, NOBODY, None, Hidden.OPERATOR),
        (OWNER, Viewer(HERS), None, Hidden.OPERATOR),
        (OPERATOR, NOBODY, HERS, Hidden.OPERATOR),
        (OPERATOR, Viewer(HERS), HERS, Hidden.OPERATOR),
        (OPERATOR, REPORTER, HERS, None),
        (OPERATOR, REPORTER, None, None),
    ],
)
def test_who_sees_what(
    visibility: UsageVisibility, viewer: Viewer, owner: Address | None, why: Hidden | None
) -> None:
    assert hidden(visibility, viewer, owner=owner) is why


@given(st.integers(0, 2**34))
def test_a_new_owner_sees_whole_days_that_were_all_its_own(handed_over_at: int) -> None:
    begins = begins_at(OWNER, Viewer(HERS), handed_over_at=handed_over_at)
    assert begins % DAY == 0
    assert 0 <= begins - handed_over_at < DAY
    for visibility, viewer in ((PUBLIC, NOBODY), (OWNER, REPORTER), (OPERATOR, REPORTER)):
        assert begins_at(visibility, viewer, handed_over_at=handed_over_at) == 0


@pytest.mark.parametrize("visibility", list(UsageVisibility))
def test_a_policy_says_it(visibility: UsageVisibility) -> None:
    text = f"fee_ppm = 0\nusage_visibility = '{visibility}'\n[deadlines_ms]\ndefault = 1\n"
    assert visibility_of(text) is visibility
