"""The pages in a real browser.

Given Chromium, in light, dark, and as wide as a phone
  no page should be wider than the window, load anything from elsewhere, or break its own policy
  every text should stand out from what is behind it by 4.5 to 1
  a chart should have room for the days below it
  on a phone nothing should have to be moved sideways, and each cell of a table should tell what it holds
Given scripts
  times should be in the viewer's zone, with UTC on hover
Given no scripts
  every number should be there, and the exact one open with one key
Given the keyboard alone
  what has the focus should be seen, and the first key lead to the content
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.money import Asset
from sessionpay.web.charts import Look, Series, steps
from tests.web.conftest import NARROW, SIDEWAYS, USED
from tests.web.places import PAGES_SHOWN, places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.web.conftest import Shown

WHOLE = Asset(ZERO_ADDRESS, "POINT", 0)

# Contrast as WCAG 2 defines it, of every element that has a text of its own.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = colour => rgb(colour).map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => { for (let e = element; e; e = e.parentElement) {
    const found = getComputedStyle(e).backgroundColor;
    if (found !== 'rgba(0, 0, 0, 0)') return found; } return 'white'; };
  return [...document.querySelectorAll('body *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(e => !e.closest('svg'))
    .map(e => { const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
      return [e.tagName + ' ' + e.textContent.trim().slice(0, 30), (a + .05) / (b + .05)]; })
    .filter(([_, ratio]) => ratio < 4.5);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    assert found, "install Debian's package chromium"
    with sync_playwright() as driver:
        # Without its sandbox, because root has none in a container; the pages are our own.
        launched = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1_200), ("dark", 1_200), ("light", NARROW)])
def test_every_page_can_be_read(shown: Shown, browser: Browser, theme: str, width: int) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda fault: said.append(str(fault)))
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES_SHOWN:
        page.goto(shown.url + places(shown, path))
        assert page.title().endswith("· sessionpay"), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert width > NARROW or page.evaluate(SIDEWAYS) == [], path
        assert page.evaluate(CONTRAST) == [], path
    context.close()
    assert said == []
    assert asked
    assert all(url.startswith(shown.url) for url in asked)


@pytest.mark.parametrize("look", [Look(is_narrow=True), Look()])
def test_days_below_a_chart_can_be_read_to_its_end(browser: Browser, look: Look) -> None:
    page = browser.new_page()
    page.set_content(steps((0, 86_400, 172_800), Series("sessions", "Balance", (1, 2)), WHOLE, look))
    right = page.locator("svg").first.evaluate("picture => picture.getBoundingClientRect().right")
    ends = page.locator(".axis.x text").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    page.close()
    assert len(ends) > 1
    assert max(ends) <= right


def test_a_cell_on_a_phone_tells_what_it_holds(shown: Shown, browser: Browser) -> None:
    told = {}
    for width in (NARROW, 1_200):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(f"{shown.url}/sessions/{USED}")
        cell = page.locator("#movements td.money").first
        title = cell.evaluate("cell => getComputedStyle(cell, '::before').content")
        told[width] = title, page.locator("#movements th.money").first.is_visible()
        page.close()
    assert told == {NARROW: ('"Amount"', False), 1_200: ("none", True)}


def test_times_are_in_the_viewers_zone(shown: Shown, browser: Browser) -> None:
    context = browser.new_context(timezone_id="Asia/Kathmandu", locale="en-GB")
    page = context.new_page()
    page.goto(f"{shown.url}/epochs/1")
    time = page.locator("time").first
    unix = int(time.evaluate("element => Date.parse(element.dateTime)")) // 1_000
    title = time.get_attribute("title") or ""
    local, utc = time.inner_text(), title
    context.close()
    assert utc.endswith("UTC")
    # Kathmandu is five hours and 45 minutes ahead.
    hours, minutes = divmod((unix + 20_700) % 86_400 // 60, 60)
    assert f"{hours:02}:{minutes:02}" in local
    assert f"{hours:02}:{minutes:02}" not in utc


def test_it_can_be_read_without_scripts(shown: Shown, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{shown.url}/sessions/{USED}")
    assert "UTC" in page.locator("time").first.inner_text()
    amount = page.locator("details.money").first
    exact = amount.locator(".exact")
    assert not exact.is_visible()
    amount.locator("summary").press("Enter")
    assert exact.is_visible()
    assert exact.inner_text().endswith("base units")
    context.close()


def test_the_keyboard_leads_through_a_page(shown: Shown, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(shown.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type(str(USED))
    page.keyboard.press("Enter")
    page.get_by_role("link", name=str(USED), exact=True).first.press("Enter")
    page.wait_for_url(f"**/sessions/{USED}")
    page.close()
