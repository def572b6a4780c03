"""One number everywhere, first half: what a page shows is what the API answers.

Given a settled chain
  when every page of the network, of each session, node and epoch is read
  each number on it should be the API's, and no page should have a number that this test does not know
Given a page with one number more, or one that is off by a unit
  it should be noticed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.core.ids import checksum_address
from tests.web.numbers_shown import Numbers, numbers
from tests.web.numbers_told import NONE, epoch_of, epoch_rows, network_of, node_of, session_of

if TYPE_CHECKING:
    from sessionpay.client import Client
    from tests.web.conftest import Shown


def read(shown: Shown, path: str) -> Numbers:
    answer = shown.client.get(path)
    assert answer.status_code == 200, path
    return numbers(answer.text)


def assert_same(found: Numbers, told: Numbers, *, beside: tuple[str, ...] = ()) -> None:
    """Compare part by part, so that a difference is short; tables in `beside` are looked at elsewhere."""
    for name in beside:
        del found.tables[name]
    assert found.facts == told.facts
    assert found.parts == told.parts
    assert found.sentences == told.sentences
    assert found.tables.keys() == told.tables.keys()
    for name, rows in told.tables.items():
        assert found.tables[name] == rows, name


def test_every_page_shows_what_the_api_answers(shown: Shown, asked: Client) -> None:
    assert_same(read(shown, "/"), network_of(shown, asked))
    for session in asked.sessions():
        path = f"/sessions/{session.session_id}"
        assert_same(read(shown, path), session_of(asked, session), beside=("usage",))
    for node in asked.nodes():
        assert_same(read(shown, f"/nodes/{node.node}"), node_of(asked, node))
    for epoch in asked.epochs():
        assert_same(read(shown, f"/epochs/{epoch.number}"), epoch_of(asked, epoch.number))


def test_every_list_shows_what_the_api_answers(shown: Shown, asked: Client) -> None:
    assert read(shown, "/epochs").tables == {"epochs": epoch_rows(list(asked.epochs()))}
    assert read(shown, "/sessions").tables["sessions"] == [
        {
            "Session": str(each.session_id),
            "Owner": checksum_address(each.owner),
            "Balance": str(each.balance),
            "Spent": str(each.charged),
            "Registered": str(each.registered_at),
            "Last charged": str(each.last_payment_at or NONE),
        }
        for each in asked.sessions()
    ]
    assert read(shown, "/nodes").tables["nodes"] == [
        {
            "Node": checksum_address(each.node),
            "Pending": str(each.pending),
            "Paid out": str(each.paid),
            "Held": str(each.held),
            "Active": "yes" if each.is_active else "no",
            "Last used": str(each.last_used_at or NONE),
            "Payee": checksum_address(each.payee),
        }
        for each in asked.nodes()
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("</main>", "<p>And 5 more.</p></main>"),
        ("</dl>", '<div class="fact"><dt>New</dt><dd>7</dd></div></dl>'),
        ("</main>", '<section class="table" id="new"></section></main>'),
        (" base units", "1 base units"),
        ("final to ", "final to 1"),
    ],
)
def test_a_number_that_nobody_knows_is_noticed(shown: Shown, asked: Client, before: str, after: str) -> None:
    page = shown.client.get("/").text
    assert before in page
    told = network_of(shown, asked)
    with pytest.raises(AssertionError):
        assert_same(numbers(page.replace(before, after, 1)), told)
    assert_same(numbers(page), told)
