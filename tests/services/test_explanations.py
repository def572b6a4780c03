"""explanation: one account's line of `explain.jsonl`.

Given lines in the order of their accounts, short and long
  every account should be found, and any other should not
Given a file that is something else
  it should be refused
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.core.ids import Address
from sessionpay.services.epoch_files import EXPLAIN, BadEpochFile, canonical
from sessionpay.services.explanations import explanation

if TYPE_CHECKING:
    from pathlib import Path

# One longer than what is read at once, so that lines begin in the middle of it.
LENGTHS = (0, 40_000, 3, 16_384, 0, 100_000, 1)


def account(number: int) -> Address:
    return Address(f"0x{number:040x}")


@pytest.mark.parametrize("count", range(len(LENGTHS) + 1))
def test_every_account_is_found_and_no_other(tmp_path: Path, count: int) -> None:
    lines = [{"account": account(2 * n + 1), "why": "x" * LENGTHS[n]} for n in range(count)]
    (tmp_path / EXPLAIN).write_bytes(b"".join(map(canonical, lines)))
    for line in lines:
        assert explanation(tmp_path, Address(str(line["account"]))) == line
    for number in range(count + 1):
        assert explanation(tmp_path, account(2 * number)) is None


@pytest.mark.parametrize("raw", [b"[]\n", b"{}\n", b'{"account": 1}\n', b"\xff\n"])
def test_another_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / EXPLAIN).write_bytes(raw)
    with pytest.raises(BadEpochFile):
        explanation(tmp_path, account(1))
