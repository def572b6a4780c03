"""rows: words of a batch.

Given charges or allocations
  they should come back from their words unchanged
  and what does not fit should be refused by name before anything is sent
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay import Address, Allocation, BaseUnits, Charge, SessionId
from sessionpay.chain import rows
from sessionpay.chain.errors import BadArgument, BadBatch
from sessionpay.core.errors import BadSessionId

amounts = st.integers(0, 2**96 - 1).map(BaseUnits)
keys = st.integers(0, 2**160 - 1)
NODE = Address("0x" + "ab" * 20)


@given(st.lists(st.builds(Charge, keys.map(SessionId), amounts)))
def test_charges_come_back(charges: list[Charge]) -> None:
    assert rows.charges(rows.charge_words(charges)) == tuple(charges)


@given(st.lists(st.builds(Allocation, keys.map(lambda key: Address(f"0x{key:040x}")), amounts)))
def test_allocations_come_back(allocations: list[Allocation]) -> None:
    assert rows.allocations(rows.allocation_words(allocations)) == tuple(allocations)


@pytest.mark.parametrize("amount", [-1, 2**96, True, "5"])
def test_an_amount_that_does_not_fit_is_refused(amount: int) -> None:
    with pytest.raises(BadArgument, match="amount"):
        rows.charge_words([Charge(SessionId(1), BaseUnits(amount))])
    with pytest.raises(BadArgument, match="amount"):
        rows.allocation_words([Allocation(NODE, BaseUnits(amount))])


@pytest.mark.parametrize("session_id", [-1, 2**160])
def test_a_session_that_does_not_fit_is_refused(session_id: int) -> None:
    with pytest.raises(BadSessionId):
        rows.charge_words([Charge(SessionId(session_id), BaseUnits(1))])


@pytest.mark.parametrize("node", ["0x" + "AB" * 20, "0xab", "", "ab" * 21])
def test_a_node_of_another_form_is_refused(node: str) -> None:
    with pytest.raises(BadArgument, match="node"):
        rows.allocation_words([Allocation(Address(node), BaseUnits(1))])


def test_a_batch_holds_at_most_512_rows() -> None:
    full = [Charge(SessionId(1), BaseUnits(1))] * 512
    assert len(rows.charge_words(full)) == 512
    with pytest.raises(BadBatch, match="513 rows"):
        rows.charge_words([*full, full[0]])
    with pytest.raises(BadBatch, match="513 rows"):
        rows.allocation_words([Allocation(NODE, BaseUnits(1))] * 513)
