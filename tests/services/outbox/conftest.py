"""One node for each test file, with a scene that every test finds as it was set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.store import books
from sessionpay.store.database import Database
from tests.evm.anvil import anvil_binary, running_anvil

from .proxy import running_proxy
from .scene import set_scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.evm.anvil import Anvil

    from .proxy import Proxy
    from .scene import Scene


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """A node that keeps every old state, because the outbox asks for that of final blocks."""
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    with running_anvil(history=None) as running:
        yield running


@pytest.fixture(scope="module")
def first_scene(node: Anvil) -> Scene:
    """Set the scene once."""
    return set_scene(node.url, "outbox")


@pytest.fixture
def scene(node: Anvil, first_scene: Scene) -> Iterator[Scene]:
    """Lend the scene, and put the chain back afterwards."""
    before = node.snapshot()
    yield first_scene
    node.ask("anvil_dropAllTransactions")
    node.ask("evm_setAutomine", False)
    node.restore(before)


@pytest.fixture
def proxy(node: Anvil) -> Iterator[Proxy]:
    """A doorkeeper in front of the node."""
    with running_proxy(node.url) as running:
        yield running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty outbox."""
    opened = Database.open(f"sqlite:///{tmp_path / 'books.db'}")
    books.prepare(opened)
    yield opened
    opened.close()
