"""Given books and a contract, when they are compared, it should find whatever is not the same.

- nothing differs: the difference is 0
- any one entry of the ledger is altered: the difference is what it was altered by, and the entry is named
- coin that nobody deposited: it is surplus, and no difference
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import ZERO_ADDRESS, SessionId
from sessionpay.core.ledger import Ledger
from sessionpay.core.money import BaseUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.services.audit import compare
from sessionpay.services.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = SessionId(7)


@pytest.fixture
def chain() -> EmbeddedChain:
    """Return a chain of its own, because what is sent to it cannot be taken back."""
    return embedded_chain(accounts=3)


@pytest.fixture
def settlement(chain: EmbeddedChain) -> Settlement:
    """Return a contract with one session, one node and money on each of its books."""
    operator, owner, node = (Sender(chain.web3, signer) for signer in chain.accounts)
    contract = deploy_session_payment(
        operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0
    )
    ledger = Ledger(contract=contract.address)
    sheet = PriceSheet({"m": ModelPrice(BaseUnits(1), BaseUnits(1))}, {"standard": Ppm(10**6)})
    made = Settlement(contract, ledger, sheet, Policy(fee_ppm=Ppm(0), deadline_default_ms=1))
    me = operator.address
    assert contract.deployment is not None
    made.record(contract.deployment, lambda call: ledger.deploy(call, me), by=me)
    granted = contract.grant_role(SESSION_CONTRACT_ROLE, me)
    made.record(granted, lambda call: ledger.grant_role(call, SESSION_CONTRACT_ROLE, me), by=me)
    registered = contract.register_session(SESSION, owner.address)
    made.record(registered, lambda call: ledger.register_session(call, SESSION, owner.address), by=me)
    deposited = contract.with_sender(owner).deposit_to_session(SESSION, 100)
    made.record(deposited, lambda call: ledger.deposit_to_session(call, SESSION), by=owner.address, value=100)
    charges = [Charge(SESSION, BaseUnits(60))]
    charged = contract.pay_from_sessions_to_network(0, charges)
    made.record(charged, lambda call: ledger.pay_from_sessions_to_network(call, 0, charges), by=me)
    used = contract.update_node_last_used_timestamp(node.address)
    made.record(used, lambda call: ledger.update_node_last_used_timestamp(call, node.address), by=me)
    rows = [Allocation(node.address, BaseUnits(45))]
    allocated = contract.allocate_node_amounts(1, rows)
    made.record(allocated, lambda call: ledger.allocate_node_amounts(call, 1, rows), by=me)
    return made


def test_books_in_lockstep_do_not_differ(settlement: Settlement) -> None:
    comparison = compare(settlement.contract, settlement.ledger)
    assert comparison.difference == 0
    assert comparison.first_difference is None
    assert (comparison.balance, comparison.liabilities, comparison.surplus) == (100, 100, 0)


def alter_session(field: str) -> Callable[[Ledger], None]:
    def alter(ledger: Ledger) -> None:
        session = ledger.sessions[SESSION]
        ledger.sessions[SESSION] = replace(session, **{field: getattr(session, field) + 3})

    return alter


def alter_node(field: str) -> Callable[[Ledger], None]:
    def alter(ledger: Ledger) -> None:
        ((address, node),) = ledger.nodes.items()
        ledger.nodes[address] = replace(node, **{field: getattr(node, field) + 3})

    return alter


def alter_treasury(field: str) -> Callable[[Ledger], None]:
    return lambda ledger: setattr(ledger, field, getattr(ledger, field) + 3)


@pytest.mark.parametrize(
    ("alter", "name"),
    [
        (alter_session("balance"), "session 7 balance"),
        (alter_session("usage"), "session 7 usage"),
        (alter_session("registered_at"), "session 7 registeredAt"),
        (alter_session("last_payment_at"), "session 7 lastPaymentAt"),
        (alter_session("withdrawal_requested_at"), "session 7 withdrawalRequestedAt"),
        (alter_node("pending"), "pending"),
        (alter_node("earned"), "earnings"),
        (alter_node("last_used_at"), "lastUsedAt"),
        (alter_treasury("network"), "totalNetworkBalance"),
        (alter_treasury("liabilities"), "liabilities"),
        (alter_treasury("sequence"), "settlementSequence"),
        (alter_treasury("paused_until"), "pausedUntil"),
    ],
)
def test_every_altered_entry_is_found(
    settlement: Settlement, alter: Callable[[Ledger], None], name: str
) -> None:
    alter(settlement.ledger)
    comparison = compare(settlement.contract, settlement.ledger)
    assert comparison.difference == 3
    assert comparison.first_difference is not None
    assert comparison.first_difference.name.endswith(name)


def test_an_owner_or_payee_that_is_another_is_found(settlement: Settlement) -> None:
    ledger = settlement.ledger
    ((address, node),) = ledger.nodes.items()
    ledger.nodes[address] = replace(node, payee=settlement.operator)
    comparison = compare(settlement.contract, ledger)
    # Of two addresses nobody can say how far they are apart, so they count 1.
    assert comparison.difference == 1
    assert comparison.first_difference is not None
    assert comparison.first_difference.chain == ZERO_ADDRESS
    assert comparison.first_difference.books == settlement.operator
    ledger.nodes[address] = node
    ledger.sessions[SESSION] = replace(ledger.sessions[SESSION], owner=ZERO_ADDRESS)
    assert compare(settlement.contract, ledger).difference == 1


def test_a_session_that_the_books_lack_is_found_when_named(settlement: Settlement) -> None:
    del settlement.ledger.sessions[SESSION]
    assert compare(settlement.contract, settlement.ledger).difference == 0
    assert compare(settlement.contract, settlement.ledger, sessions=[SESSION]).difference != 0


def test_a_node_that_the_books_lack_is_found_when_named(settlement: Settlement) -> None:
    (node,) = settlement.ledger.nodes
    del settlement.ledger.nodes[node]
    assert compare(settlement.contract, settlement.ledger).difference == 0
    assert compare(settlement.contract, settlement.ledger, nodes=[node]).difference != 0


@pytest.mark.parametrize("held", [97, 103])
def test_a_balance_that_the_contract_does_not_account_for_is_found(
    settlement: Settlement, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(SessionPayment, "balance", lambda *_, **__: held)
    comparison = compare(settlement.contract, settlement.ledger)
    assert (comparison.balance, comparison.difference) == (held, 3)
    assert comparison.first_difference is not None
    assert comparison.first_difference.name == "real balance"


def test_coin_that_nobody_deposited_is_surplus(
    settlement: Settlement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionPayment, "balance", lambda *_, **__: 103)
    monkeypatch.setattr(SessionPayment, "surplus", lambda *_, **__: 3)
    comparison = compare(settlement.contract, settlement.ledger)
    assert (comparison.surplus, comparison.difference, comparison.first_difference) == (3, 0, None)


def test_the_block_asked_for_is_the_one_looked_at(settlement: Settlement) -> None:
    contract, block = settlement.contract, settlement.contract.block_number()
    contract.pay_from_session_to_network(SESSION, 1)
    comparison = compare(contract, settlement.ledger, block=block)
    assert (comparison.block, comparison.difference) == (block, 0)
    comparison = compare(contract, settlement.ledger)
    assert (comparison.block, comparison.difference > 0) == (block + 1, True)
