"""`sessionpay check`.

Given a deployment
    When something about it is risky
        It should warn and exit with 0
    When something about it is wrong
        It should say what, and exit with 1
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sessionpay.chain import rpc
from sessionpay.chain.errors import NodeRefused
from sessionpay.core.events import RoleGranted, RoleRevoked
from sessionpay.core.ids import Address
from sessionpay.core.roles import ADMIN_ROLE, SESSION_CONTRACT_ROLE
from sessionpay.services.check import folded

from .conftest import PAUPER, RPC

if TYPE_CHECKING:
    import pytest
    from web3 import Web3

    from .conftest import Program

FIRST, SECOND = Address("0x" + "11" * 20), Address("0x" + "22" * 20)


def _levels(program: Program, *words: str, role: str | None = None) -> dict[str, str]:
    result = program("check", "--json", *words, role=role, yes=False)
    answer: dict[str, Any] = json.loads(result.stdout)
    assert answer["ok"] is (result.exit_code == 0)
    return {f"{finding['subject']}: {finding['message']}": finding["level"] for finding in answer["findings"]}


def _level(levels: dict[str, str], part: str) -> str:
    (found,) = {level for told, level in levels.items() if part in told}
    return found


def test_key_in_order(program: Program) -> None:
    levels = _levels(program, role="session_contract")
    assert _level(levels, "contract code: equals the artifact") == "ok"
    assert _level(levels, "holds SESSION_CONTRACT_ROLE") == "ok"
    assert _level(levels, "key gas money") == "ok"
    assert _level(levels, f"{program.address('admin')} is a plain key") == "warning"


def test_settlement_key_that_administers(program: Program) -> None:
    program("admin", "grant", "session-contract", program.address("admin"), role="admin")
    assert _level(_levels(program), f"{program.address('admin')} is also the settlement key") == "warning"


def test_role_that_nobody_holds(program: Program) -> None:
    words = ("admin", "revoke", "session-contract", program.address("session_contract"))
    program(*words, role="admin")
    assert _level(_levels(program), "nobody holds SESSION_CONTRACT_ROLE") == "warning"


def test_delay(program: Program) -> None:
    assert _level(_levels(program, "--epoch", "59m"), "withdrawal delay: 3600 s") == "ok"
    assert _level(_levels(program, "--epoch", "1h"), "is not longer than epoch") == "warning"


def test_key_without_role_and_gas(program: Program) -> None:
    levels = _levels(program, role=PAUPER)
    assert _level(levels, "holds none") == "warning"
    assert _level(levels, "key gas money") == "error"


def test_wrong_code(program: Program) -> None:
    assert _level(_levels(program, "--contract", FIRST), "contract code: no contract at") == "error"


def test_wrong_chain(program: Program) -> None:
    program("config", "network", "test", RPC, "--chain-id", "5")
    assert _level(_levels(program), "chain id: the node serves chain 131277322940537, not 5") == "error"


def test_node_without_logs(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = rpc.ask

    def ask(web3: Web3, method: str, *parameters: object) -> object:
        if method == "eth_getLogs":
            raise NodeRefused(method, message="range too large")
        return answers(web3, method, *parameters)

    monkeypatch.setattr(rpc, "ask", ask)
    assert _level(_levels(program), "roles: cannot be listed") == "warning"


def test_no_contract_named(blank: Program) -> None:
    result = blank("check", "--rpc", RPC)
    assert (result.exit_code, "no contract named" in result.stderr) == (2, True)


def test_holders_are_what_grants_and_revocations_leave() -> None:
    events = [
        RoleGranted(ADMIN_ROLE, SECOND, FIRST),
        RoleGranted(ADMIN_ROLE, FIRST, FIRST),
        RoleGranted(SESSION_CONTRACT_ROLE, FIRST, FIRST),
        RoleRevoked(SESSION_CONTRACT_ROLE, FIRST, FIRST),
    ]
    assert folded(events).by_role == {ADMIN_ROLE: (FIRST, SECOND)}
