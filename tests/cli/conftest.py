"""The program, run in this process on an embedded chain, with a key for each role."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from sessionpay.app import Wiring
from sessionpay.chain import rpc
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.errors import WrongChain
from sessionpay.cli.main import app
from sessionpay.config import Environment
from sessionpay.core.ids import Address, checksum_address
from tests.store.conftest import postgresql

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result
    from web3 import Web3

__all__ = ["postgresql"]

ROLES = ("admin", "session_contract", "session_owner", "node_operator", "payee", "outsider")
# A key that the chain gave no coin to.
PAUPER = "pauper"
PAUPER_KEY = 0xBEEF
RPC = "http://chain.test:8545"


@dataclass
class Program:
    """The program as its user sees it: arguments in; exit code, standard output and error out."""

    chain: EmbeddedChain
    config_path: Path
    walked: set[tuple[str, ...]] = field(default_factory=set)
    database: str | None = None

    def __call__(
        self,
        *words: str,
        role: str | None = None,
        answer: str | None = None,
        yes: bool = True,
        passphrase: str | None = None,
    ) -> Result:
        """Run one command with the key of a role, with --yes unless it is to ask or takes none."""
        self.walked |= {words[:1], words[:2]}
        options = ["--yes"] if role is not None and yes else []
        private_key = None if role is None else key(role)
        environment = Environment(self.config_path, private_key, passphrase, database=self.database)
        wiring = Wiring(environment, self._connect)
        return CliRunner().invoke(app, [*words, *options], input=answer, obj=wiring)

    def json(self, *words: str, role: str | None = None, yes: bool = True) -> dict[str, Any]:
        """Run one command that must succeed, and return the one object on its standard output."""
        result = self(*words, "--json", role=role, yes=yes)
        assert result.exit_code == 0, result.output
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def address(self, role: str) -> str:
        """Return the address of a role as people write it."""
        return checksum_address(self.account(role))

    def account(self, role: str) -> Address:
        """Return the address of a role as the package keeps it."""
        return self.chain.accounts[ROLES.index(role)].address

    def height(self) -> int:
        """Return how many blocks there are: one more for every transaction."""
        return int(rpc.ask(self.chain.web3, "eth_blockNumber"), 16)

    def _connect(self, rpc_url: str, *, chain_id: int | None = None, is_one_of_several: bool = False) -> Web3:
        assert rpc_url == RPC
        found = rpc.chain_id(self.chain.web3)
        if not is_one_of_several and chain_id not in (None, found):
            raise WrongChain(expected=chain_id or 0, found=found)
        return self.chain.web3


def key(role: str) -> str:
    """Return the private key of a role: the embedded chain's well-known ones, in turn."""
    number = PAUPER_KEY if role == PAUPER else ROLES.index(role) + 1
    return f"0x{number:064x}"


@pytest.fixture
def blank(tmp_path: Path) -> Program:
    """Return the program on a chain with nothing on it, and without a config file."""
    return Program(embedded_chain(), tmp_path / "config.toml")


@pytest.fixture
def program(blank: Program) -> Program:
    """Return the program with a deployment named `eth`, a settlement key and a funded session 7."""
    return _prepared(blank)


@pytest.fixture(scope="module")
def shared_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return the same, once for all tests of a file that leave no trace."""
    return _prepared(Program(embedded_chain(), tmp_path_factory.mktemp("shared") / "config.toml"))


def _prepared(program: Program) -> Program:
    program("config", "network", "test", RPC)
    program("deploy", "--name", "eth", "--withdrawal-delay", "1h", role="admin")
    program("admin", "grant", "session-contract", program.address("session_contract"), role="admin")
    program("session", "register", "7", program.address("session_owner"), role="session_contract")
    program("session", "deposit", "7", "2 ETH", role="session_owner")
    return program
