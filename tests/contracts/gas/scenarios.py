"""What is measured: each scenario is one transaction on a network that is in use.

A scenario's `fixture` is the sentence that stands beside its number in `benchmarks/gas.json`, `ceiling` what
the call may cost at most. Gas is that of the whole transaction: 21,000, calldata, refunds deducted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.contracts.books import ADMIN, OTHER_OWNER, OUTSIDER, PAYEE, ROWS_MAX, SESSION_CONTRACT
from tests.contracts.gas.network import (
    CHARGE,
    DELAY,
    DEPOSIT,
    LARGE_IDS,
    Network,
    build_network,
    node_addresses,
    session_ids,
)
from tests.evm.hostile import sign_permit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.evm.backend import Backend
    from tests.evm.contract import Receipt

HUNDRED: Final = 100
FULL, DELAYED, LARGE, TOKEN = "full", "delayed", "large", "token"
# Further than any network that is built, so that these ids and accounts are new.
NEW_SESSION: Final = session_ids(ROWS_MAX + 1)[-1]
NEW_NODES: Final = node_addresses(2 * ROWS_MAX)[ROWS_MAX:]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One measured call; `prepare` runs before it and is not counted."""

    network: str
    fixture: str
    call: Callable[[Network], Receipt]
    ceiling: int | None = None
    prepare: Callable[[Network], object] = lambda _: None


def measured(backend: Backend) -> Mapping[str, int]:
    """Gas of every scenario, on a chain that must be fresh: addresses, and so signatures, depend on it."""
    gas: dict[str, int] = {}
    for kind, network in _networks(backend):
        for name, scenario in SCENARIOS.items():
            if scenario.network == kind:
                before = backend.snapshot()
                scenario.prepare(network)
                gas[name] = scenario.call(network).gas_used
                backend.restore(before)
    return {name: gas[name] for name in SCENARIOS}


def _networks(backend: Backend) -> Iterator[tuple[str, Network]]:
    yield TOKEN, build_network(backend, sessions=3, nodes=2, token=True)
    yield DELAYED, build_network(backend, sessions=3, nodes=2, delay=DELAY)
    yield LARGE, build_network(backend, sessions=HUNDRED, nodes=2, bits=LARGE_IDS)
    yield FULL, build_network(backend, sessions=ROWS_MAX, nodes=ROWS_MAX)


def _send(network: Network, name: str, *args: object, sender: str, value: int = 0) -> Receipt:
    receipt: Receipt = getattr(network.books.contract, name)(*args, sender=sender, value=value)
    return receipt


def _settle(network: Network, name: str, *args: object) -> Receipt:
    return _send(network, name, *args, sender=SESSION_CONTRACT)


def _batch(network: Network, name: str, rows: list[int]) -> Receipt:
    return _settle(network, name, network.books.contract.settlementSequence(), rows)


def _own(network: Network, name: str, *args: object) -> Receipt:
    return _send(network, name, *args, sender=network.owner)


def _permitted(network: Network) -> Receipt:
    books = network.books
    if books.token is None:
        raise AssertionError("a permit needs a token")
    deadline = books.now + DELAY
    signature = sign_permit(
        books.token, role="session_owner", spender=books.address, amount=DEPOSIT, deadline=deadline
    )
    return _own(network, "depositToSessionWithPermit", network.sessions[1], DEPOSIT, deadline, *signature)


def _use_up_allowance(network: Network) -> None:
    # An owner who pays by permits has no allowance left between deposits.
    if network.books.token is not None:
        network.books.token.approve(network.books.address, 0, sender=network.owner)


def _pay_payee(network: Network) -> None:
    network.books.contract.setNodePayee(network.nodes[0], PAYEE, sender=network.nodes[0])


def _register(network: Network) -> None:
    network.books.contract.registerSession(NEW_SESSION, network.owner, sender=SESSION_CONTRACT)


def _fund_new(network: Network) -> None:
    _register(network)
    network.books.deposit(NEW_SESSION, DEPOSIT, sender=network.owner)


def _request(network: Network) -> None:
    network.books.contract.requestSessionWithdrawal(network.sessions[1], sender=network.owner)


