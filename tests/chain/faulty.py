"""A node that misbehaves on purpose, in front of one that does not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from web3 import Web3
from web3.providers.base import JSONBaseProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3.types import RPCEndpoint, RPCResponse

    from sessionpay import EmbeddedChain

    Fault = Callable[..., Any]


class FaultyNode(JSONBaseProvider):
    """Passes requests on, unless a fault is set for their method.

    A fault is called with the parameters and a function that asks the real node; what it returns is the
    answer, and what it raises is what the provider of a broken connection raises.
    """

    def __init__(self, chain: EmbeddedChain) -> None:
        super().__init__()
        self._provider = chain.provider
        self.faults: dict[str, Fault] = {}
        self.requests: Counter[str] = Counter()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        """Answer, or fail as told."""
        self.requests[method] += 1

        def pass_on() -> RPCResponse:
            return self._provider.make_request(method, params)

        fault = self.faults.get(method)
        answer: RPCResponse = fault(params, pass_on) if fault else pass_on()
        return answer

    @property
    def web3(self) -> Web3:
        """A connection to this node."""
        return Web3(self)


def refuse(message: str, code: int = -32_000) -> dict[str, Any]:
    """Return the answer of a node that refuses a request."""
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}


def result(value: object) -> dict[str, Any]:
    """Return the answer of a node that serves a request."""
    return {"jsonrpc": "2.0", "id": 1, "result": value}
