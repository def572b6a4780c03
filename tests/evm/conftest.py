"""In this folder everything runs on both chains, whatever the run asked for: it is what makes them equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import BACKENDS, anvil_binary, open_backend
from .actors import ACTORS, WEALTH
from .compile import DEMO, compiled
from .contract import Contract, deploy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backend import Backend


@pytest.fixture(scope="module", params=BACKENDS)
def each_chain(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One chain after the other."""
    if request.param == "anvil" and anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    with open_backend(request.param) as backend:
        for address in ACTORS.values():
            backend.set_balance(address, WEALTH)
        yield backend


@pytest.fixture
def backend(each_chain: Backend) -> Iterator[Backend]:
    """Lend the chain to one test, and put it back into its former state."""
    before = each_chain.snapshot()
    yield each_chain
    each_chain.restore(before)


@pytest.fixture
def dollar(backend: Backend) -> Contract:
    """Deploy a test token, with 1,000 units for the session owner."""
    token = deploy(
        backend, compiled("TestToken", folder=DEMO), "Test Dollar", "TUSD", 6, sender=ACTORS["admin"]
    )
    token.mint(ACTORS["session_owner"], 1_000, sender=ACTORS["admin"])
    return token
