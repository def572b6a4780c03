"""What goes wrong between a person, a wallet and a chain, and what the page says to it.

Given a wallet on another chain
  it should be asked to switch, to add the chain only where this server names an address of it, else say how
Given a wallet that refuses, has a request open, or does not answer
  that should be said, nothing be sent, and the same page work afterwards
Given no wallet, or several
  it should say so with the command for a terminal, or let people choose, whatever wallets call themselves
Given the wrong account, or too little money
  the preview should say it, and offer nothing to sign
Given a node that does not answer
  nothing should be offered to sign; what was sent already should not be lost
Given what was signed and reverted, replaced or dropped
  it should be told from the others, with the reason
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sessionpay import SessionPayment
from sessionpay.chain import rpc
from tests.evm.backend import CHAIN_ID
from tests.services.outbox.scene import connected

from .conftest import ETHER, fact, follow, next_session, shown_by, sign, signer, status
from .hands import Mouse
from .wallet import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from .conftest import Town

use = Mouse()


@pytest.fixture(scope="module")
def session_id(town: Town) -> int:
    """Return a session with a little in it."""
    made = next_session(town)
    town.contract.deposit_to_session(made, ETHER)
    follow(town)
    return made


@pytest.fixture(scope="module")
def dead_url() -> Iterator[str]:
    """An address where nobody answers: taken, and not listened at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def preview(town: Town, page: Page, session_id: int, *, url: str | None = None) -> None:
    page.goto(f"{url or town.url}/sessions/{session_id}/deposit?amount=0.25")


def connect(page: Page) -> None:
    use.press(page, "Connect a wallet")
    status(page).to_contain_text("Connected as")


def test_another_chain_is_switched(town: Town, opened: Callable[..., Page], session_id: int) -> None:
    wallet = town.wallet("outsider")
    wallet.chain_id = 1
    page = opened(wallet)
    preview(town, page, session_id)
    sign(page, use)
    assert wallet.methods().count("wallet_switchEthereumChain") == 1
    assert "wallet_addEthereumChain" not in wallet.methods()
    assert fact(page, "Balance of the session") == town.contract.session_balances(session_id)


def test_an_unknown_chain_is_added_only_by_a_named_address(
    town: Town, opened: Callable[..., Page], session_id: int
) -> None:
    wallet = town.wallet("outsider", faults={"wallet_switchEthereumChain": Refused(4001, "no")})
    wallet.chain_id, wallet.chains = 1, {1}
    page = opened(wallet)
    preview(town, page, session_id)
    use.press(page, "Connect a wallet")
    status(page).to_contain_text(f"stays on chain 1, and this contract is on chain {CHAIN_ID}")
    wallet.faults.clear()
    use.press(page, "Connect a wallet")
    status(page).to_contain_text("this server names no address of it")
    with shown_by(town, wallet_rpc="https://rpc.example/") as url:
        preview(town, page, session_id, url=url)
        connect(page)
    (asked,) = [given for method, given in wallet.asked if method == "wallet_addEthereumChain"]
    assert asked[0]["rpcUrls"] == ["https://rpc.example/"]
    assert asked[0]["chainId"] == hex(CHAIN_ID)


def test_a_wallet_that_refuses_is_explained(town: Town, opened: Callable[..., Page], session_id: int) -> None:
    wallet = town.wallet("outsider")
    page = opened(wallet)
    preview(town, page, session_id)
    for method, fault, said in (
        ("eth_requestAccounts", Refused(4001, "User rejected the request."), "rejected in the wallet"),
        ("eth_requestAccounts", Refused(-32002, "Already processing."), "an open request already"),
        ("eth_requestAccounts", Refused(4900, "Disconnected"), "no connection to any chain"),
        ("eth_chainId", Refused(-32603, "Failed to fetch"), "could not reach its node"),
    ):
        wallet.faults = {method: fault}
        use.press(page, "Connect a wallet")
        status(page).to_contain_text(said)
    wallet.faults.clear()
    connect(page)


