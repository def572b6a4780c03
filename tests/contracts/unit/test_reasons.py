"""The texts of reverts.

Given every text that the contract's sources revert with
    It should be `area: reason`, lower case and at most 32 bytes
    It should be expected by at least one test, and no test should expect another
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.contracts.books import ARTIFACTS

SOURCES = sorted(ARTIFACTS.parent.glob("*.vy"))
AREAS = "init|asset|session|node|treasury|pause|batch|recovery"
# Texts that snekmate's access control owns: they are longer, and have a different shape.
FOREIGN = {"access_control: account is missing role"}


def _texts() -> list[str]:
    pattern = re.compile(r'(?:assert\b[^"#]*?,|raise)\s*"([^"]*)"', re.DOTALL)
    return [text for source in SOURCES for text in pattern.findall(source.read_text(encoding="utf-8"))]


def _expected() -> str:
    files = (path for path in Path(__file__).parents[1].rglob("test_*.py") if path != Path(__file__))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_shape() -> None:
    own = set(_texts()) - FOREIGN
    assert len(own) > 30
    for text in own:
        assert re.fullmatch(rf"(?:{AREAS}): [a-z ]+", text), text
        assert len(text.encode()) <= 32, text


def test_every_text_is_tested() -> None:
    expected = _expected()
    assert [text for text in _texts() if f'"{text}"' not in expected] == []


def test_no_other_text_is_expected() -> None:
    named = set(re.findall(rf'"((?:{AREAS}): [a-z ]+)"', _expected()))
    assert named <= set(_texts())
