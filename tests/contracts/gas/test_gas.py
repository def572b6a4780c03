"""What each call costs.

Given a fresh chain of either kind and a network in use
    When each call is sent once
        It should cost exactly what `benchmarks/gas.json` says
        It should cost no more than its ceiling, and a full batch fit a block with ease
Given a network with a thousand more sessions and nodes
    It should cost the same
Given 512 rows that are all different
    It should be possible to preview them within 50,000,000 gas
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import OUTSIDER, ROWS_MAX, SESSION_CONTRACT, row
from tests.contracts.gas.measure import FILE, text
from tests.contracts.gas.network import CHARGE, Network, build_network, node_addresses, session_ids
from tests.contracts.gas.scenarios import SCENARIOS, measured
from tests.evm import open_backend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.evm.backend import Backend

BATCH_GAS_MAX = 12_000_000
PREVIEW_GAS = 50_000_000
MANY = 1_000


@pytest.fixture(scope="module")
def backend_name(request: pytest.FixtureRequest) -> str:
    """Which chain this run is on."""
    name: str = request.config.getoption("--backend")
    return name


@pytest.fixture(scope="module")
def gas(backend_name: str) -> Mapping[str, int]:
    """Measure everything once."""
    with open_backend(backend_name) as backend:
        return measured(backend)


@pytest.fixture
def fresh(backend_name: str) -> Iterator[Backend]:
    """Start a chain that nobody else uses."""
    with open_backend(backend_name) as backend:
        yield backend


@pytest.mark.parametrize("name", SCENARIOS)
def test_costs_what_is_recorded(gas: Mapping[str, int], name: str) -> None:
    recorded = json.loads(FILE.read_text(encoding="utf-8"))["calls"][name]
    assert gas[name] == recorded["gas"]
    assert gas[name] <= recorded.get("ceiling", BATCH_GAS_MAX)


def test_record_is_complete_and_current(gas: Mapping[str, int]) -> None:
    assert FILE.read_text(encoding="utf-8") == text(dict(gas))


def test_full_batches_stay_under_the_limit(gas: Mapping[str, int]) -> None:
    batches = {name: used for name, used in gas.items() if str(ROWS_MAX) in name}
    assert len(batches) == 5
    assert max(batches.values()) <= BATCH_GAS_MAX


def test_gas_flat(fresh: Backend) -> None:
    # Fewer ids than the thousand that come later, of the same sequence, so that none is met twice.
    network = build_network(fresh, sessions=2, nodes=2)
    before = _sample(network)
    contract = network.books.contract
    for session_id in session_ids(MANY + 2)[2:]:
        contract.registerSession(session_id, OUTSIDER, sender=SESSION_CONTRACT)
    nodes = node_addresses(MANY + 2)[2:]
    for start in range(0, MANY, ROWS_MAX):
        network.books.mark(*nodes[start : start + ROWS_MAX])
    assert _sample(network) == before


@pytest.mark.parametrize("name", ["previewCharges", "previewAllocations"])
def test_preview_of_different_rows(fresh: Backend, backend_name: str, name: str) -> None:
    # What a preview costs is a square of the rows with no negative part, so a quarter of the rows within a
    # sixteenth of the gas proves the whole; only the real node is quick enough to run the whole.
    rows = ROWS_MAX if backend_name == "anvil" else ROWS_MAX // 4
    gas = PREVIEW_GAS * rows**2 // ROWS_MAX**2
    network = build_network(fresh, sessions=2, nodes=2)
    keys: list[int | str] = []
    keys.extend(session_ids(rows) if name == "previewCharges" else node_addresses(rows))
    answer = getattr(network.books.contract, name)([row(key, CHARGE) for key in keys], gas=gas)
    applied = tuple(row(key, CHARGE if index < 2 else 0) for index, key in enumerate(keys))
    assert answer == (2 * CHARGE, applied)


def _sample(network: Network) -> list[int]:
    before = network.backend.snapshot()
    contract, sequence = network.books.contract, network.books.contract.settlementSequence()
    batch = (sequence, network.charges), (sequence + 1, network.allocations)
    receipts = [
        contract.payFromSessionToNetwork(network.sessions[0], CHARGE, sender=SESSION_CONTRACT),
        network.books.deposit(network.sessions[0], CHARGE, sender=network.owner),
        contract.payFromSessionsToNetwork(*batch[0], sender=SESSION_CONTRACT),
        contract.allocateNodeAmounts(*batch[1], sender=SESSION_CONTRACT),
        contract.allocateNodePayments(network.nodes, 1, sender=SESSION_CONTRACT),
        contract.withdrawNodePayment(network.nodes[0], sender=OUTSIDER),
        contract.withdrawFromSession(network.sessions[0], sender=network.owner),
    ]
    network.backend.restore(before)
    return [receipt.gas_used for receipt in receipts]
