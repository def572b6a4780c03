"""What every answer says to the browser.

Given any page, table, file or fault
  it should carry the policy that allows nothing from elsewhere, and the other headers
Given every page
  it should name no address outside, no style and no script of its own
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sessionpay.web.actions import ACTIONS
from sessionpay.web.application import TABLES
from sessionpay.web.making import CHARTS, PAGES
from tests.web.places import EVERYTHING, PAGES_SHOWN, places

if TYPE_CHECKING:
    from tests.web.conftest import Shown

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def test_every_route_is_looked_at() -> None:
    shapes = {re.sub(r"{\w+}", "{}", path) for path in (*PAGES, *TABLES, *ACTIONS, *CHARTS)}
    assert shapes <= {re.sub(r"{\w+}", "{}", path.split("?")[0]) for path in EVERYTHING}


@pytest.mark.parametrize("path", EVERYTHING)
def test_nothing_comes_from_elsewhere(shown: Shown, path: str) -> None:
    answer = shown.client.get(places(shown, path))
    assert answer.status_code == (404 if "missing" in path else 200)
    headers = answer.headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "server" not in headers
    assert "set-cookie" not in headers


@pytest.mark.parametrize("path", PAGES_SHOWN)
def test_a_page_has_nothing_inline(shown: Shown, path: str) -> None:
    text = shown.client.get(places(shown, path)).text
    scripts = re.findall(r"<script[^>]*>", text)
    assert scripts[:2] == [
        '<script src="/static/local-time.js" defer>',
        '<script src="/static/sign-in.js" type="module">',
    ]
    assert scripts[2:] in ([], ['<script src="/static/sending.js" type="module">'])
    # Within tags only: a model's name that reads like this is a text, and stands between them.
    assert not re.search(r"<style|<[^>]*(?:\sstyle=|\son\w+=|javascript:)", text)
    assert not re.search(r"(?:src|href|action)=\"(?:\w+:|//)", text)