def test_a_refused_signature_sends_nothing_and_can_be_given_after_all(
    town: Town, opened: Callable[..., Page], session_id: int
) -> None:
    wallet = town.wallet("outsider")
    page = opened(wallet)
    preview(town, page, session_id)
    connect(page)
    poor = {"code": -32000, "message": "insufficient funds for gas"}
    for fault, said in (
        (Refused(4001, "User denied"), "It was rejected in the wallet. Nothing was sent"),
        (Refused(-32603, "Internal", original=poor), "too little of the chain's own coin"),
        (Refused(-32603, "execution reverted: pause"), "says that it would fail"),
        (Refused(-1, "<b>odd</b>"), "The wallet answered: <b>odd</b>"),
    ):
        wallet.faults = {"eth_sendTransaction": fault}
        use.press(page, "Sign and send")
        status(page).to_contain_text(said)
    assert not wallet.sent
    wallet.faults.clear()
    use.press(page, "Sign and send")
    status(page).to_contain_text("Done, and final")
    assert len(wallet.sent) == 1


def test_silence_is_not_waited_out_in_silence(
    town: Town, opened: Callable[..., Page], session_id: int
) -> None:
    wallet = town.wallet("outsider", silent={"eth_requestAccounts"})
    page = opened(wallet)
    page.clock.install()
    preview(town, page, session_id)
    use.press(page, "Connect a wallet")
    status(page).to_contain_text("Look into the wallet")
    page.clock.fast_forward(61_000)
    status(page).to_contain_text("has not answered for a minute")


def test_without_a_wallet_there_is_the_terminal(
    town: Town, opened: Callable[..., Page], session_id: int
) -> None:
    page = opened()
    preview(town, page, session_id)
    use.press(page, "Connect a wallet")
    status(page).to_contain_text("No wallet was found in this browser")
    page.get_by_text("The same from a terminal", exact=True).click()
    expect(page.locator("#signing pre")).to_have_text(f"sessionpay session deposit {session_id} '0.25 ETH'")


def test_several_wallets_are_a_choice(town: Town, opened: Callable[..., Page], session_id: int) -> None:
    first = town.wallet("outsider", key="test.first", name="<img src=x onerror=alert(1)>")
    second = town.wallet("session_owner", key="test.second", name="Second")
    page = opened(first, second)
    preview(town, page, session_id)
    use.press(page, "Connect a wallet")
    status(page).to_contain_text("choose one")
    expect(page.get_by_role("button", name=first.name)).to_be_focused()
    use.press(page, "Second")
    status(page).to_contain_text(second.account.address)
    assert page.locator("main img").count() == 0
    assert not first.asked
    use.press(page, "Sign and send")
    status(page).to_contain_text("Done, and final")


def test_the_wrong_account_is_said(town: Town, opened: Callable[..., Page], session_id: int) -> None:
    page = opened(town.wallet("outsider"))
    page.goto(f"{town.url}/sessions/{session_id}/request-withdrawal")
    connect(page)
    owner = town.wallet("session_owner").account.address
    expect(page.get_by_role("alert")).to_contain_text(f"Only {owner} can do this")
    expect(page.get_by_role("button", name="Sign and send")).to_be_hidden()
    # The wallet says that the person chose another account there.
    page.evaluate("to => window.dispatchEvent(new CustomEvent('tests:accounts', { detail: [to] }))", owner)
    page.wait_for_url(f"**from={owner}*")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_too_little_money_and_somebody_elses_session_are_said(
    town: Town, opened: Callable[..., Page], session_id: int
) -> None:
    page = opened(town.wallet("outsider"))
    page.goto(f"{town.url}/sessions/{session_id}/deposit?amount=5000")
    connect(page)
    expect(page.get_by_role("alert")).to_contain_text("this takes up to 5000 ETH")
    owner, outsider = (town.wallet(role).account.address for role in ("session_owner", "outsider"))
    expect(page.locator(".warnings")).to_contain_text(f"only its owner {owner} can withdraw it")
    expect(page.locator(".warnings")).to_contain_text(f"and you are {outsider}")
    expect(page.get_by_role("button", name="Sign and send")).to_be_hidden()


