"""Deployments of the frozen contract, made once for the run and lent to each test unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import DELAY, Books, deploy_books, deploy_token
from tests.evm.actors import ACTORS
from tests.evm.compile import compiled
from tests.evm.contract import Contract, deploy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.evm.backend import Backend

KINDS = ("native", "token")


@pytest.fixture(scope="session")
def deployments(chain: Backend) -> Mapping[tuple[str, int], Books]:
    """Both kinds of asset, each without and with a withdrawal delay."""
    return {
        (kind, delay): deploy_books(
            chain, token=None if kind == "native" else deploy_token(chain), delay=delay
        )
        for kind in KINDS
        for delay in (0, DELAY)
    }


@pytest.fixture(params=KINDS)
def books(
    request: pytest.FixtureRequest, deployments: Mapping[tuple[str, int], Books], backend: Backend
) -> Books:
    """Books without a delay, of either kind."""
    del backend
    return deployments[request.param, 0]


@pytest.fixture(params=KINDS)
def delayed(
    request: pytest.FixtureRequest, deployments: Mapping[tuple[str, int], Books], backend: Backend
) -> Books:
    """Books with a withdrawal delay, of either kind."""
    del backend
    return deployments[request.param, DELAY]


@pytest.fixture
def native(deployments: Mapping[tuple[str, int], Books], backend: Backend) -> Books:
    """Books of the native coin, without a delay."""
    del backend
    return deployments["native", 0]


@pytest.fixture
def tokens(deployments: Mapping[tuple[str, int], Books], backend: Backend) -> Books:
    """Books of an ERC-20, without a delay."""
    del backend
    return deployments["token", 0]


@pytest.fixture
def make(deployments: object, backend: Backend) -> Callable[..., Contract]:
    """Deploy a hostile contract by name, after the deployments that outlive the test."""
    del deployments

    def made(name: str, *args: object) -> Contract:
        return deploy(backend, compiled(name), *args, sender=ACTORS["admin"])

    return made