def _request_and_wait(network: Network) -> None:
    _request(network)
    network.backend.advance(DELAY)


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "registerSession": Scenario(
        FULL,
        "A new id below 2**32.",
        lambda one: _settle(one, "registerSession", NEW_SESSION, one.owner),
        52_000,
    ),
    "depositToSession, first": Scenario(
        FULL,
        "Native coin into a registered session that never had any.",
        lambda one: one.books.deposit(NEW_SESSION, DEPOSIT, sender=one.owner),
        prepare=_register,
    ),
    "depositToSession, later": Scenario(
        FULL,
        "Native coin into a session that holds some, amount given.",
        lambda one: one.books.deposit(one.sessions[1], DEPOSIT, sender=one.owner),
        37_000,
    ),
    "depositToSession, later, value only": Scenario(
        FULL,
        "Native coin into a session that holds some, amount left out.",
        lambda one: _send(one, "depositToSession", one.sessions[1], sender=OTHER_OWNER, value=DEPOSIT),
        37_000,
    ),
    "payFromSessionToNetwork, first": Scenario(
        FULL,
        "A session that was never charged, the treasury not empty.",
        lambda one: _settle(one, "payFromSessionToNetwork", NEW_SESSION, CHARGE),
        prepare=_fund_new,
    ),
    "payFromSessionToNetwork, later": Scenario(
        FULL,
        "A session that was charged before and keeps some.",
        lambda one: _settle(one, "payFromSessionToNetwork", one.sessions[1], CHARGE),
        37_000,
    ),
    "allocateNodePayments, 100 nodes": Scenario(
        FULL,
        "Active nodes that have earned before and have pending money, the treasury not emptied.",
        lambda one: _settle(one, "allocateNodePayments", one.nodes[:HUNDRED], CHARGE // 2),
        745_000,
    ),
    "allocateNodePayments, 512 nodes": Scenario(
        FULL,
        "Active nodes that have earned before and have pending money, the treasury not emptied.",
        lambda one: _settle(one, "allocateNodePayments", one.nodes, CHARGE // 2),
        3_800_000,
    ),
    "withdrawNodePayment, by the node to itself": Scenario(
        FULL,
        "Native coin to a node that has some, without a payee.",
        lambda one: _send(one, "withdrawNodePayment", one.nodes[0], sender=one.nodes[0]),
        44_000,
    ),
    "withdrawNodePayment, by a stranger": Scenario(
        FULL,
        "Native coin to a node that has some, without a payee.",
        lambda one: _send(one, "withdrawNodePayment", one.nodes[0], sender=OUTSIDER),
        46_500,
    ),
    "withdrawNodePayment, by the node to a payee": Scenario(
        FULL,
        "Native coin to a payee that has some.",
        lambda one: _send(one, "withdrawNodePayment", one.nodes[0], sender=one.nodes[0]),
        46_500,
        _pay_payee,
    ),
    "withdrawFromSession, delay 0, whole": Scenario(
        FULL,
        "Native coin, the whole balance of a session that was charged before.",
        lambda one: _own(one, "withdrawFromSession", one.sessions[1]),
        44_000,
    ),
    "withdrawFromSession, delay 0, part": Scenario(
        FULL,
        "Native coin, a part of the balance.",
        lambda one: _own(one, "withdrawFromSession", one.sessions[1], CHARGE),
        44_000,
    ),
    "withdrawFromSession, with delay, whole": Scenario(
        DELAYED,
        "Native coin, the whole balance inside the window of a request.",
        lambda one: _own(one, "withdrawFromSession", one.sessions[1]),
        47_500,
        _request_and_wait,
    ),
    "withdrawFromSession, with delay, part": Scenario(
        DELAYED,
        "Native coin, a part of the balance inside the window of a request.",
        lambda one: _own(one, "withdrawFromSession", one.sessions[1], CHARGE),
        47_500,
        _request_and_wait,
    ),
    "payFromSessionsToNetwork, 100 rows": Scenario(
        FULL,
        "Sessions with ids below 2**32, each charged before and charged in full.",
        lambda one: _batch(one, "payFromSessionsToNetwork", one.charges[:HUNDRED]),
        640_000,
    ),
    "payFromSessionsToNetwork, 100 rows, large ids": Scenario(
        LARGE,
        "Sessions with ids up to 2**160, each charged before and charged in full.",
        lambda one: _batch(one, "payFromSessionsToNetwork", one.charges),
        650_000,
    ),
    "payFromSessionsToNetwork, 512 rows": Scenario(
        FULL,
        "Sessions with ids below 2**32, each charged before and charged in full.",
        lambda one: _batch(one, "payFromSessionsToNetwork", one.charges),
        3_400_000,
    ),
    "allocateNodeAmounts, 100 rows": Scenario(
        FULL,
        "Active nodes that have earned before and have pending money, the treasury not emptied.",
        lambda one: _batch(one, "allocateNodeAmounts", one.allocations[:HUNDRED]),
        655_000,
    ),
    "allocateNodeAmounts, 512 rows": Scenario(
        FULL,
        "Active nodes that have earned before and have pending money, the treasury not emptied.",
        lambda one: _batch(one, "allocateNodeAmounts", one.allocations),
        3_300_000,
    ),
    "updateNodeLastUsedTimestamp, later": Scenario(
        FULL,
        "A node that was marked before.",
        lambda one: _settle(one, "updateNodeLastUsedTimestamp", one.nodes[0]),
    ),
    "updateNodeLastUsedTimestamps, 512 nodes, first time": Scenario(
        FULL,
        "Accounts that were never nodes.",
        lambda one: _settle(one, "updateNodeLastUsedTimestamps", NEW_NODES),
        12_000_000,
    ),
    "updateNodeLastUsedTimestamps, 512 nodes, later": Scenario(
        FULL,
        "Nodes that were marked before.",
        lambda one: _settle(one, "updateNodeLastUsedTimestamps", one.nodes),
    ),
    "requestSessionWithdrawal": Scenario(
        DELAYED,
        "A session without a request.",
        lambda one: _own(one, "requestSessionWithdrawal", one.sessions[1]),
    ),
    "cancelSessionWithdrawal": Scenario(
        DELAYED,
        "A session with a request.",
        lambda one: _own(one, "cancelSessionWithdrawal", one.sessions[1]),
        prepare=_request,
    ),
    "transferSession": Scenario(
        FULL,
        "A session without a request.",
        lambda one: _own(one, "transferSession", one.sessions[1], OTHER_OWNER),
    ),
    "setNodePayee, first": Scenario(
        FULL,
        "A node without a payee.",
        lambda one: _send(one, "setNodePayee", one.nodes[0], PAYEE, sender=one.nodes[0]),
    ),
    "pause": Scenario(FULL, "For seven days.", lambda one: _send(one, "pause", 7 * 86_400, sender=ADMIN)),
    "depositToSession, token, later": Scenario(
        TOKEN,
        "The test token, from an owner whose allowance never runs out.",
        lambda one: one.books.deposit(one.sessions[1], DEPOSIT, sender=one.owner),
    ),
    "depositToSessionWithPermit, token": Scenario(
        TOKEN,
        "The test token, an owner's first permit, without an allowance before.",
        _permitted,
        prepare=_use_up_allowance,
    ),
    "withdrawFromSession, token, whole": Scenario(
        TOKEN,
        "The test token, the whole balance, to an owner that has some.",
        lambda one: _own(one, "withdrawFromSession", one.sessions[1]),
    ),
    "withdrawNodePayment, token, by the node to itself": Scenario(
        TOKEN,
        "The test token, to a node that has some, without a payee.",
        lambda one: _send(one, "withdrawNodePayment", one.nodes[0], sender=one.nodes[0]),
    ),
    "withdrawNodePayment, token, by a stranger to a payee": Scenario(
        TOKEN,
        "The test token, to a payee that has some.",
        lambda one: _send(one, "withdrawNodePayment", one.nodes[0], sender=OUTSIDER),
        prepare=_pay_payee,
    ),
}
