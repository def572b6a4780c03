"""What the contract stores of many sessions and nodes after one block, asked for many at a time.

Over HTTP a hundred questions travel together, which is what makes it bearable to ask for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessionpay.chain import abi, rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import BadAnswer, CallFailed
from sessionpay.chain.reverts import reason_of
from sessionpay.chain.views import Account
from sessionpay.core.books import Node
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits

_ACCOUNT = ("uint256", "address", "uint256", "uint256", "uint256", "uint256", "uint256")
_NODE_VIEWS = (
    ("nodePendingPayments(address)", "uint256"),
    ("nodeEarnings(address)", "uint256"),
    ("nodeLastUsedTimestamps(address)", "uint256"),
    ("nodePayees(address)", "address"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """One view with its arguments, in the order of the function's types."""

    signature: str
    returns: tuple[str, ...]
    arguments: Mapping[str, object]


def accounts(contract: SessionPayment, session_ids: Sequence[SessionId], *, block: int) -> list[Account]:
    """Return everything about each session, zeros for an unknown one; raises as a view does."""
    asked = [Question("getAccount(uint256)", _ACCOUNT, {"session_id": each}) for each in session_ids]
    return [Account(*answer) for answer in _answers(contract, asked, block)]


def nodes(contract: SessionPayment, addresses: Sequence[Address], *, block: int) -> list[Node]:
    """Return everything about each node, zeros for an unknown one; raises as a view does."""
    asked = [
        Question(signature, (kind,), {"node": address})
        for address in addresses
        for signature, kind in _NODE_VIEWS
    ]
    words = [word for (word,) in _answers(contract, asked, block)]
    found = []
    for start in range(0, len(words), len(_NODE_VIEWS)):
        pending, earned, last_used_at, payee = words[start : start + len(_NODE_VIEWS)]
        found.append(Node(BaseUnits(pending), BaseUnits(earned), last_used_at, Address(payee)))
    return found


def roles(contract: SessionPayment, held: Sequence[tuple[str, Address]], *, block: int) -> list[bool]:
    """Tell of each role, 32 bytes as 0x hex, and account whether the account holds the role."""
    asked = [
        Question("hasRole(bytes32,address)", ("bool",), {"role": role, "account": account})
        for role, account in held
    ]
    return [bool(answer) for (answer,) in _answers(contract, asked, block)]


def _answers(contract: SessionPayment, asked: Sequence[Question], block: int) -> list[tuple[Any, ...]]:
    requests = []
    for question in asked:
        data = abi.calldata(abi.function(question.signature), question.arguments)
        requests.append((rpc.Call(contract.address, data).as_request(), rpc.block_tag(block)))
    try:
        answers = rpc.ask_many(contract.web3, "eth_call", requests)
    except rpc.Reverted as reverted:
        # Which of many it was is not known, and no view of the contract reverts.
        reason = reason_of(reverted.data) or "without a reason"
        raise CallFailed("one of many views", reason=reason, values={}) from None
    return [_decoded(contract, question, answer) for question, answer in zip(asked, answers, strict=True)]


def _decoded(contract: SessionPayment, question: Question, answer: object) -> tuple[Any, ...]:
    try:
        return abi.decoded(question.returns, bytes.fromhex(str(answer).removeprefix("0x")))
    except (abi.NotThese, ValueError):
        name = abi.function(question.signature).name
        raise BadAnswer(contract.address, function=name) from None
