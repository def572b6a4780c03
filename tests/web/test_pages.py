"""What the pages say.

Given settled books on a chain
  the network's parts should be those that the contract has, and add up to what was deposited
  a session's and a node's numbers should be the contract's, and those of their own tables
  an epoch's totals should be those of its tables, and its files have the hashes that it shows
Given names that somebody chose badly
  they should be shown as texts, on pages, in CSV, and in searches
Given what is not there, or is no id
  it should be said on a page, with 404 or 400
Given more rows than a page has
  the next page should go on where it ended, and the CSV have all
"""

from __future__ import annotations

import csv
import io
import re
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from sessionpay.core.ids import Address, checksum_address
from sessionpay.services.demonstration import POOR, WITHDRAWAL_DELAY_SECONDS
from sessionpay.store import queries
from sessionpay.web.figures import moment
from tests.core.rows import NODE_A
from tests.web.conftest import FORMULA, HOSTILE, LEAVING, USED
from tests.web.places import places

if TYPE_CHECKING:
    from tests.web.conftest import Shown

NODE = Address("0x0000000000000000000000000000000000000101")
WEAK = Address("0x0000000000000000000000000000000000000106")


def page(shown: Shown, path: str) -> str:
    answer = shown.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def rows(shown: Shown, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(page(shown, path))))


def total(shown: Shown, path: str, column: str) -> int:
    return sum(int(row[f"{column}_base_units"]) for row in rows(shown, path))


def fact(text: str, title: str) -> int:
    """Return the base units that stand under a title."""
    found = re.search(rf"<dt>{title}</dt>.*?(-?\d+) base units", text, re.DOTALL)
    assert found, title
    return int(found[1])


def parts(text: str) -> dict[str, int]:
    found = re.findall(r'class="swatch part-(\w+)".*?(-?\d+) base units', text, re.DOTALL)
    return {key: int(amount) for key, amount in found}


def test_every_unit_is_in_one_place(shown: Shown) -> None:
    text = page(shown, "/")
    found = parts(text)
    audit = shown.demonstration.daemon.last_audit
    assert audit is not None
    chain = audit.totals["contract"]
    assert found["sessions"] == chain.sessions > 0
    assert found["pending"] == chain.nodes > 0
    treasury = ("held", "retained", "flight", "unattributed")
    assert sum(found[key] for key in treasury) == chain.treasury > 0
    assert fact(text, "Owed by the contract") == chain.liabilities
    inside = found["sessions"] + found["pending"] + chain.treasury + found["surplus"]
    assert inside == audit.balance
    assert sum(found.values()) == total(shown, "/network/days.csv", "deposit") + audit.surplus
    assert found["paid"] == total(shown, "/network/days.csv", "payout") > 0
    assert f"difference 0 at block {audit.block}" in text
    assert "0 blocks" in text


def test_a_session_is_as_on_the_chain(shown: Shown) -> None:
    for session_id in (POOR, USED, LEAVING):
        text = page(shown, f"/sessions/{session_id}")
        kept = shown.demonstration.contract.get_session_balance(session_id)
        assert fact(text, "Balance on the contract") == kept
        assert total(shown, f"/sessions/{session_id}/movements.csv", "amount") == kept
        spent = fact(text, "Spent so far")
        assert total(shown, f"/sessions/{session_id}/charges.csv", "collected") == spent
        budget = shown.site.reader.session(session_id).budget
        assert fact(text, "Can still be spent") == budget.available
        assert fact(text, "Owed from before") == budget.arrears
    assert "nothing left" in page(shown, f"/sessions/{POOR}")


def test_where_nothing_is_hidden_nothing_is_said_to_be(shown: Shown) -> None:
    text = page(shown, f"/sessions/{LEAVING}")
    usage = text.partition('id="usage"')[2].partition("</section>")[0]
    assert "Nothing yet." in usage
    assert "may see" not in text


def test_a_withdrawal_has_its_clock(shown: Shown) -> None:
    with shown.site.database.reading() as connection:
        found = queries.session(connection, shown.site.contract, LEAVING)
    assert found is not None
    text = page(shown, f"/sessions/{LEAVING}")
    asked = found.withdrawal_requested_at
    assert moment(asked) in text
    assert moment(asked + WITHDRAWAL_DELAY_SECONDS) in text
    assert "Not requested" in page(shown, f"/sessions/{USED}")


def test_a_node_is_as_on_the_chain(shown: Shown) -> None:
    text = page(shown, f"/nodes/{NODE}")
    pending = shown.demonstration.contract.node_pending_payments(NODE)
    assert fact(text, "Pending") == pending
    assert fact(text, "Earned so far") == shown.demonstration.contract.node_earnings(NODE)
    assert total(shown, f"/nodes/{NODE}/movements.csv", "amount") == pending
    earned = fact(text, "Earned so far")
    assert fact(text, "Paid out") == earned - pending > 0
    assert total(shown, f"/nodes/{NODE}/epochs.csv", "amount") == earned
    assert total(shown, f"/nodes/{NODE}/explained.csv", "amount") == earned


