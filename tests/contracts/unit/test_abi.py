"""The interface as a whole.

Given the artifact's ABI
    It should name the events of the published page and the additions, with exactly these arguments indexed
    It should offer exactly these functions, each with a test file of its own or of its ledger
    It should accept value in one function only, both its overloads
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.books import INDEXED, artifact

EVENTS = {
    "DepositToSession": "sessionId* uint256, amount uint256",
    "WithdrawFromSession": "sessionId* uint256, amount uint256",
    "SessionRegistered": "sessionId* uint256, owner* address",
    "NodeTimestampUpdated": "node* address",
    "PaymentToNetwork": "sessionId* uint256, amount uint256",
    "NodePaymentAllocated": "node* address, amount uint256",
    "NodePaymentWithdrawn": "node* address, amount uint256",
    "NodeTimestampDeleted": "node* address",
    "NodePayeeSet": "node* address, payee* address",
    "SessionTransferred": "sessionId* uint256, previousOwner* address, newOwner* address",
    "SessionWithdrawalRequested": "sessionId* uint256, availableAt uint256",
    "SessionWithdrawalCancelled": "sessionId* uint256",
    "SessionsCharged": "sequence* uint256, total uint256, charges uint256[]",
    "NodesAllocated": "sequence* uint256, total uint256, allocations uint256[]",
    "NodeTimestampsUpdated": "nodes address[]",
    "TokenRecovered": "token* address, to* address, amount uint256",
    "Paused": "until uint256",
    "Unpaused": "",
    "RoleGranted": "role* bytes32, account* address, sender* address",
    "RoleRevoked": "role* bytes32, account* address, sender* address",
}
SESSION_VIEWS = (
    "sessions sessionBalances getSessionBalance sessionNetworkUsage getSessionNetworkUsage getAccount"
)
NODE_VIEWS = "nodePendingPayments nodeEarnings nodeLastUsedTimestamps nodePayees"
TREASURY_VIEWS = "totalNetworkBalance liabilities settlementSequence pausedUntil"
CONSTANTS = "ASSET WITHDRAWAL_DELAY ADMIN_ROLE SESSION_CONTRACT_ROLE DEFAULT_ADMIN_ROLE"
OWN_FILE = {
    "depositToSession": "deposit_to_session",
    "depositToSessionWithPermit": "deposit_to_session_with_permit",
    "withdrawNodePayment": "withdraw_node_payment",
    "setNodePayee": "set_node_payee",
    "requestSessionWithdrawal": "request_session_withdrawal",
    "cancelSessionWithdrawal": "cancel_session_withdrawal",
    "withdrawFromSession": "withdraw_from_session",
    "transferSession": "transfer_session",
    "registerSession": "register_session",
    "payFromSessionToNetwork": "pay_from_session_to_network",
    "payFromSessionsToNetwork": "pay_from_sessions_to_network",
    "allocateNodePayments": "allocate_node_payments",
    "allocateNodeAmounts": "allocate_node_amounts",
    "updateNodeLastUsedTimestamp": "update_node_last_used_timestamp",
    "updateNodeLastUsedTimestamps": "update_node_last_used_timestamps",
    "deleteNodeLastUsedTimestamp": "delete_node_last_used_timestamp",
    "pause": "pause",
    "unpause": "unpause",
    "adminWithdrawToken": "admin_withdraw_token",
    "emergencyWithdrawETH": "emergency_withdraw_eth",
    "surplus": "surplus",
    "previewCharges": "preview_charges",
    "previewAllocations": "preview_allocations",
    "hasRole": "has_role",
    "getRoleAdmin": "get_role_admin",
    "grantRole": "grant_role",
    "revokeRole": "revoke_role",
    "renounceRole": "renounce_role",
    "supportsInterface": "supports_interface",
}
FILES = (
    OWN_FILE
    | dict.fromkeys(SESSION_VIEWS.split(), "views_session")
    | dict.fromkeys(NODE_VIEWS.split(), "views_node")
    | dict.fromkeys(TREASURY_VIEWS.split(), "views_treasury")
    | dict.fromkeys(CONSTANTS.split(), "views_constants")
)


def _entries(kind: str) -> list[dict[str, object]]:
    return [dict(entry) for entry in artifact()["abi"] if entry["type"] == kind]


def test_events() -> None:
    described = {}
    for entry in artifact()["abi"]:
        if entry["type"] == "event":
            arguments = [f"{one['name']}{'*' * one['indexed']} {one['type']}" for one in entry["inputs"]]
            described[entry["name"]] = ", ".join(arguments)
    assert described == EVENTS


def test_rule_of_indexed_arguments() -> None:
    for arguments in EVENTS.values():
        for argument in filter(None, arguments.split(", ")):
            name = argument.split()[0]
            assert name.endswith("*") == (name.rstrip("*") in INDEXED)


def test_functions() -> None:
    assert {entry["name"] for entry in _entries("function")} == FILES.keys()
    named = [str(entry["name"]) for entry in _entries("function")]
    twice = {name for name in named if named.count(name) > 1}
    assert twice == {"depositToSession", "withdrawFromSession"}


@pytest.mark.parametrize(("function", "file"), FILES.items(), ids=FILES)
def test_function_has_its_test_file(function: str, file: str) -> None:
    source = Path(__file__).with_name(f"test_{file}.py").read_text(encoding="utf-8")
    assert f"`{function}`" in source.split('"""')[1]


def test_constructor_and_plain_transfers_have_their_test_files() -> None:
    for file in ("constructor", "unknown_selector"):
        assert Path(__file__).with_name(f"test_{file}.py").is_file()


def test_only_deposits_take_value() -> None:
    payable = {entry["name"] for entry in _entries("function") if entry["stateMutability"] == "payable"}
    assert payable == {"depositToSession"}
    assert [entry["stateMutability"] for entry in _entries("constructor")] == ["nonpayable"]
    assert _entries("fallback") == []
