"""Names and addresses chosen to do harm.

Given models named with scripts, markup, letters that turn a text around, and more than a screen is wide
  in a browser nothing of it should run, stand outside its place, or make a page wider than a phone
  what stands beside it should be read as it was written
Given any of that, control characters, huge numbers or broken cursors in an address or a search
  it should be answered without a fault of the server, and be shown as a text or not at all
"""

from __future__ import annotations

import json
import shutil
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import sync_playwright

from tests.web.conftest import BACKWARDS, ENDLESS, FORMULA, HOSTILE, MARKUP, NAMES, NARROW, SIDEWAYS, USED
from tests.web.places import PAGES_SHOWN, places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Dialog, Page

    from tests.web.conftest import Shown

TEXTS = (
    *NAMES, "\0", "\0<script>", "\x1b[31m", "\ud7ff\uffff", "9" * 5_000, "-1", "1e9", "0x" + "f" * 4_000,
    "٣",
    "%00", "%", "%ff", "../../../etc/passwd", "' OR 1=1 --", "${7*7}{{7*7}}", "javascript:alert(1)",
    "\r\nX-Bad: 1",
    "eyJhIjoxfQ", "A" * 300, "W10", "", " ", "\u202e", "1\u202e",
)  # fmt: skip
WHERE = (
    "/sessions/{}", "/nodes/{}", "/epochs/{}", "/transactions/{}", "/epochs/1/files/{}", "/static/{}", "/{}",
    "/sessions/{}/usage.csv", "/nodes/{}/explained.csv", "/epochs/{}/charges.csv", "/sessions/{}/balance.svg",
    "/nodes/{}/earned.svg", "/network/days.svg?theme={}&width={}",
    "/search?q={}", "/search?{}={}", "/sessions?owner={}", "/sessions.csv?owner={}",
    "/sessions?sessions_after={}",
    "/nodes?nodes_after={}", "/epochs?epochs_after={}", "/?epochs_after={}",
    "/sessions/1?charges_after={}", "/sessions/1?movements_after={}", "/nodes/{address}?movements_after={}",
)  # fmt: skip


@pytest.fixture(scope="module")
def phone() -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": NARROW, "height": 700})
        browser.close()


def heard(page: Page) -> list[str]:
    """Return a list of what a page does of its own: dialogs, faults, other addresses."""
    found: list[str] = []

    def answer(dialog: Dialog) -> None:
        found.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", answer)
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda fault: found.append(str(fault)))
    page.on("framenavigated", lambda frame: found.append("frame") if frame.parent_frame else None)
    return found


def test_names_do_no_harm_in_a_browser(shown: Shown, phone: Page) -> None:
    found = heard(phone)
    for path in (*PAGES_SHOWN, "/epochs/5"):
        phone.goto(shown.url + places(shown, path))
        assert phone.title().endswith("· sessionpay"), path
        assert phone.evaluate("document.documentElement.scrollWidth") <= NARROW, path
        assert phone.evaluate(SIDEWAYS) == [], path
        assert phone.locator("main").count() == phone.locator("footer").count() == 1
        assert phone.locator("img[src='x'], main script").count() == 0
    assert found == []
    phone.goto(f"{shown.url}/sessions/{USED}")
    cells = phone.locator("#usage td.text").all_inner_texts()
    assert {HOSTILE, FORMULA, MARKUP, BACKWARDS, ENDLESS} <= set(cells)
    # The letters behind the name stand where they would without it: it is closed in its cell.
    cell = phone.locator("#usage td", has_text="gpt").first
    assert cell.evaluate("cell => getComputedStyle(cell).unicodeBidi") == "isolate"


@pytest.mark.parametrize("sought", [HOSTILE, MARKUP, BACKWARDS, ENDLESS, "9" * 200, "\u202e1"])
def test_a_search_does_no_harm_in_a_browser(shown: Shown, phone: Page, sought: str) -> None:
    found = heard(phone)
    phone.goto(f"{shown.url}/search?q={quote(sought)}")
    assert phone.title() == "Search · sessionpay"
    assert phone.locator("main code").inner_text() == sought[:200]
    assert phone.locator("#q").input_value() == sought[:200]
    assert phone.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert phone.evaluate("getComputedStyle(document.querySelector('main code')).unicodeBidi") == "isolate"
    assert found == []


def ask_everywhere(shown: Shown, texts: Sequence[str]) -> None:
    """Put each text into each place of each address, and look at the answer."""
    for where, text in product(WHERE, texts):
        path = where.replace("{}", quote(text, safe="")).replace("{address}", places(shown, "{address}"))
        answer = shown.client.get(path)
        assert answer.status_code in {200, 307, 400, 404, 414}, (path[:200], answer.status_code)
        assert "x-bad" not in answer.headers
        assert "Traceback" not in answer.text
        if "html" in answer.headers.get("content-type", ""):
            assert HOSTILE not in answer.text, path
            assert "<img src=x" not in answer.text, path


def test_nothing_that_is_asked_is_a_fault_of_the_server(shown: Shown) -> None:
    ask_everywhere(shown, TEXTS)


def test_a_broken_byte_is_no_fault_either(shown: Shown) -> None:
    for where in WHERE:
        path = where.replace("{}", "%ff%fe").replace("{address}", places(shown, "{address}"))
        assert shown.client.get(path).status_code < 500, path


def test_tables_for_programs_keep_names_as_texts(shown: Shown) -> None:
    text = shown.client.get(f"/sessions/{USED}/usage.csv").text
    assert f"'{FORMULA}" in text
    assert json.dumps(MARKUP)[1:-1].replace('\\"', '""') in text
    assert BACKWARDS in text