def test_a_silent_node_offers_nothing_to_sign(
    town: Town, opened: Callable[..., Page], session_id: int, dead_url: str
) -> None:
    page = opened(town.wallet("outsider"))
    with shown_by(town, chain=SessionPayment(connected(dead_url), town.contract.address)) as url:
        preview(town, page, session_id, url=url)
        expect(page.locator("#signing")).to_contain_text("the chain does not answer this server")
        expect(page.get_by_role("button", name="Sign with a wallet")).to_be_disabled()
        expect(page.get_by_role("link", name="Try again")).to_be_visible()


def test_a_silent_node_loses_nothing_that_was_sent(
    town: Town, opened: Callable[..., Page], session_id: int, dead_url: str
) -> None:
    wallet = town.wallet("outsider")
    page = opened(wallet)
    rpc.ask(town.contract.web3, "evm_setAutomine", False)
    try:
        preview(town, page, session_id)
        connect(page)
        use.press(page, "Sign and send")
        status(page).to_contain_text("no block holds it yet")
        with shown_by(town, chain=SessionPayment(connected(dead_url), town.contract.address)) as url:
            page.goto(page.url.replace(town.url, url))
            status(page).to_contain_text("The chain cannot be asked just now")
            status(page).to_contain_text("Nothing is lost")
            rpc.ask(town.contract.web3, "evm_mine")
            # The books come from the daemon, whose node answers.
            status(page).to_contain_text("Done, and final")
    finally:
        rpc.ask(town.contract.web3, "evm_setAutomine", True)
    assert len(wallet.sent) == 1


def test_a_server_that_is_away_is_asked_again(
    town: Town, opened: Callable[..., Page], session_id: int
) -> None:
    page = opened(town.wallet("outsider"))
    preview(town, page, session_id)
    connect(page)
    page.route("**/standing?*", lambda route: route.abort())
    use.press(page, "Sign and send")
    status(page).to_contain_text("This page's server does not answer just now")
    page.unroute("**/standing?*")
    status(page).to_contain_text("Done, and final")


def test_what_reverts_is_explained(town: Town, opened: Callable[..., Page], session_id: int) -> None:
    wallet = town.wallet("session_owner")
    page = opened(wallet)
    page.goto(f"{town.url}/sessions/{session_id}/request-withdrawal")
    connect(page)
    # Somebody else was faster, from another window.
    owner = town.contract.with_sender(town.sender("session_owner"))
    owner.request_session_withdrawal(session_id)
    use.press(page, "Sign and send")
    status(page).to_contain_text("It failed in block")
    status(page).to_contain_text("request is open")
    page.reload()
    status(page).to_contain_text("It failed in block")
    owner.cancel_session_withdrawal(session_id)


@pytest.mark.parametrize("way", ["replaced", "dropped"])
def test_what_never_counts_is_told_apart(
    town: Town, opened: Callable[..., Page], session_id: int, way: str
) -> None:
    wallet = town.wallet("outsider")
    page, web3 = opened(wallet), town.contract.web3
    rpc.ask(web3, "evm_setAutomine", False)
    try:
        preview(town, page, session_id)
        connect(page)
        use.press(page, "Sign and send")
        status(page).to_contain_text("no block holds it yet")
        page.wait_for_url("**nonce=*")
        page.reload()
        status(page).to_contain_text("no block holds it yet")
        rpc.ask(web3, "anvil_dropTransaction", wallet.sent[-1])
        if way == "replaced":
            town.node.ask("evm_setAutomine", True)
            town.sender("outsider").transfer(signer("payee").address, 1)
            status(page).to_contain_text("Another transaction of this account took its place")
        else:
            status(page).to_contain_text("The node does not know it")
    finally:
        rpc.ask(web3, "evm_setAutomine", True)


def test_no_key_ever_leaves_the_wallet(town: Town, opened: Callable[..., Page], session_id: int) -> None:
    wallet = town.wallet("outsider")
    page, seen = opened(wallet), []
    page.on("request", lambda request: seen.append(f"{request.method} {request.url} {request.post_data}"))
    preview(town, page, session_id)
    sign(page, use)
    key = wallet.account.key.hex().removeprefix("0x")
    assert len(seen) > 5
    assert all(text.startswith(f"GET {town.url}/") for text in seen)
    assert all(key not in text for text in seen)
    assert key not in page.content()
