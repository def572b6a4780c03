"""The promises that the contract makes about itself.

Given the invariants that stand in the contract's NatSpec
    It should find each named by at least one test
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from tests.contracts.books import artifact

TESTS = Path(__file__).parents[1]
TAGS = sorted(
    tag.removeprefix("custom:")
    for tag in cast("dict[str, Any]", artifact())["devdoc"]
    if tag.startswith("custom:invariant-")
)


@cache
def _named() -> frozenset[str]:
    """Return every word of every docstring of the tests, without what stands around it."""
    texts = [
        ast.get_docstring(node) or ""
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    words = (word for text in texts for word in text.replace("(", " ").replace("`", " ").split())
    return frozenset(word.rstrip(".,:;`)") for word in words)


def test_tags_are_numbered() -> None:
    assert {f"invariant-{number + 1}" for number in range(len(TAGS))} == set(TAGS)
    assert TAGS


@pytest.mark.parametrize("tag", TAGS)
def test_a_test_names_it(tag: str) -> None:
    # As a whole word, so that invariant-1 is not found in invariant-10.
    assert tag in _named()
