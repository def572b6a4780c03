"""Signing in with a wallet of the browser, whose script asks the wallet and the server.

Given an owner whose usage nobody else sees, and the server that `serve` starts
  the button should sign in with the wallet's account, and show usage and what is the owner's from then on
  what the wallet refuses, and that the server is away, should be said
Given a wallet of somebody else
  it should be signed in, and see nothing of the session
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sessionpay.api import Access, serving
from sessionpay.cli.site import shown
from sessionpay.core.ids import checksum_address
from sessionpay.core.policy import UsageVisibility
from tests.serving.conftest import hiding
from tests.serving.hiding import EPOCHS, OUTSIDER_KEY, OWNER_KEYS, model

from .wallet import Refused, wallet_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from tests.serving.hiding import Hiding

    from .wallet import Wallet

__all__ = ["hiding"]


@pytest.fixture
def url(hiding: Hiding) -> Iterator[str]:
    """Serve pages and API beside each other, where usage is its owner's alone."""
    hiding.say(dict.fromkeys(EPOCHS, UsageVisibility.OWNER))
    with serving(shown(hiding.site, access=Access()), "127.0.0.1:0") as server:
        yield server.url


def wallet(key: str) -> Wallet:
    """Return a wallet that has no use for a chain: signing in asks none."""
    return wallet_of(int(key, 16), "", 1)


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()


def test_an_owner_signs_in(opened: Callable[..., Page], url: str) -> None:
    own = wallet(OWNER_KEYS[1])
    page = opened(own)
    page.goto(f"{url}/sessions/1")
    usage, header = page.locator("#usage"), page.locator("header")
    expect(usage).to_contain_text("None that you may see.")
    expect(page.locator("main")).to_contain_text("sign in with the owner's address")
    said = header.get_by_role("status")
    own.faults = {"personal_sign": Refused(4001, "no")}
    sign_in(page)
    expect(said).to_contain_text("It was rejected in the wallet")
    own.faults.clear()
    page.route("**/v1/sign-in", lambda route: route.abort())
    sign_in(page)
    expect(said).to_contain_text("This page's server does not answer")
    page.unroute("**/v1/sign-in")
    sign_in(page)
    expect(header).to_contain_text("Signed in as")
    expect(usage).to_contain_text(model(1, 1))
    expect(page.get_by_role("link", name="My sessions")).to_be_visible()
    for name, form in (("CSV", "csv"), ("JSON Lines", "jsonl")):
        link = page.get_by_role("link", name=name, exact=True)
        assert link.get_attribute("href") == f"/sessions/1/usage-rows.{form}"
    assert own.methods() == ["eth_requestAccounts", "personal_sign"] * 3
    assert own.sent == []


def test_somebody_else_signs_in_and_sees_nothing(opened: Callable[..., Page], url: str) -> None:
    other = wallet(OUTSIDER_KEY)
    page = opened(other)
    page.goto(f"{url}/sessions/1")
    sign_in(page)
    expect(page.locator(f"header [title='{checksum_address(other.account.address)}']")).to_be_visible()
    expect(page.locator("#usage")).to_contain_text("None that you may see.")
    assert model(1, 1) not in page.content()
