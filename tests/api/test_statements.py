"""Statements over HTTP: given any account and any final period, both balances and each line between them.

Given a period in pieces, each should begin with what the one before ended with
Given a period that is not final, that ends before it begins, or an account of nobody, it should be refused
Given an end that is named, the answer should be kept for ever, and else asked for again
"""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from sessionpay.core.books import Books
from sessionpay.core.movements import Kind, movements
from sessionpay.serving import statements, turns
from tests.api.test_books import ASSET, client, read, told
from tests.api.test_usage import problem
from tests.indexer.history import DELAY, NODES, SESSIONS
from tests.store.conftest import database, kind, postgresql, url

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from sessionpay.core.movements import Movement
    from tests.serving.conftest import Told

__all__ = ["client", "database", "kind", "postgresql", "told", "url"]

SESSION = SESSIONS[1]
PATHS = (f"/v1/sessions/{SESSION}/statement", f"/v1/nodes/{NODES[0]}/statement", "/v1/network/statement")
BATCH, PIECE = 7, 1_000


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read and send few lines at a time, so that even these statements take several batches."""
    monkeypatch.setattr(statements, "LINES_AT_ONCE", BATCH)
    monkeypatch.setattr(turns, "PIECE_BYTES", PIECE)


def moved(told: Told, is_own: Callable[[Movement], bool]) -> list[tuple[tuple[int, int, int], Movement]]:
    """Return the movements of an account that are final, and their places."""
    books, found = Books(withdrawal_delay=DELAY), []
    final = told.reader.standing().final
    for entry in told.entries:
        if entry.block_number <= final:
            for row, line in enumerate(movements(books, entry.event)):
                if is_own(line):
                    found.append(((entry.block_number, entry.log_index, row), line))
        books.record((entry.event,), entry.timestamp)
    return found


def expected(told: Told, path: str) -> list[tuple[tuple[int, int, int], int]]:
    """Return the place of each line of an account, and how it changes it."""
    if path == PATHS[2]:
        ways = {Kind.CHARGE: 1, Kind.ALLOCATION: -1}
        return [
            (place, line.amount * ways[line.kind])
            for place, line in moved(told, lambda line: line.kind in ways)
        ]
    wanted = (SESSION, None) if path == PATHS[0] else (None, NODES[0])
    return [
        (place, line.signed)
        for place, line in moved(told, lambda line: (line.session_id, line.node) == wanted)
    ]


def assert_adds_up(found: dict[str, Any]) -> None:
    balance = int(found["opening_balance"])
    for line in found["lines"]:
        assert abs(int(line["signed"])) == int(line["amount"])
        balance += int(line["signed"])
        assert int(line["balance_after"]) == balance
    assert int(found["closing_balance"]) == balance


def test_every_final_line_is_there_and_adds_up(client: httpx.Client, told: Told) -> None:
    final = told.reader.standing().final
    assert final < told.chain.head.number
    for path in PATHS:
        found, lines = read(client, path), expected(told, path)
        assert len(lines) > BATCH
        places = [
            ((each["block_number"], each["log_index"], each["row"]), int(each["signed"]))
            for each in found["lines"]
        ]
        assert places == lines
        assert_adds_up(found)
        assert (found["from_block"], found["to_block"], found["asset"]) == (1, final, ASSET)
        assert found["opening_balance"] == "0"
    books = told.chain.blocks[final].books
    assert read(client, PATHS[0])["closing_balance"] == str(books.sessions[SESSION].balance)
    assert read(client, PATHS[1])["closing_balance"] == str(books.nodes[NODES[0]].pending)
    assert read(client, PATHS[2])["closing_balance"] == str(books.network)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_pieces_of_a_period_join(client: httpx.Client, told: Told) -> None:
    final = told.reader.standing().final
    for path in PATHS:
        places = [place for place, _ in expected(told, path)]
        # The third piece begins with a block in which something moved.
        bounds = (0, 1, places[len(places) // 2][0] - 1, final)
        pieces = [
            read(client, path, from_block=str(first + 1), to_block=str(last))
            for first, last in pairwise(bounds)
        ]
        for piece in pieces:
            assert_adds_up(piece)
            blocks = [line["block_number"] for line in piece["lines"]]
            assert all(piece["from_block"] <= block <= piece["to_block"] for block in blocks)
        for before, after in pairwise(pieces):
            assert before["closing_balance"] == after["opening_balance"]
        assert [line for piece in pieces for line in piece["lines"]] == read(client, path)["lines"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_csv_says_the_same(client: httpx.Client) -> None:
    for path in PATHS:
        told = read(client, path, from_block="20")
        answer = client.get(path, params={"from_block": "20"}, headers={"Accept": "text/csv"})
        assert answer.content == client.get(path, params={"from_block": "20", "format": "csv"}).content
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"].startswith("attachment")
        opening, *lines, closing = csv.DictReader(io.StringIO(answer.text, newline=""))
        assert (opening["kind"], opening["balance_after"]) == ("opening", told["opening_balance"])
        assert (closing["kind"], closing["balance_after"]) == ("closing", told["closing_balance"])
        assert lines == [
            {name: "" if value is None else str(value) for name, value in line.items()}
            for line in told["lines"]
        ]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_no_period_is_refused(client: httpx.Client, told: Told) -> None:
    final = told.reader.standing().final
    for path in PATHS:
        wrong = ((1, final + 1), (final + 1, final + 1), (5, 4), (2**63 - 1, 0))
        for first, last in wrong:
            problem(client.get(path, params={"from_block": first, "to_block": last}), 422, "BadPeriod")
        problem(client.get(path, params={"from_block": final + 1}), 422, "BadPeriod")
        for value in ("-1", "x", 2**63):
            problem(client.get(path, params={"to_block": value}), 422, "BadRequest")
        problem(client.get(path, params={"format": "pdf"}), 422, "BadRequest")
    problem(client.get("/v1/sessions/5/statement"), 404, "NoSession")
    problem(client.get(f"/v1/nodes/0x{'ee' * 20}/statement"), 404, "NoNode")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_cannot_change_is_kept(client: httpx.Client, told: Told) -> None:
    final = told.reader.standing().final
    for path in PATHS:
        open_ended = client.get(path)
        ended = client.get(path, params={"to_block": final})
        assert open_ended.headers["cache-control"] == "no-cache"
        assert "immutable" in ended.headers["cache-control"]
        assert open_ended.headers["etag"] == ended.headers["etag"]
        again = client.get(path, headers={"If-None-Match": ended.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        others = {
            client.get(path, params=asked).headers["etag"]
            for asked in ({"format": "csv"}, {"from_block": 2}, {"to_block": final - 1})
        }
        assert len(others | {ended.headers["etag"]}) == 4
