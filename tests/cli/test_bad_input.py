"""What a person can get wrong.

Given a deployment with a funded session 7
    When a command names what does not exist, is not allowed, or is too much
        It should exit with its code, say on one line which value is wrong and what to do, and send nothing
        It should print one JSON object with --json
        It should never show a key
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sessionpay.chain.deploy import deploy_test_token
from sessionpay.chain.errors import Unreachable
from sessionpay.chain.sender import Sender

from .conftest import PAUPER, RPC, Program, key

if TYPE_CHECKING:
    from typer.testing import Result
    from web3 import Web3

STRANGER = "0x0000000000000000000000000000000000000012"
REFUSED, BAD_INPUT, UNREACHABLE = 1, 2, 3

# The words of a command, the key it is given, how it ends, and what its one line must name.
CASES: dict[str, tuple[tuple[str, ...], str | None, int, tuple[str, ...]]] = {
    "unknown session, deposit": (
        ("session", "deposit", "99", "1 ETH"),
        "session_owner",
        REFUSED,
        ("session: not registered", "99", "register the session first"),
    ),
    "unknown session, show": (("session", "show", "99"), None, REFUSED, ("not registered", "99")),
    "unknown session, charge": (
        ("network", "charge", "99=1"),
        "session_contract",
        REFUSED,
        ("session: not registered", "99"),
    ),
    "unknown session, batch": (
        ("network", "charge", "7=1", "99=1"),
        "session_contract",
        REFUSED,
        ("session 99", "only 0 ETH", "--partial"),
    ),
    "unknown session, withdraw": (("session", "withdraw", "99"), "session_owner", REFUSED, ("99",)),
    "wrong owner, withdraw": (
        ("session", "withdraw", "7"),
        "outsider",
        REFUSED,
        ("session: not the owner", "7", "use the owner's key"),
    ),
    "wrong owner, transfer": (
        ("session", "transfer", "7", STRANGER),
        "outsider",
        REFUSED,
        ("session: not the owner", "use the owner's key"),
    ),
    "wrong owner, payee": (
        ("node", "set-payee", STRANGER, STRANGER),
        "outsider",
        REFUSED,
        ("node: caller is not the payee",),
    ),
    "registered twice": (
        ("session", "register", "7", STRANGER),
        "session_contract",
        REFUSED,
        ("session: already registered", "7"),
    ),
    "zero, deposit": (("session", "deposit", "7", "0"), "session_owner", REFUSED, ("amount is zero",)),
    "zero, charge": (("network", "charge", "7=0"), "session_contract", REFUSED, ("amount",)),
    "zero, pause": (("admin", "pause", "0s"), "admin", REFUSED, ("pause: duration not allowed",)),
    "too much, wallet": (
        ("session", "deposit", "7", "2000000 ETH"),
        "session_owner",
        REFUSED,
        ("2000000000000000000000000 wei", "send it native coin"),
    ),
    "too much, charge": (
        ("network", "charge", "7=3 ETH"),
        "session_contract",
        REFUSED,
        ("session: balance too low", "3000000000000000000"),
    ),
    "too much, batch": (
        ("network", "charge", "7=1 ETH", "7=1.5 ETH"),
        "session_contract",
        REFUSED,
        ("session 7", "only 1 ETH of 1.5 ETH", "--partial"),
    ),
    "too much, treasury": (
        ("network", "allocate", "--each", "1 ETH", STRANGER),
        "session_contract",
        REFUSED,
        ("treasury: balance too low",),
    ),
    "too much, limit": (
        ("session", "deposit", "7", str(2**96)),
        "session_owner",
        BAD_INPUT,
        (str(2**96), "below 2**96"),
    ),
    "inactive node": (
        ("network", "allocate", f"{STRANGER}=1"),
        "session_contract",
        REFUSED,
        (STRANGER, "not active", "mark it as used"),
    ),
    "nothing pending": (("node", "withdraw", STRANGER), "outsider", REFUSED, ("nothing to pay",)),
    "no request": (
        ("session", "cancel-withdrawal", "7"),
        "session_owner",
        REFUSED,
        ("session: no request",),
    ),
    "wrong asset": (
        ("session", "deposit", "7", "5 USDC"),
        "session_owner",
        BAD_INPUT,
        ("5 USDC", "this contract holds ETH"),
    ),
    "malformed amount": (
        ("session", "deposit", "7", "half"),
        "session_owner",
        BAD_INPUT,
        ("half", "0.5 ETH"),
    ),
    "negative amount": (("network", "charge", "7=-1"), "session_contract", BAD_INPUT, ("'-1'", "0.5 ETH")),
    "fraction without unit": (("session", "deposit", "7", "0.5"), "session_owner", BAD_INPUT, ("0.5 ETH",)),
    "malformed address": (
        ("session", "register", "9", "0x12"),
        "session_contract",
        BAD_INPUT,
        ("0x12", "40 hexadecimal digits"),
    ),
    "wrong checksum": (
        ("node", "show", "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"),
        None,
        BAD_INPUT,
        ("checksum is wrong",),
    ),
    "malformed session": (("session", "show", "seven"), None, BAD_INPUT, ("seven", "2**160")),
    "session too large": (("session", "show", str(2**160)), None, BAD_INPUT, (str(2**160),)),
    "malformed row": (("network", "charge", "7:1"), "session_contract", BAD_INPUT, ("7:1", "ID=AMOUNT")),
    "no rows": (("network", "charge"), "session_contract", BAD_INPUT, ("--file",)),
    "missing file": (
        ("network", "charge", "--file", "nowhere.txt"),
        "session_contract",
        BAD_INPUT,
        ("nowhere.txt", "cannot be read"),
    ),
    "malformed duration": (("admin", "pause", "soon"), "admin", BAD_INPUT, ("soon", "6h")),
    "malformed role": (
        ("admin", "grant", "king", STRANGER),
        "admin",
        BAD_INPUT,
        ("king", "session-contract"),
    ),
    "unknown network": (("network", "show", "--rpc", "nowhere"), None, BAD_INPUT, ("nowhere",)),
    "unknown contract": (("network", "show", "--contract", "usdc"), None, BAD_INPUT, ("usdc",)),
    "no contract there": (
        ("network", "show", "--contract", STRANGER),
        None,
        REFUSED,
        ("no contract at", STRANGER),
    ),
    "no key": (
        ("session", "withdraw", "7", "--yes"),
        None,
        BAD_INPUT,
        ("--keystore", "SESSIONPAY_PRIVATE_KEY"),
    ),
    "key without role": (
        ("network", "charge", "7=1"),
        "outsider",
        REFUSED,
        ("account is missing role", "have it granted"),
    ),
    "key without role, pause": (("admin", "pause", "6h"), "outsider", REFUSED, ("account is missing role",)),
    "key without gas": (("session", "deposit", "7", "1"), PAUPER, REFUSED, ("0 wei", "send it native coin")),
    "unknown command": (("session", "destroy"), None, BAD_INPUT, ("destroy", "--help")),
    "unknown option": (("session", "show", "7", "--fast"), None, BAD_INPUT, ("--fast", "--help")),
    "missing argument": (("session", "deposit", "7"), "session_owner", BAD_INPUT, ("AMOUNT", "--help")),
    "no command": (("session",), None, BAD_INPUT, ("--help",)),
}


@pytest.mark.parametrize("name", CASES)
def test_one_line_and_nothing_sent(shared_program: Program, name: str) -> None:
    words, role, code, parts = CASES[name]
    height = shared_program.height()
    _assert_refused(shared_program(*words, role=role), code, *parts, secret=role)
    assert shared_program.height() == height


def test_wrong_code(program: Program) -> None:
    sender = Sender(program.chain.web3, program.chain.accounts[0])
    token = deploy_test_token(sender, "Other", "OTH", 6)
    result = program("session", "deposit", "7", "1", "--contract", token.address, role="session_owner")
    _assert_refused(result, REFUSED, "is not the SessionPayment of this package", "check the address")


def test_wrong_chain(program: Program) -> None:
    program("config", "network", "test", RPC, "--chain-id", "5")
    result = program("session", "deposit", "7", "1", role="session_owner")
    _assert_refused(result, REFUSED, "131277322940537, not 5", "check the RPC address")


def test_contract_of_another_network(program: Program) -> None:
    program("config", "network", "elsewhere", RPC)
    result = program("network", "show", "--contract", "eth", "--rpc", "elsewhere")
    _assert_refused(result, BAD_INPUT, "contract 'eth'", "on network test, not on elsewhere")


def test_unreachable(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: Program, rpc_url: str, *, chain_id: int | None = None) -> Web3:
        del chain_id
        raise Unreachable(rpc_url, reason="no connection")

    monkeypatch.setattr(Program, "_connect", nobody)
    _assert_refused(program("network", "show"), UNREACHABLE, RPC, "check the address")


def test_broken_key(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = key("admin")[:-1] + "g"
    monkeypatch.setattr("tests.cli.conftest.key", lambda _: broken)
    result = program("admin", "unpause", role="admin")
    _assert_refused(result, BAD_INPUT, "private key cannot be used")
    assert broken not in result.output


@pytest.mark.parametrize("name", ["unknown session, show", "malformed address", "unknown option"])
def test_json_tells_the_error(shared_program: Program, name: str) -> None:
    words, role, code, parts = CASES[name]
    result = shared_program(*words, "--json", role=role)
    error = json.loads(result.stdout)["error"]
    assert error["exit_code"] == result.exit_code == code
    assert result.stderr == f"error: {error['message']}\n"
    assert all(part in error["message"] for part in parts)


def test_defect_is_one_line_too(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Program, rpc_url: str, *, chain_id: int | None = None) -> Web3:
        raise RuntimeError(f"{rpc_url}\n{chain_id}")

    monkeypatch.setattr(Program, "_connect", broken)
    _assert_refused(program("network", "show"), REFUSED, "unexpected RuntimeError", "report")
    monkeypatch.setenv("SESSIONPAY_TRACEBACK", "1")
    assert isinstance(program("network", "show").exception, RuntimeError)


def _assert_refused(result: Result, code: int, *parts: str, secret: str | None = None) -> None:
    assert result.exit_code == code, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert all(part in line for part in parts), line
    assert "Traceback" not in result.output
    if secret is not None:
        assert key(secret)[2:] not in result.output
