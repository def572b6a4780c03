"""A chain inside this process, for demonstrations and tests: eth-tester's, on py-evm.

It mines one block for each transaction, its clock moves only when told to and by a second for each
block, and it forgets everything with the process. Its keys are public knowledge.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eth.vm.forks import CancunVM
from eth_tester import PyEVMBackend
from eth_tester.exceptions import BlockNotFound, TransactionNotFound
from eth_utils.exceptions import ValidationError
from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from sessionpay.chain.connect import EMBEDDED_CHAIN_ID
from sessionpay.chain.keys import Signer, signer_from_key
from sessionpay.chain.reverts import REVERTED_CODE

# A batch of 512 first-time nodes needs 12 million; no public chain's blocks are smaller than 30 million.
BLOCK_GAS_LIMIT = 100_000_000
ACCOUNTS_DEFAULT = 10
# Each account starts with a million coins, in wei.
WEALTH_WEI = 10**24
# 2027-01-15 08:00 UTC. A fixed beginning makes every run of a demonstration the same.
GENESIS_TIMESTAMP = 1_800_000_000
INVALID_PARAMS_CODE = -32_602
REFUSED_CODE = -32_000
UNKNOWN_METHOD_CODE = -32_601

# eth-tester's names for what JSON-RPC calls otherwise.
RENAMED = {"data": "input", "coinbase": "miner"}


@dataclass(frozen=True, slots=True)
class EmbeddedChain:
    """A connection, and accounts with a million coins each: WELL-KNOWN KEYS, for development alone."""

    web3: Web3
    accounts: tuple[Signer, ...]

    def advance(self, seconds: int) -> None:
        """Mine an empty block `seconds` later, at least 1."""
        provider = self.web3.provider
        assert isinstance(provider, EmbeddedProvider)
        provider.advance(seconds)

    @property
    def now(self) -> int:
        """The time of the latest block, in unix seconds."""
        provider = self.web3.provider
        assert isinstance(provider, EmbeddedProvider)
        return provider.now


def embedded_chain(*, accounts: int = ACCOUNTS_DEFAULT, started_at: int = GENESIS_TIMESTAMP) -> EmbeddedChain:
    """Start a chain with cancun rules; `started_at` is the unix time of its first block.

    The accounts have the private keys 1, 2, 3 and so on, which everybody knows.
    """
    signers = tuple(signer_from_key(f"{number:064x}") for number in range(1, accounts + 1))
    return EmbeddedChain(Web3(EmbeddedProvider(accounts, started_at)), signers)


class EmbeddedProvider(JSONBaseProvider):
    """Answers JSON-RPC from py-evm, without the formatting that eth-tester does on the way."""

    def __init__(self, accounts: int, started_at: int) -> None:
        """Create the chain with its first block."""
        super().__init__()
        genesis = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_GAS_LIMIT, "timestamp": started_at})
        self._backend = PyEVMBackend(
            genesis_parameters=genesis,
            genesis_state=PyEVMBackend.generate_genesis_state({"balance": WEALTH_WEI}, num_accounts=accounts),
            vm_configuration=((0, CancunVM),),
        )
        # In which block each transaction is; there is one in each.
        self._block_of: dict[str, int] = {}
        self._methods: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: "sessionpay embedded chain",
            "net_version": lambda: str(EMBEDDED_CHAIN_ID),
            "eth_chainId": lambda: EMBEDDED_CHAIN_ID,
            "eth_syncing": lambda: False,
            "eth_accounts": lambda: [],
            "eth_gasPrice": lambda: self._head().base_fee_per_gas,
            "eth_maxPriorityFeePerGas": lambda: 0,
            "eth_blockNumber": lambda: self._head().block_number,
            "eth_getBalance": lambda account, block="latest": self._state(block).get_balance(_bytes(account)),
            "eth_getCode": lambda account, block="latest": self._state(block).get_code(_bytes(account)),
            "eth_getStorageAt": self._storage,
            "eth_getTransactionCount": lambda account, block="latest": self._state(block).get_nonce(_bytes(account)),
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
            "eth_sendRawTransaction": self._send,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getTransactionByHash": self._transaction,
            "eth_getBlockByNumber": self._block,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getLogs": self._logs,
        }
