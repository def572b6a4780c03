"""The indexer on a real node that reorganises, where one is installed.

Given Anvil with a contract in use
  when it reorganises, up to 64 blocks deep, again and again, and goes on
    the books should equal the contract's storage after each change
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Allocation,
    BaseUnits,
    Charge,
    Sender,
    SessionId,
    SessionPayment,
    connect,
    deploy_session_payment,
    embedded_chain,
)
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.audit import compare
from sessionpay.store import books as store
from sessionpay.store import derived
from tests.evm.anvil import anvil_binary, running_anvil

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionpay.store.database import Database
    from sessionpay.store.evidence import Contract
    from tests.evm.anvil import Anvil

WEALTH = 10**24
DEPTH = 64
# Each round of use takes five blocks; a shallow reorganisation takes back a part of one.
USE_BLOCKS = 5
DEPTHS = (DEPTH, 1, 3, 17, DEPTH)


@pytest.fixture
def node() -> Iterator[Anvil]:
    """A node of its own for each test."""
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    with running_anvil(history=None) as running:
        yield running


def assert_same(database: Database, contract: Contract, binding: SessionPayment) -> None:
    with database.reading() as connection:
        books = derived.books(connection, contract)
    comparison = compare(binding, books)
    assert comparison.first_difference is None


def test_books_follow_a_real_node(node: Anvil, database: Database) -> None:
    web3 = connect(node.url)
    operator, owner = (Sender(web3, signer) for signer in embedded_chain(accounts=2).accounts)
    for account in (operator, owner):
        node.set_balance(account.address, WEALTH)
    node.mine(3)
    binding = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
    binding.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    node.mine(DEPTH)
    store.prepare(database)
    contract = enrol(database, binding)
    assert contract.first_block == 4
    follower = Follower(database, contract, [ChainSource(web3, binding.address)])
    for number, depth in enumerate(DEPTHS):
        # A new sender each time, because a reorganisation takes nonces back.
        mine = SessionPayment(web3, binding.address, sender=Sender(web3, operator.signer))
        mine.register_session(number, owner.address)
        mine.deposit_to_session(number, 1_000)
        mine.pay_from_sessions_to_network(
            mine.settlement_sequence(), [Charge(SessionId(number), BaseUnits(600))]
        )
        mine.update_node_last_used_timestamp(owner.address)
        mine.allocate_node_amounts(mine.settlement_sequence(), [Allocation(owner.address, BaseUnits(500))])
        follower.catch_up()
        assert_same(database, contract, mine)
        if depth > USE_BLOCKS:
            node.mine(depth - USE_BLOCKS)
            follower.catch_up()
        node.reorganise(depth)
        node.mine(1)
        follower.catch_up()
        assert_same(database, contract, mine)
        assert mine.sessions(number) == (ZERO_ADDRESS if depth >= USE_BLOCKS else owner.address)
        assert follower.position().reorganisations == number + 1
