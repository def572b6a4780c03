"""Barriers in the pages, as axe-core finds them in a real browser.

Given every page, in light, dark, and as wide as a phone
  axe should find nothing to complain of, however small
Given a page that has a barrier
  it should be found
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from tests.web.places import PAGES_SHOWN, places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.web.conftest import Shown

# It comes from npm like the real node, so what needs it runs where that does.
pytestmark = pytest.mark.servers

INSTALLED = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = [("light", 1_200), ("dark", 1_200), ("light", 360), ("dark", 360)]
FAULTS = ("/missing", "/sessions/none", "/search?q=nobody")


@pytest.fixture(scope="module")
def axe() -> str:
    """Return axe's script: the AXE variable first, then what npm installed."""
    path = Path(os.environ.get("AXE", INSTALLED))
    assert path.is_file(), "no axe-core: set AXE to its script, or install it with npm"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield launched
        launched.close()


def barriers(page: Page, axe: str) -> list[str]:
    """Return what axe finds; its script goes past the page's policy only as the browser's own tools do."""
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(found => found.violations)")
    return [
        f"{each['impact']} {each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]
    ]


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_no_page_has_a_barrier(shown: Shown, browser: Browser, axe: str, theme: str, width: int) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
    page = context.new_page()
    found = {}
    for path in (*PAGES_SHOWN, *FAULTS):
        page.goto(shown.url + places(shown, path))
        found[path] = barriers(page, axe)
    context.close()
    assert not any(found.values()), found


def test_a_barrier_is_found(shown: Shown, browser: Browser, axe: str) -> None:
    page = browser.new_page()
    page.goto(shown.url)
    page.evaluate("document.querySelector('img').removeAttribute('alt')")
    assert any("image-alt" in each for each in barriers(page, axe))
    page.close()
