"""The promises that the contract makes about itself.

Given the invariants that stand in the contract's NatSpec
    It should find each named by at least one test
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.contracts.books import artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
TAGS = sorted(
    tag.removeprefix("custom:")
    for tag in cast("dict[str, Any]", artifact())["devdoc"]
    if tag.startswith("custom:invariant-")
)


def _docstrings() -> Iterator[str]:
    for path in TESTS.rglob("*.py"):
        if path != Path(__file__):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    yield ast.get_docstring(node) or ""


def test_tags_are_numbered() -> None:
    assert {f"invariant-{number + 1}" for number in range(len(TAGS))} == set(TAGS)
    assert TAGS


@pytest.mark.parametrize("tag", TAGS)
def test_a_test_names_it(tag: str) -> None:
    # Followed by anything but another digit, so that invariant-1 is not found in invariant-10.
    assert any(
        tag in (word.rstrip(".,:;`)") for word in text.replace("(", " ").replace("`", " ").split())
        for text in _docstrings()
    )
