"""`index run` with more than one node, over HTTP, before a real node.

Given one node that is dead, at once or after a while
    It should say so, and go on with the other
Given only dead nodes
    It should end with exit code 3
Given a node that serves another chain
    It should name it, refuse, and write nothing
Given a node that leaves events out
    It should end with the books that the contract has
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Sender,
    connect,
    deploy_session_payment,
    embedded_chain,
)
from sessionpay.app import Wiring
from sessionpay.cli.main import app
from sessionpay.config import Environment
from tests.evm.anvil import anvil_binary, running_anvil

from .proxy import running_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

DEAD = "http://127.0.0.1:1"
WEALTH = 10**24
# Far enough for part of the history to be final: Anvil calls final what is 64 blocks back.
BLOCKS = 70
SESSIONS = 3
pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(anvil_binary() is None, reason="no anvil binary: set ANVIL, or install it with npm"),
]


@dataclass(frozen=True)
class Deployed:
    """A contract in use on a real node."""

    node: str
    contract: str
    folder: Path
    events: int = 0

    def run(self, *words: str, nodes: tuple[str, ...]) -> Result:
        """Run one command with the first of `nodes` as --rpc, and the others as --also-rpc."""
        named = ["--rpc", nodes[0], *(word for node in nodes[1:] for word in ("--also-rpc", node))]
        wiring = Wiring(Environment(self.folder / "config.toml"), connect)
        arguments = [*words, *named, "--contract", self.contract, "--json"]
        return CliRunner().invoke(app, arguments, obj=wiring)

    def index(self, *nodes: str) -> tuple[dict[str, Any], str]:
        """Catch up, which must succeed; return where the books are, and what was noted on the way."""
        result = self.run("index", "run", "--once", nodes=nodes)
        assert result.exit_code == 0, result.stderr
        [position] = json.loads(result.stdout)["contracts"]
        return position, result.stderr


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Run a node with a contract, and a deposit in each of a few sessions, some of them final."""
    with running_anvil(history=None) as anvil:
        url = anvil.url
        operator = Sender(connect(url), embedded_chain(accounts=1).accounts[0])
        anvil.set_balance(operator.address, WEALTH)
        contract = deploy_session_payment(
            operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0
        )
        contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
        for number in range(SESSIONS):
            contract.register_session(number, operator.address)
            contract.deposit_to_session(number, 1_000)
        anvil.mine(BLOCKS)
        contract.deposit_to_session(0, 500)
        alone = Deployed(url, contract.address, tmp_path_factory.mktemp("alone"))
        position, _noted = alone.index(url)
        yield replace(alone, events=position["events"])


@pytest.fixture
def used(deployed: Deployed, tmp_path: Path) -> Deployed:
    """Return the same with an empty database."""
    return replace(deployed, folder=tmp_path)


def assert_agreed(used: Deployed) -> None:
    """Hold the books against the honest node."""
    result = used.run("audit", nodes=(used.node,))
    assert (result.exit_code, json.loads(result.stdout)["difference"]) == (0, "0")


@pytest.mark.parametrize("order", [1, -1])
def test_goes_on_with_the_node_that_answers(used: Deployed, order: int) -> None:
    position, noted = used.index(*(DEAD, used.node)[::order])
    assert position["lag"] == 0
    assert f"without it for now: rpc {DEAD}: no connection" in noted
    assert_agreed(used)


def test_goes_on_when_the_first_node_dies(used: Deployed) -> None:
    with running_proxy(used.node, answers_max=25) as dying:
        position, _noted = used.index(dying.url, used.node)
        assert dying.answers_left is not None
        assert dying.answers_left < 0
    assert position["lag"] == 0
    assert_agreed(used)


def test_only_dead_nodes(used: Deployed) -> None:
    result = used.run("index", "run", "--once", nodes=(DEAD, "http://127.0.0.1:2"))
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["type"] == "Unreachable"


def test_a_node_of_another_chain_is_refused(used: Deployed) -> None:
    def lie(method: str, result: Any) -> Any:  # noqa: ANN401 - JSON
        return hex(5) if method == "eth_chainId" else result

    with running_proxy(used.node, lie=lie) as other:
        result = used.run("index", "run", "--once", nodes=(used.node, other.url))
        assert result.exit_code == 1
        assert f"node {other.url} serves chain 5, not " in result.stderr
    assert not (used.folder / "books.db").exists()


@pytest.mark.parametrize("order", [1, -1])
def test_what_one_node_leaves_out_comes_from_the_other(used: Deployed, order: int) -> None:
    def lie(method: str, result: Any) -> Any:  # noqa: ANN401 - JSON
        return result[:-1] if method == "eth_getLogs" else result

    with running_proxy(used.node, lie=lie) as liar:
        position, _noted = used.index(*(liar.url, used.node)[::order])
    assert position["events"] == used.events
    assert position["verified_block"] == position["chain_block"]
    assert_agreed(used)


def test_a_lie_alone_stops_the_books(used: Deployed) -> None:
    def lie(method: str, result: Any) -> Any:  # noqa: ANN401 - JSON
        return result[:-1] if method == "eth_getLogs" else result

    with running_proxy(used.node, lie=lie) as liar:
        result = used.run("index", "run", "--once", nodes=(liar.url,))
    assert result.exit_code == 1
    assert "stands still after block" in result.stderr
