"""Every command, in the order in which a network lives.

Given a chain with nothing on it
    When a contract is deployed and roles are granted
        It should check out, with warnings about the plain administrator
    When a session is registered, funded, charged, and its owner leaves
        It should show every amount exactly as the contract has it
    When nodes work, are paid, and change their payee
        It should pay where the payee says
    When the administrator pauses, recovers and revokes
        It should say so
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.main import get_command

from sessionpay.chain.deploy import deploy_test_token
from sessionpay.chain.sender import Sender
from sessionpay.cli.main import app

from .conftest import RPC

if TYPE_CHECKING:
    from .conftest import Program

ETHER = 10**18
# A simulation is a story of its own, and told elsewhere.
ELSEWHERE = {
    ("simulate",),
    ("audit",),
    ("serve",),
    *(("index", name) for name in ("run", "status", "rebuild")),
    ("session", "list"),
    *((name, "statement") for name in ("session", "node", "network")),
    *(("prices", name) for name in ("show", "quote")),
    *((name,) for name in ("run", "status", "backup")),
    *(("session", name) for name in ("budget", "credit")),
    *(("usage", name) for name in ("import", "rejects", "reporter")),
    *(("alert", name) for name in ("add", "list", "remove", "test")),
    *(("epoch", name) for name in ("list", "show", "close", "verify", "explain", "export")),
}


def test_every_command(blank: Program) -> None:
    _sets_up(blank)
    _session_lives(blank)
    _network_charges(blank)
    _nodes_are_paid(blank)
    _session_ends(blank)
    _administrator_acts(blank)
    assert _commands() - ELSEWHERE <= blank.walked


def _sets_up(program: Program) -> None:
    chain_id = "131277322940537"
    assert program.json("config", "network", "test", RPC, "--chain-id", chain_id)["default"] is True
    arguments = ("--asset", "native", "--withdrawal-delay", "1h", "--name", "eth")
    deployed = program.json("deploy", *arguments, role="admin")
    assert deployed["admin"] == program.address("admin")
    assert deployed["withdrawal_delay"] == 3600
    kept = program.json("config", "contract", "again", deployed["contract"], "--network", "test")
    assert kept["address"] == deployed["contract"]
    shown = program.json("config", "show")
    assert (shown["default_network"], shown["default_contract"]) == ("test", "eth")
    assert program.json("config", "keystore", "settlement.json")["keystore"].endswith("settlement.json")
    granted = program.json(
        "admin", "grant", "session-contract", program.address("session_contract"), role="admin"
    )
    assert granted["held"] is True
    checked = program.json("check", role="session_contract", yes=False)
    assert checked["ok"] is True
    assert "is a plain key" in str(checked["findings"])
    roles = program.json("admin", "show")["roles"]
    assert {"role": "SESSION_CONTRACT_ROLE", "account": program.address("session_contract")} in roles


def _session_lives(program: Program) -> None:
    owner = program.address("session_owner")
    assert program.json("session", "register", "7", owner, role="session_contract")["owner"] == owner
    program.json("session", "register", "8", owner, role="session_contract")
    funded = program.json("session", "deposit", "7", "0.5 ETH", role="session_owner")
    assert (funded["amount"], funded["amount_text"]) == (str(ETHER // 2), "0.5 ETH")
    assert program.json("session", "deposit", "8", "1", role="outsider")["balance_text"] == (
        "0.000000000000000001 ETH"
    )
    shown = program.json("session", "show", "7")
    assert (shown["owner"], shown["balance"]) == (owner, str(ETHER // 2))


def _network_charges(program: Program) -> None:
    charged = program.json("network", "charge", "7=0.1ETH", role="session_contract")
    assert charged["balance_text"] == "0.4 ETH"
    batch = program.json("network", "charge", "7=0.1 ETH", "8=1", role="session_contract")
    assert (batch["sequence"], batch["total"]) == (0, str(ETHER // 10 + 1))
    assert [row["applied"] for row in batch["rows"]] == [str(ETHER // 10), "1"]
    shown = program.json("network", "show")
    assert shown["treasury"] == str(ETHER // 5 + 1)
    assert shown["settlement_sequence"] == 1


def _nodes_are_paid(program: Program) -> None:
    node, other = program.address("node_operator"), program.address("outsider")
    program.json("node", "mark-used", node, other, role="session_contract")
    paid = program.json("network", "allocate", f"{node}=0.1 ETH", role="session_contract")
    assert paid["rows"][0]["applied_text"] == "0.1 ETH"
    equal = program.json("network", "allocate", "--each", "0.01 ETH", node, other, role="session_contract")
    assert equal["total_text"] == "0.02 ETH"
    payee = program.address("payee")
    assert program.json("node", "set-payee", node, payee, role="node_operator")["previous_payee"] == node
    withdrawn = program.json("node", "withdraw", node, role="outsider")
    assert (withdrawn["amount_text"], withdrawn["payee"]) == ("0.11 ETH", payee)
    assert program.json("node", "mark-unused", other, role="session_contract")["node"] == other
    shown = program.json("node", "show", other)
    assert (shown["active"], shown["pending_text"]) == (False, "0.01 ETH")


def _session_ends(program: Program) -> None:
    asked = program.json("session", "request-withdrawal", "7", role="session_owner")
    assert asked["withdrawal_from"] == asked["withdrawal_requested_at"] + 3600
    program.json("session", "cancel-withdrawal", "7", role="session_owner")
    program.json("session", "request-withdrawal", "7", role="session_owner")
    program.chain.advance(3600)
    taken = program.json("session", "withdraw", "7", "0.2 ETH", role="session_owner")
    assert (taken["amount_text"], taken["balance_text"]) == ("0.2 ETH", "0.1 ETH")
    new_owner = program.address("outsider")
    assert program.json("session", "transfer", "7", new_owner, role="session_owner")["new_owner"] == new_owner


def _administrator_acts(program: Program) -> None:
    paused = program.json("admin", "pause", "6h", role="admin")
    assert paused["paused_until"] == paused["time"] + 6 * 3600
    assert program.json("network", "show")["paused"] is True
    program.json("admin", "unpause", role="admin")
    token = deploy_test_token(Sender(program.chain.web3, program.chain.accounts[0]), "Stray", "STR", 6)
    contract = program.json("network", "show")["contract"]
    token.mint(contract.lower(), 1_500_000)
    recovered = program.json("admin", "recover", token.address, role="admin")
    assert (recovered["amount"], recovered["amount_text"]) == ("1500000", "1.5 STR")
    revoked = program.json(
        "admin", "revoke", "session-contract", program.address("session_contract"), role="admin"
    )
    assert revoked["held"] is False


def _commands() -> set[tuple[str, ...]]:
    """Return every command that there is, as the words that name it."""
    found: set[tuple[str, ...]] = set()
    for name, entry in get_command(app).commands.items():  # type: ignore[attr-defined]
        nested = getattr(entry, "commands", None)
        found |= {(name, inner) for inner in nested} if nested else {(name,)}
    return found
