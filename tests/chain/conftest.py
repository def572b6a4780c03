"""A chain in this process for each test, with contracts on it and people around them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Address,
    EmbeddedChain,
    Sender,
    SessionPayment,
    TestToken,
    deploy_session_payment,
    deploy_test_token,
    embedded_chain,
)

from .faulty import FaultyNode

DELAY = 3_600


@dataclass(frozen=True)
class People:
    """The accounts of a test by their roles; the operator has all roles of the contract."""

    operator: Sender
    session_owner: Sender
    node_operator: Sender
    payee: Sender
    outsider: Sender


@pytest.fixture
def embedded() -> EmbeddedChain:
    """Start a new chain."""
    return embedded_chain()


@pytest.fixture
def people(embedded: EmbeddedChain) -> People:
    """Introduce everybody, with money for gas."""
    return People(*(Sender(embedded.web3, signer) for signer in embedded.accounts[:5]))


@pytest.fixture
def payments(people: People) -> SessionPayment:
    """Deploy books for the native coin without a delay, in the operator's hands."""
    return _deployed(people.operator, ZERO_ADDRESS, 0)


@pytest.fixture
def delayed(people: People) -> SessionPayment:
    """Deploy books for the native coin with a delay of an hour, in the operator's hands."""
    return _deployed(people.operator, ZERO_ADDRESS, DELAY)


@pytest.fixture
def token(people: People) -> TestToken:
    """Deploy a test token of which the session owner has some."""
    token = deploy_test_token(people.operator, "Trial Dollar", "TUSD", 6)
    token.mint(people.session_owner.address, 10**12)
    return token


@pytest.fixture
def token_payments(people: People, token: TestToken) -> SessionPayment:
    """Deploy books for the test token without a delay, in the operator's hands."""
    return _deployed(people.operator, token.address, 0)


@pytest.fixture
def node(embedded: EmbeddedChain) -> FaultyNode:
    """Put a node in front of the chain that can be told to misbehave."""
    return FaultyNode(embedded)


def _deployed(operator: Sender, asset: Address, delay: int) -> SessionPayment:
    contract = deploy_session_payment(operator, asset=asset, admin=operator.address, withdrawal_delay=delay)
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    return contract
