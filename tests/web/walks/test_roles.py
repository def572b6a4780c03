"""What each role does with its own wallet, from the first page to the last, on a real node.

Given nothing but the keyboard
  the owner of a session that the operator registered
    should deposit, see usage arrive and be charged, request, wait, and withdraw all of the rest
  the operator of a node that worked
    should see its share, claim it, and choose who gets it from then on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from sessionpay.core.ids import SessionId, checksum_address
from sessionpay.services.intake import Intake
from sessionpay.store import epochs
from tests.core.rows import NODE_A, row

from .conftest import DELAY_SECONDS, ETHER, fact, follow, next_session, sign, signer, wait_until
from .hands import Keyboard

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from sessionpay.core.ids import Address

    from .conftest import Town


def test_owner(town: Town, opened: Callable[..., Page]) -> None:
    use, wallet = Keyboard(), town.wallet("session_owner")
    session_id = next_session(town)
    page = opened(wallet)
    page.goto(f"{town.url}/sessions?owner={signer('session_owner').address}")
    use.follow(page, str(session_id))
    use.write(page, "Deposit, in ETH", "1.5")
    use.press(page, "Preview the deposit")
    assert fact(page, "Balance of the session, then") == 1.5 * ETHER
    sign(page, use)
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
    gained = town.node.balance(signer("session_owner").address) - before
    assert gained + wallet.fee(wallet.sent[-1]) == 1 * ETHER
    assert fact(page, "Balance of the session") == 0
    assert town.contract.session_balances(session_id) == 0
    assert len(wallet.sent) == 3


def test_node_operator(town: Town, opened: Callable[..., Page]) -> None:
    use, wallet = Keyboard(), town.wallet("node_operator")
    worker, other = signer("node_operator").address, signer("payee").address
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
    sign(page, use)
    assert town.node.balance(worker) - before + wallet.fee(wallet.sent[-1]) == 7 * ETHER // 10
    assert fact(page, "Pending of the node") == 0
    assert fact(page, "Paid out so far") == 7 * ETHER // 10
    use.follow(page, "To the node")

    use.write(page, "New payee, an address", checksum_address(other))
    use.press(page, "Preview the payee")
    expect(page.locator("main")).to_contain_text("only that account can change it again")
    sign(page, use)
    expect(page.locator("main")).to_contain_text(checksum_address(other))
    assert town.contract.node_payees(worker) == other


def work(town: Town, session_id: SessionId, *, thousands: int, node: Address | None = None) -> None:
    """Hand usage in, close its epoch, and wait until the daemon settled it."""
    made = row(session_id=session_id, prompt_tokens=thousands, node=node or NODE_A)
    Intake(town.database).accept([made], source="test", at=town.node.now)
    with town.database.reading() as connection:
        taking = epochs.current(connection)
    assert taking is not None
    town.daemon.sealer.close(taking.number, town.home.rules(), at=town.node.now)
    wait_until(lambda: town.site.reader.epoch(taking.number).epoch.is_settled)
