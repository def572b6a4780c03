"""Forms and previews of what a wallet signs, on a chain that no wallet reaches.

Given amounts and addresses that people type
  good ones should be previewed to the base unit, with before and after as the ledger has them
  bad ones should be refused with the reason, on the form, which keeps what was typed
Given a session and a node
  their pages should have the forms that the contract could allow
Given a demonstration
  the buttons should be disabled, with the reason
Given the account of a wallet, and a transaction that was sent
  both should be held against their form, and a transaction told by its place in the books
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from sessionpay.chain import abi
from sessionpay.chain.artifacts import load
from sessionpay.core.errors import BadAmount
from sessionpay.core.ids import ZERO_ADDRESS, checksum_address
from sessionpay.core.money import Asset
from sessionpay.web.actions import ACTIONS, typed_amount
from tests.core.rows import NODE_A, NODE_B
from tests.web.conftest import LEAVING, USED
from tests.web.places import places
from tests.web.test_pages import fact

if TYPE_CHECKING:
    from tests.web.conftest import Shown

ETHER = Asset(ZERO_ADDRESS, "ETH", 18)
STRANGER = "0x" + "ab" * 20
HASH = "0x" + "12" * 32


def asked(shown: Shown, path: str, *, status: int = 200) -> str:
    answer = shown.client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1.5", 15 * 10**17),
        ("2", 2 * 10**18),
        (" 0.000000000000000001 ", 1),
        ("0", 0),
        ("1 eth", 10**18),
        ("79228162514.264337593543950335", 2**96 - 1),
    ],
)
def test_a_number_is_in_the_unit_that_people_use(typed: str, amount: int) -> None:
    assert typed_amount(typed, ETHER) == amount


@pytest.mark.parametrize(
    "typed",
    ["", ".5", "1,5", "1e3", "-1", "0x10", "1.", "1 USDC", "1.0000000000000000001", "79228162515", "٣"],
)
def test_what_is_no_amount_is_refused_on_the_form(shown: Shown, typed: str) -> None:
    with pytest.raises(BadAmount) as refused:
        typed_amount(typed, ETHER)
    answer = shown.client.get(f"/sessions/{USED}/deposit", params={"amount": typed})
    assert answer.status_code == 400
    text = html.unescape(answer.text)
    assert str(refused.value) in text
    assert f'value="{typed}"' in text


@pytest.mark.parametrize("typed", ["", "0x12", "nobody", STRANGER.replace("ab", "aB")])
def test_what_is_no_address_is_refused_on_the_form(shown: Shown, typed: str) -> None:
    answer = shown.client.get(f"/nodes/{NODE_A}/set-payee", params={"payee": typed})
    assert answer.status_code == 400
    assert 'role="alert">address ' in answer.text
    assert f'value="{typed}"' in answer.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"/sessions/{USED}/deposit?amount=1&from=0x1", 400, "address &#39;0x1&#39;"),
        (f"/sessions/{USED}/deposit?amount=1&sent=0x1", 400, "transaction &#39;0x1&#39;"),
        (f"/sessions/{USED}/deposit?amount=1&sent={HASH}&nonce=x", 400, "nonce &#39;x&#39;"),
        (f"/sessions/{USED}/deposit/standing?amount=1&sent=0x1", 400, "transaction &#39;0x1&#39;"),
        (f"/sessions/{USED}/deposit/standing?sent={HASH}", 400, "amount &#39;&#39;"),
        (f"/sessions/{USED}/withdraw/standing?sent={HASH}&nonce=-1", 400, "nonce &#39;-1&#39;"),
        ("/sessions/424242/deposit", 404, "is not registered"),
        ("/sessions/x/deposit", 400, "session id"),
        (f"/nodes/{STRANGER}/withdraw", 404, "is not in the books"),
    ],
)
def test_nothing_is_refused_in_silence(shown: Shown, path: str, status: int, said: str) -> None:
    assert said in asked(shown, path, status=status)


def test_a_preview_is_what_the_ledger_says(shown: Shown) -> None:
    text = asked(shown, f"/sessions/{USED}/deposit?amount=1.5")
    balance = shown.demonstration.contract.session_balances(USED)
    assert fact(text, "Balance of the session, now") == balance
    assert fact(text, "Balance of the session, then") == balance + 15 * 10**17
    arguments = {"session_id": USED, "amount": 15 * 10**17}
    data = abi.calldata(abi.function("depositToSession(uint256,uint256)"), arguments)
    assert f"0x{data.hex()}" in text
    assert "1.5 ETH, 1500000000000000000 base units" in text
    assert "sessionpay session deposit 1 &#39;1.5 ETH&#39;" in text


def test_every_transaction_is_one_that_the_contract_has(shown: Shown) -> None:
    known = {
        f"{entry['name']}({','.join(argument['type'] for argument in entry['inputs'])})"
        for entry in load("SessionPayment").abi
        if entry["type"] == "function"
    }
    shows = set()
    for path in ACTIONS:
        for typed in ("?amount=1", "?amount=") if path.endswith("/withdraw") else ("?amount=1",):
            text = asked(shown, places(shown, path) + f"{typed}&payee={NODE_B}")
            shows |= set(re.findall(r"<dt>Function</dt><dd class=\"hash\">([^<]+)</dd>", text))
    assert len(shows) == len(ACTIONS) + 1
    assert shows <= known


def test_an_owner_who_leaves_is_told_when(shown: Shown) -> None:
    owner = shown.demonstration.contract.sessions(LEAVING)
    early = asked(shown, f"/sessions/{LEAVING}/withdraw?from={owner}")
    assert "delay not over. Withdraw when it is over." in early
    cancelled = asked(shown, f"/sessions/{LEAVING}/cancel-withdrawal?from={owner}")
    assert 'role="alert"' not in cancelled
    wrong = asked(shown, f"/sessions/{LEAVING}/cancel-withdrawal?from={STRANGER}")
    assert f"Only {checksum_address(owner)} can do this" in wrong
    assert "The balance can then be taken" in asked(shown, f"/sessions/{USED}/request-withdrawal")


def test_forms_are_those_that_can_be_meant(shown: Shown) -> None:
    def forms(path: str) -> list[str]:
        return re.findall(r'<form class="action" action="([^"]+)"', asked(shown, path))

    here, there = f"/sessions/{USED}", f"/sessions/{LEAVING}"
    assert forms(here) == [f"{here}/deposit", f"{here}/request-withdrawal"]
    assert forms(there) == [f"{there}/deposit", f"{there}/withdraw", f"{there}/cancel-withdrawal"]
    node = f"/nodes/{NODE_A}"
    assert forms(node) == [f"{node}/withdraw", f"{node}/set-payee"]
    assert forms(f"{here}/deposit") == [f"{here}/deposit"]


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_a_demonstration_signs_nothing_and_says_why(shown: Shown, path: str) -> None:
    text = asked(shown, places(shown, path) + f"?amount=1&payee={NODE_B}")
    assert '<button disabled aria-describedby="why">Sign with a wallet</button>' in text
    assert f"It cannot be signed here: {shown.site.unsigned}." in text
    assert "data-signing" not in text


def test_what_was_sent_is_told_by_its_place(shown: Shown) -> None:
    deposit = shown.client.get(f"/sessions/{LEAVING}/movements.csv").text
    sent = re.findall(r"deposit,.*(0x[0-9a-f]{64})", deposit)[0]
    path = f"/sessions/{LEAVING}/deposit"
    # The session of the fixture got 1,000 wei.
    asked_for = f"amount=0.000000000000001&sent={sent}"
    found = shown.client.get(f"{path}/standing?{asked_for}").json()
    assert (found["place"], found["is_over"]) == ("final", True)
    text = asked(shown, f"{path}?{asked_for}")
    assert "Done, and final" in text
    assert fact(text, "Balance of the session") == shown.demonstration.contract.session_balances(LEAVING)
    assert 'data-over="yes"' in text
    unknown = shown.client.get(f"{path}/standing?amount=1&sent={HASH}").json()
    assert (unknown["place"], unknown["is_over"]) == ("unknown", False)
    assert "The chain cannot be asked just now" in unknown["text"]
    for other in (
        f"{path}?amount=2&sent={sent}",
        f"/sessions/{USED}/deposit?amount=0.000000000000001&sent={sent}",
        f"/sessions/{LEAVING}/withdraw?sent={sent}",
        f"/nodes/{NODE_A}/withdraw?sent={sent}",
    ):
        assert "it is not the transaction of this page" in asked(shown, other)
