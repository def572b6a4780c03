"""The benchmark of the indexer, on a history of a few blocks.

Given Anvil, and what the benchmark writes on it
  when the indexer and a program on web3.py read it
    both should find as many events, in whichever databases are installed
"""

from __future__ import annotations

import pytest
from benchmarks.indexing import SMALL, indexing

from tests.evm.anvil import anvil_binary


@pytest.mark.servers
def test_a_small_history_is_measured() -> None:
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    # Two ways that found different events raise before there is a figure.
    figures = {figure.what: figure.amount for figure in indexing(SMALL)}
    assert figures["logs decoded"] > 0
    assert figures["events indexed into sqlite"] > 0
    assert figures["events replayed from SQL"] > 0
