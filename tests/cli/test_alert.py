"""`sessionpay alert` as its user sees it.

Given a settlement that is bound to a contract
  when alerts are added, it should show the secret once and list what they are about
  when one is tested, it should say what the receiver answered, with exit code 1 unless that took it
  when one is removed, it should ask first
Given arguments that say nothing, or too much
  it should refuse with one line
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sessionpay.cli import asking
from sessionpay.store.alert_tables import alerts
from sessionpay.store.database import Database
from tests.services.alerts.receiver import Receiver, running_receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Program

DAY = 86_400


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def home(program: Program, tmp_path: Path) -> str:
    """A settlement of the program's contract, which knows session 7."""
    folder = str(tmp_path / "settlement")
    program.json(
        "run", "--once", "--confirmations", "0", "--home", folder, role="session_contract", yes=False
    )
    return folder


def test_an_alert_from_its_first_day_to_its_last(
    program: Program, receiver: Receiver, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--session", "7", "--below", "3 ETH", "--empty-within", "3d", "--hold", "1s", "--remind", "0")
    added = program.json("alert", "add", receiver.url, *words, "--allow-private", "--home", home)
    assert [row["kind"] for row in added["kinds"]] == ["session.balance_low", "session.empty_soon"]
    assert added["secret"].startswith("whsec_")
    program.json(
        "alert", "add", "--on", "epoch-late", "--on", "payee-refused", "--late-after", "1h", "--home", home
    )
    found = program("alert", "list", "--home", home)
    assert added["secret"] not in found.output
    low, soon, late, refused = program.json("alert", "list", "--home", home)["alerts"]
    assert (low["raise_at_text"], low["clear_at_text"], low["hold_text"]) == ("3 ETH", "3.3 ETH", "1s")
    assert (soon["raise_at"], soon["session_id"]) == (3 * DAY, "7")
    assert (late["raise_at"], late["url"], refused["kind"]) == (3_600, None, "payee.refused")
    tested = program.json("alert", "test", "1", "--home", home)
    assert (tested["taken"], tested["status"]) == (True, 204)
    said = receiver.calls[0].verified(added["secret"])
    assert (said["type"], said["data"]["state"]) == ("alert.test", "test")
    # The daemon of one turn tells too; what is low has to be low for as long as was said.
    run_once = ("run", "--once", "--confirmations", "0", "--home", home, "--json")
    assert program(*run_once, role="session_contract", yes=False).exit_code == 0
    time.sleep(1.1)
    assert program(*run_once, role="session_contract", yes=False).exit_code == 0
    assert receiver.calls[-1].verified(added["secret"])["data"]["available"] == str(2 * 10**18)
    [row, *_] = program.json("alert", "list", "--home", home)["alerts"]
    assert (row["raised"], row["fault"]) == (1, None)
    assert row["delivered_at"] > 0
    monkeypatch.setattr(asking, "is_terminal", lambda: True)
    declined = program("alert", "remove", "1", "--home", home, answer="n\n")
    assert (declined.exit_code, "secret" in declined.stderr) == (4, True)
    assert program("alert", "remove", "1", "--home", home, "--yes").exit_code == 0
    assert len(program.json("alert", "list", "--home", home)["alerts"]) == 2
    database = Database.open(f"sqlite:///{home}/books.db")
    with database.reading() as connection:
        assert added["secret"] not in str(list(connection.execute(select(alerts))))
    database.close()


def test_what_the_receiver_answers_is_shown(program: Program, receiver: Receiver, home: str) -> None:
    program.json("alert", "add", receiver.url, "--on", "audit-difference", "--allow-private", "--home", home)
    receiver.status, receiver.answer = 403, b"no\x1b[31m such hook" + b"." * 1_000
    result = program("alert", "test", "1", "--home", home, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["status"], told["taken"]) == (1, 403, False)
    assert told["answer"].startswith("no?[31m such hook...")
    assert len(told["answer"]) == 200
    receiver.act = receiver.hang
    receiver.ended.set()
    assert "no answer" in program("alert", "test", "1", "--home", home).stdout


CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ((), ("alert of nothing", "--session", "--on")),
    "unknown kind": (("--on", "weather"), ("weather", "epoch-late")),
    "session without level": (("--session", "7"), ("session '7'", "--below")),
    "level without session": (("--below", "1 ETH"), ("below '1 ETH'", "--session")),
    "clear without level": (("--session", "7", "--empty-within", "1d", "--clear-at", "1"), ("--below",)),
    "late without kind": (("--on", "payee-refused", "--late-after", "1h"), ("--on epoch-late",)),
    "levels that meet": (("--session", "7", "--below", "5", "--clear-at", "5"), ("clear_at 5", "above")),
    "no duration": (("--session", "7", "--below", "5", "--hold", "0"), ("above 0",)),
    "unknown session": (("--session", "9", "--below", "5"), ("session 9", "not registered")),
    "wrong unit": (("--session", "7", "--below", "5 USDC"), ("USDC",)),
    "not TLS": (("http://10.0.0.1/", "--allow-private", "--on", "epoch-late"), ("https",)),
    "this machine": (("https://127.0.0.1:1/", "--on", "epoch-late"), ("private network", "--allow-private")),
    "no URL": (("hook", "--on", "epoch-late"), ("hook", "https://")),
}


def test_arguments_that_cannot_be_used(program: Program, home: str) -> None:
    for name, (words, parts) in CASES.items():
        result = program("alert", "add", *words, "--home", home)
        assert result.exit_code == 2, (name, result.output)
        line = result.stderr.splitlines()[-1]
        assert line.startswith("error: "), name
        assert all(part in line for part in parts), (name, line)
    for words in (("test", "1"), ("remove", "1", "--yes")):
        result = program("alert", *words, "--home", home)
        assert (result.exit_code, "there is no alert 1" in result.stderr) == (2, True)
    assert program.json("alert", "list", "--home", home)["alerts"] == []


def test_a_settlement_without_a_contract_has_no_sessions(program: Program, tmp_path: Path) -> None:
    folder = str(tmp_path / "empty")
    result = program("alert", "add", "--session", "7", "--below", "5", "--home", folder)
    assert (result.exit_code, "has no contract yet" in result.stderr) == (2, True)
