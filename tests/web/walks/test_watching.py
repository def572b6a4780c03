"""A transaction on its way from a wallet into the books, for good.

Given a chain whose blocks are mined by hand, and books that take two blocks for final
  the page should tell pending, in the books, and final apart, and lose nothing when it is loaded again
Given a contract that holds a token
  a deposit should ask for an allowance of exactly its amount, then deposit, and not ask for it again
Given no script
  the preview and the state of what was sent should be there
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from sessionpay.chain import rpc
from sessionpay.chain.token import TestToken
from sessionpay.services.home import Home

from .conftest import ETHER, fact, follow, next_session, settled_town, sign, signer, status
from .hands import Mouse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.evm.anvil import Anvil

    from .conftest import Town

use = Mouse()


def test_each_step_is_told(node: Anvil, tmp_path: Path, opened: Callable[..., Page]) -> None:
    with settled_town(node, Home(tmp_path), confirmations=2) as town:
        session_id, web3 = next_session(town), town.contract.web3
        wallet = town.wallet("session_owner")
        page = opened(wallet)
        page.goto(f"{town.url}/sessions/{session_id}/deposit?amount=0.5")
        use.press(page, "Connect a wallet")
        status(page).to_contain_text("Connected as")
        rpc.ask(web3, "evm_setAutomine", False)
        try:
            use.press(page, "Sign and send")
            status(page).to_contain_text("no block holds it yet")
            rpc.ask(web3, "evm_mine")
            status(page).to_contain_text("in the books, not final yet")
            assert fact(page, "Balance of the session, now") == 0
            page.reload()
            status(page).to_contain_text("in the books, not final yet")
            assert fact(page, "Balance of the session") == ETHER // 2
            expect(page.get_by_role("button", name="Sign and send")).to_have_count(0)
            rpc.ask(web3, "anvil_mine", "0x2")
            status(page).to_contain_text("Done, and final")
            expect(page.locator("#standing")).to_be_focused()
        finally:
            rpc.ask(web3, "evm_setAutomine", True)
    assert wallet.methods().count("eth_sendTransaction") == 1


def test_a_token_is_allowed_exactly_and_deposited(token_town: Town, opened: Callable[..., Page]) -> None:
    town, owner = token_town, signer("session_owner").address
    assert town.token is not None
    session_id = next_session(town)
    page = opened(town.wallet("session_owner"))
    page.goto(f"{town.url}/sessions/{session_id}/deposit?amount=2.5")
    use.press(page, "Connect a wallet")
    expect(page.get_by_role("alert")).to_contain_text("has 0 TUSD, less than 2.5 TUSD")
    town.token.mint(owner, 4_000_000)
    page.reload()
    status(page).to_contain_text("Connected as")
    expect(page.locator("main")).to_contain_text("It takes two signatures")
    use.press(page, "Sign and send")
    # What was allowed is in a block, so the page goes on to the deposit by itself.
    expect(page.locator("#signing h2")).to_have_text("Sign it")
    assert town.token.allowance(owner, spender=town.contract.address) == 2_500_000
    status(page).to_contain_text("Connected as")
    use.press(page, "Sign and send")
    status(page).to_contain_text("Done, and final")
    assert town.contract.session_balances(session_id) == 2_500_000
    assert town.token.allowance(owner, spender=town.contract.address) == 0

    own = TestToken(town.token.web3, town.token.address, sender=town.sender("session_owner"))
    own.approve(town.contract.address, 1_000_000)
    page.goto(f"{town.url}/sessions/{session_id}/deposit?amount=1 TUSD")
    sign(page, use)
    follow(town)
    assert town.contract.session_balances(session_id) == 3_500_000


def test_without_scripts_there_is_all_but_the_signature(town: Town, browser: Browser) -> None:
    session_id = next_session(town)
    receipt = town.contract.deposit_to_session(session_id, ETHER)
    follow(town)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{town.url}/sessions/{session_id}")
    use.write(page, "Deposit, in ETH", "0.5")
    use.press(page, "Preview the deposit")
    assert fact(page, "Balance of the session, then") == 3 * ETHER // 2
    expect(page.locator("#signing")).to_contain_text("Where scripts are off, sign from a terminal")
    assert page.get_by_role("button", name="Sign and send").is_hidden()
    page.goto(page.url.replace("amount=0.5", f"amount=1&sent={receipt.transaction_hash}"))
    expect(page.locator("#standing")).to_contain_text("Done, and final")
    context.close()
