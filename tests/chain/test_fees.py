"""Fees: what a transaction offers, and what replaces it.

Given fees of any size and what the chain asks now
  when they are raised
    both fields should grow by an eighth at least, never above the bound, and the tip never above the whole
  when an eighth more is above the bound, there should be no replacement
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessionpay.chain.fees import FeeMarket, Fees

FEES = st.builds(lambda tip, rest: Fees(tip + rest, tip), st.integers(0, 10**12), st.integers(0, 10**12))


@given(FEES, FEES, st.integers(0, 10**13))
def test_raised_fees_replace(offered: Fees, present: Fees, most: int) -> None:
    raised = offered.raised(present, most=most)
    if raised is None:
        assert 8 * most < 9 * offered.most or most <= offered.most
        return
    assert 8 * raised.most >= 9 * offered.most
    assert 8 * raised.tip >= 9 * offered.tip
    assert raised.most > offered.most
    assert raised.tip > offered.tip
    assert raised.most >= min(present.most, most)
    assert raised.tip <= raised.most <= most


def test_a_chain_without_a_base_fee_has_one_price() -> None:
    assert FeeMarket(None, Fees(7, 7)).fields(Fees(8, 8)) == {"gasPrice": 8}
    assert FeeMarket(1, Fees(7, 7)).fields(Fees(8, 2)) == {"maxFeePerGas": 8, "maxPriorityFeePerGas": 2}
