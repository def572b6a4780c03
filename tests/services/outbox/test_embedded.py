"""Outbox on the embedded chain: no node is needed to settle an epoch.

Given an epoch in the outbox of a contract on the embedded chain
  when it is driven
    every batch should be final with what the contract made of its rows, and a refused payout failed
    doing it again should send nothing
  when the contract refuses a batch as a whole, or there is no key, it should stop and say so
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Address,
    Allocation,
    BaseUnits,
    Sender,
    SessionPayment,
    deploy_session_payment,
    embedded_chain,
)
from sessionpay.chain.deploy import deploy_refusing_payee
from sessionpay.chain.errors import NoKey
from sessionpay.services.outbox import Clock, Outbox, StoppedByRefusal
from sessionpay.store import outbox as store
from sessionpay.store.outbox import Purpose, Rows, State

from .scene import EPOCH, charges

if TYPE_CHECKING:
    from sessionpay.store.database import Database


Plan = dict[Purpose, list[Rows]]


def never(_: int) -> None:
    pytest.fail("on a chain that mines at once nothing is waited for")


@pytest.fixture
def books() -> SessionPayment:
    """A contract with one session of 1,000 and a node whose payee refuses."""
    chain = embedded_chain(accounts=3)
    operator, first, second = (Sender(chain.web3, signer) for signer in chain.accounts)
    made = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
    made.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    made.register_session(1, first.address)
    made.deposit_to_session(1, 1_000)
    refusing = deploy_refusing_payee(operator, ZERO_ADDRESS)
    made.with_sender(second).set_node_payee(second.address, refusing.address)
    return made


def plan(nodes: tuple[Address, Address]) -> Plan:
    first, second = nodes
    allocations = (Allocation(first, BaseUnits(500)), Allocation(second, BaseUnits(300)))
    return {
        Purpose.CHARGE: [charges((1, 700)), charges((1, 700))],
        Purpose.MARK: [nodes],
        Purpose.ALLOCATE: [allocations],
        Purpose.PAYOUT: [(first,), (second,)],
    }


def settle(
    database: Database, books: SessionPayment, planned: dict[Purpose, list[Rows]]
) -> list[store.Batch]:
    clock = Clock(now=lambda: 1_800_000_000, elapsed=lambda: 0, sleep=never)
    outbox = Outbox(database, books, confirmations=0, clock=clock)
    done: list[store.Batch] = []
    for purpose, rows in planned.items():
        with database.writing() as connection:
            store.plan(connection, EPOCH, purpose, rows)
        # One round sends, and the next finds it in a block that is final at once.
        while not outbox.step(EPOCH, purpose):
            pass
        done += outbox.drive(EPOCH, purpose)
    return done


def test_an_epoch_is_settled_once(database: Database, books: SessionPayment) -> None:
    first, second = (signer.address for signer in embedded_chain(accounts=3).accounts[1:])
    planned = plan((first, second))
    done = settle(database, books, planned)
    assert [batch.applied for batch in done] == [
        charges((1, 700)),
        charges((1, 300)),
        (first, second),
        planned[Purpose.ALLOCATE][0],
        (Allocation(first, BaseUnits(500)),),
        None,
    ]
    assert {batch.state for batch in done[:-1]} == {State.FINAL}
    assert done[-1].state is State.FAILED
    assert (done[-1].reason or "").startswith("asset: transfer failed")
    assert (books.liabilities(), books.total_network_balance()) == (500, 200)
    before = books.block_number()
    assert settle(database, books, planned) == done
    assert books.block_number() == before


def test_more_than_the_treasury_has_stops_it(database: Database, books: SessionPayment) -> None:
    node = embedded_chain(accounts=2).accounts[1].address
    planned: Plan = {
        Purpose.MARK: [(node,)],
        Purpose.ALLOCATE: [(Allocation(node, BaseUnits(1)),)],
    }
    with pytest.raises(StoppedByRefusal, match="epoch 7, allocate 0 would fail: treasury: balance too low"):
        settle(database, books, planned)
    assert books.settlement_sequence() == 0


def test_it_needs_a_key(database: Database, books: SessionPayment) -> None:
    with pytest.raises(NoKey):
        settle(database, SessionPayment(books.web3, books.address), {Purpose.CHARGE: [charges((1, 1))]})
