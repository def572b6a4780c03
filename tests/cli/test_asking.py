"""Questions before money moves.

Given a command that moves money
    When nobody said --yes and there is a terminal
        It should say who, what, how much and the fee, then ask, and do it only after a yes
    When there is no terminal
        It should refuse, and never wait
Given a command that moves none
    It should not ask
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.chain.keys import save_keystore, signer_from_key
from sessionpay.cli import asking

from .conftest import key

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Program

DECLINED, BAD_INPUT = 4, 2
PASSPHRASE = "correct horse"  # noqa: S105 - of a key that everybody knows


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "is_terminal", lambda: True)


@pytest.mark.usefixtures("_terminal")
def test_yes_does_it(program: Program) -> None:
    result = program("session", "deposit", "7", "0.5 ETH", role="session_owner", yes=False, answer="y\n")
    assert result.exit_code == 0
    assert "Deposited to session 7" in result.stdout
    assert program.json("session", "show", "7")["balance_text"] == "2.5 ETH"


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_anything_else_declines(program: Program, answer: str) -> None:
    height = program.height()
    result = program("session", "deposit", "7", "0.5 ETH", role="session_owner", yes=False, answer=answer)
    assert result.exit_code == DECLINED
    assert result.stderr.endswith("error: declined: nothing was sent\n")
    assert program.height() == height


@pytest.mark.usefixtures("_terminal")
def test_says_what_it_will_do(program: Program) -> None:
    result = program("session", "withdraw", "7", "1", role="session_owner", yes=False, answer="n\n")
    # The hour of delay is not over: what the contract refuses is never asked about.
    assert (result.exit_code, "?" in result.stdout + result.stderr) == (1, False)
    result = program("session", "deposit", "7", "0.5 ETH", role="session_owner", yes=False, answer="n\n")
    contract = program.json("network", "show")["contract"]
    for part in ("0.5 ETH", program.address("session_owner"), contract, "chain id", "fee at most"):
        assert part in result.stderr


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("session_owner", ("session", "deposit", "7", "1")),
        ("session_owner", ("session", "transfer", "7", "0x0000000000000000000000000000000000000012")),
        ("session_contract", ("network", "charge", "7=1")),
        ("session_contract", ("network", "charge", "7=1", "7=1")),
        ("node_operator", ("node", "set-payee", "NODE", "0x0000000000000000000000000000000000000012")),
        ("admin", ("admin", "pause", "1h")),
        ("admin", ("admin", "grant", "admin", "0x0000000000000000000000000000000000000012")),
        ("admin", ("admin", "revoke", "admin", "0x0000000000000000000000000000000000000012")),
        ("admin", ("deploy",)),
    ],
)
def test_without_a_terminal_it_refuses(shared_program: Program, role: str, words: tuple[str, ...]) -> None:
    height = shared_program.height()
    words = tuple(shared_program.address("node_operator") if word == "NODE" else word for word in words)
    result = shared_program(*words, role=role, yes=False)
    assert result.exit_code == BAD_INPUT
    assert "no terminal to ask on" in result.stderr
    assert "--yes" in result.stderr
    assert shared_program.height() == height


def test_what_moves_no_money_does_not_ask(program: Program) -> None:
    node = program.address("node_operator")
    for role, words in (
        ("session_contract", ("session", "register", "8", node)),
        ("session_contract", ("node", "mark-used", node)),
        ("session_contract", ("node", "mark-unused", node)),
        ("session_owner", ("session", "request-withdrawal", "7")),
        ("session_owner", ("session", "cancel-withdrawal", "7")),
    ):
        assert program(*words, role=role, yes=False).exit_code == 0


@pytest.mark.usefixtures("_terminal")
def test_passphrase_of_a_keystore(program: Program, tmp_path: Path) -> None:
    path = _keystore(tmp_path)
    words = ("session", "deposit", "7", "1", "--keystore", str(path), "--yes")
    assert program(*words, answer=f"{PASSPHRASE}\n").exit_code == 0
    wrong = program(*words, answer="wrong\n")
    assert wrong.exit_code == BAD_INPUT
    assert "the passphrase does not open it" in wrong.stderr


def test_passphrase_without_a_terminal(program: Program, tmp_path: Path) -> None:
    path = _keystore(tmp_path)
    words = ("session", "deposit", "7", "1", "--keystore", str(path), "--yes")
    result = program(*words)
    assert result.exit_code == BAD_INPUT
    assert "SESSIONPAY_PASSPHRASE" in result.stderr
    assert program(*words, passphrase=PASSPHRASE).exit_code == 0
    # The config may name the file, so that it is not named daily.
    program("config", "keystore", str(path))
    assert program("session", "deposit", "7", "1", "--yes", passphrase=PASSPHRASE).exit_code == 0


def _keystore(folder: Path) -> Path:
    path = folder / "owner.json"
    save_keystore(path, signer_from_key(key("session_owner")), PASSPHRASE)
    return path
