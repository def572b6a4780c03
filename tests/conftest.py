"""Options, Hypothesis profiles, the chain and the people on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from .evm import BACKENDS, anvil_binary, open_backend
from .evm.actors import ACTORS, WEALTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .evm.backend import Backend

# Tests talk to this machine alone, so no proxy is looked for. To find one, requests reads the environment
# name by name, perhaps in another thread, and fails where pytest takes the test's name out meanwhile.
os.environ["no_proxy"] = "127.0.0.1,localhost"

# The chain is restored before every example by the tests that draw examples, so sharing the fixture is sound;
# deadlines would only measure how busy the machine is.
_COMMON = settings(
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("dev", _COMMON, max_examples=25, stateful_step_count=25)
settings.register_profile("ci", _COMMON, max_examples=150, stateful_step_count=40, derandomize=True)
settings.register_profile("deep", _COMMON, max_examples=5_000, stateful_step_count=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its chain."""
    parser.addoption("--backend", choices=BACKENDS, default=BACKENDS[0], help="chain for the contract tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on PostgreSQL, or on a node of its own; what starts one by itself is marked there."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        chosen = item.callspec.params if hasattr(item, "callspec") else {}
        has_node = "node" in names and "node" not in chosen
        if has_node or "postgresql" in names or "postgresql" in chosen.values():
            item.add_marker(pytest.mark.servers)


@pytest.fixture(scope="session")
def chain(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One chain for the whole run; fixtures that deploy once for many tests build on it."""
    name: str = request.config.getoption("--backend")
    if name == "anvil" and anvil_binary() is None:
        pytest.fail("no anvil binary: set ANVIL to one, or install it with npm")
    with open_backend(name) as backend:
        for address in ACTORS.values():
            backend.set_balance(address, WEALTH)
        yield backend


@pytest.fixture
def backend(chain: Backend) -> Iterator[Backend]:
    """Lend the chain to one test, and put it back into its former state."""
    before = chain.snapshot()
    yield chain
    chain.restore(before)


@pytest.fixture(scope="session")
def admin() -> str:
    """Account with DEFAULT_ADMIN_ROLE and ADMIN_ROLE."""
    return ACTORS["admin"]


@pytest.fixture(scope="session")
def session_contract() -> str:
    """Account with SESSION_CONTRACT_ROLE."""
    return ACTORS["session_contract"]


@pytest.fixture(scope="session")
def session_owner() -> str:
    """Owner of the session that a test is about."""
    return ACTORS["session_owner"]


@pytest.fixture(scope="session")
def other_owner() -> str:
    """Owner of some other session."""
    return ACTORS["other_owner"]


@pytest.fixture(scope="session")
def node_operator() -> str:
    """Account of the node that a test is about."""
    return ACTORS["node_operator"]


@pytest.fixture(scope="session")
def other_node() -> str:
    """Account of some other node."""
    return ACTORS["other_node"]


@pytest.fixture(scope="session")
def payee() -> str:
    """Account that receives a node's money in its stead."""
    return ACTORS["payee"]


@pytest.fixture(scope="session")
def outsider() -> str:
    """Account without a role, that owns nothing."""
    return ACTORS["outsider"]
