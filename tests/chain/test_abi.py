"""abi: arguments that do not fit.

Given a call of the binding
  when an argument does not fit its type in the ABI
    it should raise BadArgument with the argument's name and value, before anything is asked or sent
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from sessionpay import Address, SessionPayment
from sessionpay.chain import abi
from sessionpay.chain.errors import BadArgument, BadBatch
from sessionpay.core.errors import BadAddress

if TYPE_CHECKING:
    from collections.abc import Callable

    from .faulty import FaultyNode

NODE = Address("0x" + "ab" * 20)

UNFIT: list[tuple[str, Callable[[SessionPayment], object]]] = [
    (r"session_id -1: it does not fit uint256", lambda books: books.sessions(-1)),
    (r"session_id 1157.*: it does not fit uint256", lambda books: books.sessions(2**256)),
    (r"session_id '7': it does not fit uint256", lambda books: books.sessions(cast("int", "7"))),
    (r"amount -5: it does not fit uint256", lambda books: books.pay_from_session_to_network(1, -5)),
    (r"amount 1\.5: it does not fit uint256", lambda books: books.withdraw_from_session(1, cast("int", 1.5))),
    (r"node '0xab': it does not fit address", lambda books: books.withdraw_node_payment(Address("0xab"))),
    (
        r"nodes \['0xab'\]: it does not fit address",
        lambda books: books.allocate_node_payments([Address("0xab")], 1),
    ),
    (r"role 'ADMIN': it is not hexadecimal", lambda books: books.has_role("ADMIN", NODE)),
    (r"role b.*: it does not fit bytes32", lambda books: books.grant_role("0x" + "00" * 33, NODE)),
    (
        r"v 256: it does not fit uint8",
        lambda books: books.deposit_to_session_with_permit(1, 1, 1, 256, bytes(32), bytes(32)),
    ),
    (r"role b'Z': it does not fit bytes32", lambda books: books.get_role_admin("0x5a")),
    (
        r"s b'': it does not fit bytes32",
        lambda books: books.deposit_to_session_with_permit(1, 1, 1, 27, bytes(32), b""),
    ),
]


@pytest.mark.parametrize(("told", "attempt"), UNFIT, ids=[told for told, _ in UNFIT])
def test_an_argument_that_does_not_fit_is_refused_by_name(
    payments: SessionPayment, node: FaultyNode, told: str, attempt: Callable[[SessionPayment], object]
) -> None:
    with pytest.raises(BadArgument, match=told):
        attempt(SessionPayment(node.web3, payments.address, sender=payments.sender))
    assert not node.requests


def test_too_many_nodes_are_refused(payments: SessionPayment) -> None:
    with pytest.raises(BadBatch):
        payments.update_node_last_used_timestamps([NODE] * 513)
    with pytest.raises(BadBatch):
        payments.allocate_node_payments([NODE] * 513, 1)


def test_a_contract_address_is_read_in_any_case(payments: SessionPayment) -> None:
    shouted = Address("0x" + payments.address[2:].upper())
    assert SessionPayment(payments.web3, shouted).address == payments.address
    with pytest.raises(BadAddress):
        SessionPayment(payments.web3, Address("0x1234"))


def test_a_full_batch_lands(payments: SessionPayment) -> None:
    nodes = [Address(f"0x{number:040x}") for number in range(1, 513)]
    receipt = payments.update_node_last_used_timestamps(nodes)
    assert receipt.gas_used < 12_000_000
    assert payments.node_last_used_timestamps(nodes[-1]) == receipt.block_timestamp


@pytest.mark.parametrize(
    ("signature", "types"), [("pause(uint256)", ("uint256",)), ("unpause()", ()), ("f(a,b[])", ("a", "b[]"))]
)
def test_a_signature_is_taken_apart(signature: str, types: tuple[str, ...]) -> None:
    function = abi.function(signature)
    assert (function.name, function.types) == (signature.partition("(")[0], types)
