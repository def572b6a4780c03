"""The way to a node: its RPC address, looked at once before anything else happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider, Web3
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import RPCEndpoint, RPCResponse

from sessionpay.chain import rpc
from sessionpay.chain.errors import BadRpcAddress, WrongChain

EMBEDDED_CHAIN_ID = 131_277_322_940_537
# Chains that developers start on their own machine: money on them is worth nothing.
LOCAL_CHAIN_IDS = frozenset({1337, 31_337, EMBEDDED_CHAIN_ID})

CONNECT_SECONDS_MAX = 5
# A node may take a while to run the largest batch.
ANSWER_SECONDS_MAX = 60
# Two more tries, a tenth and two tenths of a second later, pass over a connection that was just closed.
TRIES_MAX = 3
RETRY_SECONDS_FIRST = 0.1
# Else each block would wait for a dead node although another one answers.
REST_SECONDS = 30.0
# Requests that may be made twice without harm; a transaction is not among them.
REPEATABLE = (
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_estimateGas",
    "eth_gasPrice",
    "eth_getBalance",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_getLogs",
    "eth_getTransactionByHash",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_maxPriorityFeePerGas",
)


class _RestingProvider(HTTPProvider):
    """A node that is not asked for a while after it could not be reached, because others can be asked."""

    _rests_until = 0.0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        """Ask, or say at once that there is no connection."""
        with self._resting():
            return super().make_request(method, params)

    def make_batch_request(
        self, batch_requests: list[tuple[RPCEndpoint, Any]]
    ) -> list[RPCResponse] | RPCResponse:
        """Ask several things, or say at once that there is no connection."""
        with self._resting():
            return super().make_batch_request(batch_requests)

    @contextmanager
    def _resting(self) -> Iterator[None]:
        if monotonic() < self._rests_until:
            raise requests.ConnectionError
        try:
            yield
        except requests.ConnectionError:
            self._rests_until = monotonic() + REST_SECONDS
            raise


def connect(rpc_url: str, *, chain_id: int | None = None, is_one_of_several: bool = False) -> Web3:
    """Return a connection to the node at `rpc_url`, http or https.

    Raises `BadRpcAddress`, `Unreachable`, and `WrongChain` unless the node serves `chain_id`, where one
    is given. A node that is one of several is not asked yet, and may be one that answers later.
    """
    require_rpc_address(rpc_url)
    retry = ExceptionRetryConfiguration(
        errors=(requests.ConnectionError, requests.Timeout),
        retries=TRIES_MAX,
        backoff_factor=RETRY_SECONDS_FIRST,
        method_allowlist=REPEATABLE,
    )
    provider = (_RestingProvider if is_one_of_several else HTTPProvider)(
        rpc_url,
        request_kwargs={"timeout": (CONNECT_SECONDS_MAX, ANSWER_SECONDS_MAX)},
        exception_retry_configuration=retry,
    )
    web3 = Web3(provider)
    if is_one_of_several:
        return web3
    require_chain(web3, chain_id)
    return web3


def require_chain(web3: Web3, chain_id: int | None) -> int:
    """Return which chain a node serves; raises `WrongChain` unless it is `chain_id`, where one is given."""
    found = rpc.chain_id(web3)
    if chain_id is not None and found != chain_id:
        raise WrongChain(expected=chain_id, found=found, node=rpc.server(web3))
    return found


def require_rpc_address(rpc_url: str) -> None:
    """Raise `BadRpcAddress` for what cannot be the address of a node, http or https."""
    try:
        parts = urlsplit(rpc_url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise BadRpcAddress
