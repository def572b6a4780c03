"""What each role does with its own wallet, from the first page to the last, on a real node.

Given a session that the operator registered for its owner
  with a mouse, and with nothing but the keyboard
    the owner should deposit, see usage arrive and be charged, request, wait, and withdraw all of the rest
Given a node that worked
  with a mouse, and with nothing but the keyboard
    its operator should see its share, claim it, and choose who gets it from then on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sessionpay.core.ids import SessionId, checksum_address
from sessionpay.services.intake import Intake
from sessionpay.store import epochs
from tests.core.rows import row

from .conftest import DELAY_SECONDS, ETHER, follow, next_session, signer, status
from .hands import HANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from .conftest import Town
    from .wallet import Wallet

Opened = "Callable[[Wallet], Page]"
DONE = "Done, and final"


@pytest.mark.parametrize("hand", HANDS)
def test_owner(town: Town, opened: Callable[..., Page], hand: str) -> None:
    use, wallet = HANDS[hand], town.wallet("session_owner")
    session_id = next_session(town)
    page = opened(wallet)
    page.goto(f"{town.url}/sessions?owner={signer('session_owner').address}")
    use.follow(page, str(session_id))
    use.write(page, "Deposit, in ETH", "1.5")
    use.press(page, "Preview the deposit")
    assert fact(page, "Balance of the session, then") == 1.5 * ETHER
    sign(page, use, first=True)
    assert fact(page, "Balance of the session") == 1.5 * ETHER
    use.follow(page, "To the session")

    work(town, SessionId(session_id), thousands=500)
    expect(page.locator("#charges tbody tr")).to_have_count(0)
    page.reload()
    assert town.contract.session_balances(session_id) == 1 * ETHER
    assert fact(page, "Can still be spent") == 1 * ETHER
    expect(page.locator("#charges tbody tr")).to_have_count(1)
    expect(page.locator("#usage")).to_contain_text("large")

    use.press(page, "Preview the request")
    expect(page.locator("main")).to_contain_text("From then on nothing of the session can be spent")
    sign(page, use)
    use.follow(page, "To the session")
    use.press(page, "Preview the withdrawal")
    expect(page.get_by_role("alert")).to_contain_text("delay not over")
    expect(page.get_by_role("button", name="Sign and send")).to_be_hidden()
    town.node.advance(DELAY_SECONDS)
    follow(town)

    page.go_back()
    use.press(page, "Preview the withdrawal")
    before = town.node.balance(signer("session_owner").address)
    sign(page, use)
    assert town.node.balance(signer("session_owner").address) - before == 1 * ETHER
    assert fact(page, "Balance of the session") == 0
    assert town.contract.session_balances(session_id) == 0
    assert len(wallet.sent) == 3


@pytest.mark.parametrize("hand", HANDS)
def test_node_operator(town: Town, opened: Callable[..., Page], hand: str) -> None:
    use, wallet = HANDS[hand], town.wallet("node_operator" if hand == "mouse" else "payee")
    worker, other = signer("node_operator" if hand == "mouse" else "payee").address, signer("outsider").address
    session_id = SessionId(next_session(town))
    town.contract.deposit_to_session(session_id, 2 * ETHER)
    follow(town)
    work(town, session_id, thousands=700, node=worker)
    page = opened(wallet)
    page.goto(f"{town.url}/nodes/{worker}")
    assert fact(page, "Pending") == town.contract.node_pending_payments(worker) == 7 * ETHER // 10
    expect(page.locator("#explained tbody tr").first).to_contain_text("100 %")

    use.press(page, "Preview the payout")
    before = town.node.balance(worker)
    sign(page, use, first=True)
    assert town.node.balance(worker) - before == 7 * ETHER // 10
    assert fact(page, "Pending of the node") == 0
    assert fact(page, "Paid out so far") == 7 * ETHER // 10
    use.follow(page, "To the node")

    use.write(page, "New payee, an address", checksum_address(other))
    use.press(page, "Preview the payee")
    expect(page.locator("main")).to_contain_text("only that account can change it again")
    sign(page, use)
    expect(page.locator("main")).to_contain_text(checksum_address(other))
    assert town.contract.node_payees(worker) == other


def sign(page: Page, use: object, *, first: bool = False) -> None:
    """Sign what a page previews, and wait until the books have it for good."""
    hand: object = use
    assert isinstance(hand, tuple(type(each) for each in HANDS.values()))
    hand.press(page, "Connect a wallet")
    status(page).to_contain_text("Connected as")
    hand.press(page, "Sign and send")
    status(page).to_contain_text(DONE)
    assert first in {True, False}


def work(town: Town, session_id: SessionId, *, thousands: int, node: str | None = None) -> None:
    """Hand usage in, close its epoch, and wait until the daemon settled it."""
    made = row(session_id=session_id, prompt_tokens=thousands, **({"node": node} if node else {}))
    Intake(town.database).accept([made], source="test", at=town.node.now)
    with town.database.reading() as connection:
        taking = epochs.current(connection)
    assert taking is not None
    town.daemon.sealer.close(taking.number, town.home.rules(), at=town.node.now)
    settled(town, taking.number)


def settled(town: Town, number: int) -> None:
    import time

    for _ in range(400):
        if town.site.reader.epoch(number).epoch.is_settled:
            return
        time.sleep(0.05)
    raise AssertionError(f"epoch {number} is not settled")


def fact(page: Page, title: str) -> int:
    """Return the base units that stand under a title."""
    found = page.locator(".fact").filter(has=page.locator("dt", has_text=title)).first
    text = found.locator(".exact").text_content() or ""
    return int(text.split("ETH")[-1].split()[0])