def test_a_node_reads_why_it_earned_nothing(shown: Shown) -> None:
    assert "success of 40 % over 20 rows is below 60 %" in page(shown, f"/nodes/{WEAK}")
    weak = [row for row in rows(shown, f"/nodes/{WEAK}/explained.csv") if row["is_eligible"] == "False"]
    assert weak[0]["reason"] == "success of 400000 ppm over 20 rows is below 600000 ppm"
    assert {row["amount_base_units"] for row in weak} == {"0"}
    unpaid = [row for row in rows(shown, f"/nodes/{NODE}/explained.csv") if int(row["unpaid_micro"])]
    assert any(row["session"] == str(POOR) and "had" in row["unpaid_reason"] for row in unpaid)


def test_an_epoch_adds_up_and_has_its_hashes(shown: Shown) -> None:
    for number in (1, 2, 3, 5):
        text = page(shown, f"/epochs/{number}")
        assert fact(text, "Collected") == total(shown, f"/epochs/{number}/charges.csv", "collected")
        assert fact(text, "Allocated") == total(shown, f"/epochs/{number}/allocations.csv", "amount")
        for row in rows(shown, f"/epochs/{number}/files.csv"):
            raw = shown.client.get(f"/epochs/{number}/files/{row['file']}").content
            # What the chain said may differ from one settlement to the next, so no manifest has its hash.
            assert row["sha256"] == ("" if row["file"] == "chain.json" else sha256(raw).hexdigest())
            assert row["sha256"] in text
            assert len(raw) == int(row["bytes"])


def test_an_epoch_under_way_has_no_files(shown: Shown) -> None:
    assert "when it is settled" in page(shown, "/epochs/6")
    assert shown.client.get("/epochs/6/files/manifest.json").status_code == 404


def test_names_are_only_texts(shown: Shown) -> None:
    text = page(shown, f"/sessions/{USED}")
    assert HOSTILE not in text
    assert "&lt;script&gt;document.title=&#x27;taken&#x27;&lt;/script&gt;" in text
    models = {row["model"] for row in rows(shown, f"/sessions/{USED}/usage.csv")}
    assert {HOSTILE, f"'{FORMULA}", "large"} <= models
    assert HOSTILE not in page(shown, "/epochs/5")
    assert HOSTILE not in shown.client.get("/search", params={"q": HOSTILE}).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sessions/123456789", 404),
        ("/sessions/-1", 400),
        ("/sessions/" + "9" * 4_000, 400),
        ("/sessions/<script>", 400),
        ("/sessions?owner=0x12", 400),
        ("/sessions?sessions_after=x", 400),
        ("/nodes/0x" + "0" * 40, 404),
        ("/nodes/somebody", 400),
        ("/epochs/0", 404),
        ("/epochs/99999999999999999999999999", 404),
        ("/epochs/1/files/..%2f..%2fbooks.db", 404),
        ("/epochs/1/files/usage", 404),
        ("/static/..%2fapplication.py", 404),
        ("/transactions/0x12", 404),
        ("/transactions/0x" + "0" * 64, 404),
    ],
)
def test_what_is_not_there_is_said(shown: Shown, path: str, status: int) -> None:
    answer = shown.client.get(path)
    assert answer.status_code == status
    assert "<script>" not in answer.text
    assert "Traceback" not in answer.text


def test_a_search_finds_each_thing(shown: Shown) -> None:
    transaction = places(shown, "{hash}")
    owner = shown.demonstration.chain.accounts[1].address
    for asked, href in (
        ("3", "/sessions/3"),
        ("3", "/epochs/3"),
        (NODE_A, f"/nodes/{NODE_A}"),
        (checksum_address(owner), f"/sessions?owner={owner}"),
        (f" {transaction.upper().replace('0X', '0x')} ", f"/transactions/{transaction}"),
    ):
        text = shown.client.get("/search", params={"q": asked}).text
        assert f'href="{href}"' in text
        assert shown.client.get(href).status_code == 200
    owned = rows(shown, f"/sessions.csv?owner={owner}")
    assert [row["session"] for row in owned] == [str(LEAVING)]
    for asked in ("77", "nobody", "0x12", "0x" + "0" * 40, "0x" + "0" * 64):
        assert "Nothing is known" in shown.client.get("/search", params={"q": asked}).text


def test_a_page_goes_on_where_the_last_one_ended(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessionpay.web.listing.PAGE_ROWS", 3)
    path: str | None = f"/sessions/{USED}"
    seen: list[str] = []
    while path is not None:
        text = page(shown, path)
        movements = text[text.index('id="movements"') :]
        seen += re.findall(r'href="/transactions/(0x\w+)"', movements)
        found = re.search(r'href="([^"]+)" rel="next"', movements)
        path = found[1].replace("&amp;", "&") if found else None
    every = [row["transaction"] for row in rows(shown, f"/sessions/{USED}/movements.csv")]
    assert seen == every
    assert len(every) > 3
