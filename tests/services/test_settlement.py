"""Given a contract and its settlement key, when epochs are settled, nobody should be paid by mistake.

- a node whose timestamp was deleted: it should stay inactive, and its money should be held for it
- a node that only failed: it should not become active
- more rows than one batch takes: they should be cut where the contract's bound is
- a batch that was credited otherwise than planned: it should be an error that names the transaction
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sessionpay.chain.client import Receipt
from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.embedded import embedded_chain
from sessionpay.chain.sender import Sender
from sessionpay.core.events import Allocation, NodesAllocated
from sessionpay.core.ids import ZERO_ADDRESS
from sessionpay.core.ledger import Ledger
from sessionpay.core.money import BaseUnits
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.core.usage import Outcome
from sessionpay.services.settlement import Settlement, batches, require_applied
from tests.core.rows import NO_FEE, NODE_A, NODE_B, SESSION, TOKEN_SHEET, row

PLANNED = (Allocation(NODE_A, BaseUnits(5)), Allocation(NODE_B, BaseUnits(7)))
RECEIPT = Receipt("0xabc", 1, 1, 1, (NodesAllocated(0, BaseUnits(12), PLANNED),))


@pytest.fixture
def settlement() -> Settlement:
    """Return a contract with one session of 100, and no node."""
    operator = Sender((chain := embedded_chain(accounts=1)).web3, chain.accounts[0])
    me = operator.address
    contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=me, withdrawal_delay=0)
    ledger = Ledger(contract=contract.address)
    made = Settlement(contract, ledger, TOKEN_SHEET, NO_FEE)
    assert contract.deployment is not None
    made.record(contract.deployment, lambda call: ledger.deploy(call, me), by=me)
    granted = contract.grant_role(SESSION_CONTRACT_ROLE, me)
    made.record(granted, lambda call: ledger.grant_role(call, SESSION_CONTRACT_ROLE, me), by=me)
    registered = contract.register_session(SESSION, me)
    made.record(registered, lambda call: ledger.register_session(call, SESSION, me), by=me)
    deposited = contract.deposit_to_session(SESSION, 100)
    made.record(deposited, lambda call: ledger.deposit_to_session(call, SESSION), by=me, value=100)
    return made


def test_a_node_that_was_deleted_stays_so_and_is_held_for(settlement: Settlement) -> None:
    contract, ledger = settlement.contract, settlement.ledger
    settlement.settle_epoch([row(prompt_tokens=5)])
    settlement.record(
        contract.delete_node_last_used_timestamp(NODE_A),
        lambda call: ledger.delete_node_last_used_timestamp(call, NODE_A),
        by=settlement.operator,
    )
    result = settlement.settle_epoch([row(prompt_tokens=6), row(prompt_tokens=7, node=NODE_B)])
    assert contract.node_last_used_timestamps(NODE_A) == 0
    assert [(paid.account, paid.amount) for paid in result.allocations] == [(NODE_B, 7)]
    assert settlement.opening.held == {NODE_A: 6}
    assert (contract.node_pending_payments(NODE_A), contract.total_network_balance()) == (5, 6)


def test_a_node_that_only_failed_does_not_become_active(settlement: Settlement) -> None:
    settlement.settle_epoch([row(), row(node=NODE_B, outcome=Outcome.FAILED)])
    assert settlement.contract.node_last_used_timestamps(NODE_A) > 0
    assert settlement.contract.node_last_used_timestamps(NODE_B) == 0


def test_batches_are_as_long_as_the_contract_takes_them() -> None:
    assert [len(batch) for batch in batches(range(2 * 512 + 1))] == [512, 512, 1]
    assert [number for batch in batches(range(1_025)) for number in batch] == list(range(1_025))
    assert list(batches([])) == []


def test_rows_applied_as_planned_are_no_error() -> None:
    require_applied(RECEIPT, PLANNED)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (NodesAllocated(0, BaseUnits(5), PLANNED[:1]),),
        (NodesAllocated(0, BaseUnits(5), (PLANNED[0], Allocation(NODE_B, BaseUnits(0)))),),
    ],
)
def test_rows_applied_otherwise_are_an_error(events: tuple[NodesAllocated, ...]) -> None:
    with pytest.raises(RuntimeError, match="0xabc credited other rows than planned"):
        require_applied(replace(RECEIPT, events=events), PLANNED)
