"""The benchmarks of settlement in their small form.

Given a server of usage, a large epoch to be added up, and a network to be settled on a node
  when each is measured on a few rows
    every row should be accepted, both ways to add up should agree, and the epoch should be settled
"""

from __future__ import annotations

import pytest
from benchmarks.aggregation import aggregating
from benchmarks.epoch import settling_an_epoch
from benchmarks.intake import taking_in

from tests.evm.anvil import anvil_binary


def test_rows_are_taken_in() -> None:
    # A row that was not accepted raises before there is a figure.
    plain, signed = taking_in(stored=(1_000,), rows=2_000, single=5)
    assert (plain.amount > 0, signed.amount > 0) == (True, True)


def test_usage_is_added_up() -> None:
    rate, memory = aggregating(20_000)
    assert (rate.amount > 0, memory.ratio > 1) == (True, True)


@pytest.mark.servers
def test_an_epoch_is_settled() -> None:
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    seconds, *gas = settling_an_epoch(is_small=True)
    assert seconds.ratio > 1
    assert all(each.ratio > 1 for each in gas)
