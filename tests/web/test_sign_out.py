"""Signing in and out in a real browser.

Given somebody who is signed in, and no scripts
  the header should say so also on a phone, the session page show usage, and its button sign out
Given a page of another site
  a form of it should sign nobody in or out, and its script read nothing
"""

from __future__ import annotations

import http.server
import shutil
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import sync_playwright

from sessionpay.api import serving
from sessionpay.chain.keys import signer_from_key
from sessionpay.core.policy import UsageVisibility
from tests.serving.conftest import hiding
from tests.serving.hiding import EPOCHS, OWNER_KEYS, model, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.serving.hiding import Hiding

__all__ = ["hiding"]

KEY = OWNER_KEYS[1]
FOREIGN = """<!doctype html><title>elsewhere</title>
<form id="out" method="post" action="{url}/sign-out"></form>
<form id="in" method="post" action="{url}/v1/sign-in" enctype="text/plain">
<input name='{{"message":"x","signature":"' value='"}}'></form>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    assert found, "install Debian's package chromium"
    with sync_playwright() as driver:
        # Without its sandbox, because root has none in a container; the pages are our own.
        launched = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def url(hiding: Hiding) -> Iterator[str]:
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.OWNER))
    with serving(hiding.app(), "127.0.0.1:0") as server:
        yield server.url


def token(url: str) -> str:
    with httpx.Client(base_url=url, trust_env=False) as client:
        return str(signed_in(client, KEY, signer_from_key(KEY).address)["token"])


@pytest.mark.parametrize("scripts", [True, False])
def test_a_button_signs_out(browser: Browser, url: str, *, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": 360, "height": 800})
    # As the answer to a sign-in sets it.
    cookie = {"name": "sessionpay_sign_in", "value": token(url), "url": url}
    context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])  # type: ignore[typeddict-item]
    page = context.new_page()
    page.goto(f"{url}/sessions/1")
    assert model(1, 1) in page.inner_text("#usage")
    if scripts:
        assert page.evaluate("document.cookie") == ""
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    with page.expect_download() as download:
        page.click("text=JSON Lines")
    assert model(1, 3) in download.value.path().read_text()
    page.click("text=Sign out")
    assert page.url == f"{url}/"
    assert page.query_selector("text=Sign out") is None
    assert context.cookies() == []
    page.goto(f"{url}/sessions/1")
    assert "None that you may see" in page.inner_text("#usage")
    context.close()


def test_a_page_of_another_site_does_nothing(browser: Browser, url: str) -> None:
    page_text = FOREIGN.format(url=url).encode()

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page_text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = browser.new_context()
        cookie = {"name": "sessionpay_sign_in", "value": token(url), "url": url}
        context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])  # type: ignore[typeddict-item]
        page = context.new_page()
        for form, status in (("out", 403), ("in", 403)):
            # To a browser that is another site than 127.0.0.1.
            page.goto(f"http://localhost:{server.server_port}/")
            posted = page.expect_response(lambda answer: answer.request.method == "POST")
            # Where the form leads is loaded, before the next page is asked for.
            with posted as answered, page.expect_navigation():
                page.evaluate(f"document.getElementById('{form}').submit()")
            assert answered.value.status == status
            assert "set-cookie" not in answered.value.headers
        page.goto(f"http://localhost:{server.server_port}/")
        fetched = page.evaluate(
            "path => fetch(path, {credentials: 'include'}).then(a => a.text(), () => 'nothing')",
            f"{url}/v1/sessions/1/usage",
        )
        assert fetched == "nothing"
        page.goto(f"{url}/")
        assert page.query_selector("text=Sign out") is not None
        context.close()
        server.shutdown()
