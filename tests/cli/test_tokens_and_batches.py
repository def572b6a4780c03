"""Deposits of a token, and batches from the command line or a file.

Given a deployment that holds a token
    When the contract may not take enough of it
        It should approve exactly the deposit first, and say so
    When the account has too little, or the session does not exist
        It should refuse before it approves
Given rows that cannot be paid in full
    It should refuse unless --partial is given, and then show what each row really moved
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.chain.deploy import deploy_test_token
from sessionpay.chain.sender import Sender

from .conftest import ROLES

if TYPE_CHECKING:
    from pathlib import Path

    from sessionpay.chain.token import TestToken

    from .conftest import Program

USDC = 10**6


@pytest.fixture
def token(program: Program) -> TestToken:
    """Return a token, with its deployment `usdc` as the program's default with a session 7."""
    accounts = program.chain.accounts
    token = deploy_test_token(Sender(program.chain.web3, accounts[0]), "Test Dollar", "USDC", 6)
    token.mint(accounts[ROLES.index("session_owner")].address, 100 * USDC)
    deployed = program.json("deploy", "--asset", token.address, "--name", "usdc", role="admin")
    assert deployed["symbol"] == "USDC"
    program("config", "contract", "usdc", deployed["contract"], "--default")
    program("admin", "grant", "session-contract", program.address("session_contract"), role="admin")
    program("session", "register", "7", program.address("session_owner"), role="session_contract")
    return token


@pytest.mark.usefixtures("token")
def test_approves_what_is_missing(program: Program) -> None:
    result = program("session", "deposit", "7", "12.5 USDC", role="session_owner")
    assert result.exit_code == 0
    assert "first approve  12.5 USDC" in result.stderr
    assert "approval transaction" in result.stdout
    shown = program.json("session", "show", "7")
    assert (shown["balance"], shown["balance_text"]) == ("12500000", "12.5 USDC")


def test_keeps_an_allowance_that_is_enough(program: Program, token: TestToken) -> None:
    owner = program.chain.accounts[ROLES.index("session_owner")]
    contract = program.json("network", "show")["contract"].lower()
    bound = type(token)(program.chain.web3, token.address, sender=Sender(program.chain.web3, owner))
    bound.approve(contract, 50 * USDC)
    assert "approval_transaction" not in program.json(
        "session", "deposit", "7", "5 USDC", role="session_owner"
    )
    assert token.allowance(owner.address, spender=contract) == 45 * USDC


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("session", "deposit", "7", "100.000001 USDC"), "has 100 USDC, less than 100.000001 USDC"),
        (("session", "deposit", "8", "1 USDC"), "session: not registered"),
        (("session", "deposit", "7", "0"), "session: amount is zero"),
        (("session", "deposit", "7", "0.0000001 USDC"), "USDC has 6 decimals"),
        (("session", "deposit", "7", "1 ETH"), "this contract holds USDC, not ETH"),
    ],
)
@pytest.mark.usefixtures("token")
def test_refuses_before_it_approves(program: Program, words: tuple[str, ...], part: str) -> None:
    height = program.height()
    result = program(*words, role="session_owner")
    assert result.exit_code in {1, 2}
    assert part in result.stderr
    assert program.height() == height


@pytest.mark.usefixtures("token")
def test_refuses_while_paused(program: Program) -> None:
    program("admin", "pause", "1h", role="admin")
    height = program.height()
    result = program("session", "deposit", "7", "1 USDC", role="session_owner")
    assert "pause: contract is paused" in result.stderr
    assert program.height() == height


def test_partial_batch(program: Program) -> None:
    words = ("network", "charge", "7=1.5 ETH", "7=1.5 ETH", "99=1")
    assert program(*words, role="session_contract").exit_code == 1
    batch = program.json(*words, "--partial", role="session_contract")
    assert [row["applied_text"] for row in batch["rows"]] == ["1.5 ETH", "0.5 ETH", "0 ETH"]
    assert batch["total_text"] == "2 ETH"


def test_file_is_a_batch(program: Program, tmp_path: Path) -> None:
    rows = tmp_path / "charges.txt"
    rows.write_text("# epoch 1\n\n7 = 0.25 ETH\n")
    charged = program.json("network", "charge", "--file", str(rows), role="session_contract")
    assert (charged["sequence"], charged["total_text"]) == (0, "0.25 ETH")
    node = program.address("node_operator")
    program("node", "mark-used", node, role="session_contract")
    rows.write_text(f"{node}=0.25 ETH\n")
    allocated = program.json("network", "allocate", "--file", str(rows), role="session_contract")
    assert (allocated["sequence"], allocated["rows"][0]["applied_text"]) == (1, "0.25 ETH")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (b"", "it has no rows"),
        (b"\xff\xfe7=1", "it is not UTF-8 text"),
        (b"7=1\n8", "'8': write it as ID=AMOUNT"),
        (b"7=1\n" * 513, "at most 512"),
        (b"#" * 1_000_001, "larger than 1000000 bytes"),
    ],
)
def test_bad_file(shared_program: Program, tmp_path: Path, text: bytes, part: str) -> None:
    rows = tmp_path / "charges.txt"
    rows.write_bytes(text)
    result = shared_program("network", "charge", "--file", str(rows), role="session_contract")
    assert result.exit_code == 2
    assert part in result.stderr


def test_rows_and_file_exclude_each_other(shared_program: Program) -> None:
    result = shared_program("network", "charge", "7=1", "--file", "rows.txt", role="session_contract")
    assert "give rows or a file, not both" in result.stderr
