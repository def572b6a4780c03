"""An account's line in the file of explanations.

Given any lines, sorted by account
  each account should get its own line, and an account without one nothing
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.ids import Address
from sessionpay.services.epoch_files import EXPLAIN
from sessionpay.serving.folders import explanation, path_of

if TYPE_CHECKING:
    import pytest

EPOCH = 7
STRANGER = Address("0x" + "55" * 20)

# Few digits, so that many addresses begin alike.
addresses = st.text("05f", min_size=40, max_size=40).map(lambda digits: Address(f"0x{digits}"))


@given(lengths=st.dictionaries(addresses, st.integers(0, 3_000), max_size=30))
def test_each_account_gets_its_own_line_and_a_stranger_none(
    tmp_path_factory: pytest.TempPathFactory, lengths: dict[Address, int]
) -> None:
    folder = tmp_path_factory.mktemp("epochs")
    lines = {
        account: json.dumps({"account": account, "told": "x" * length}, separators=(",", ":")) + "\n"
        for account, length in sorted(lengths.items())
    }
    path = path_of(folder, EPOCH, EXPLAIN)
    path.parent.mkdir()
    path.write_text("".join(lines.values()))
    assert {account: explanation(folder, EPOCH, account) for account in lines} == lines
    assert explanation(folder, EPOCH, STRANGER) == lines.get(STRANGER)
