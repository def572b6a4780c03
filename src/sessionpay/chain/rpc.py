"""The few JSON-RPC requests that the package makes, straight to the provider of a `Web3`.

web3.py's own modules format every answer several times over; here an answer is read once. It also
makes errors uniform: a revert becomes `Reverted` with its data, whatever the node calls it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.chain.reverts import revert_data
from sessionpay.core.ids import Address, checksum_address

# Many nodes take a hundred requests in one batch, and some no more.
REQUESTS_AT_ONCE = 100

QUANTITY = re.compile(r"0x[0-9a-fA-F]+")
BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


class Reverted(Exception):
    """A simulated call reverted. It stays in this layer, where the function and its arguments are known."""

    def __init__(self, data: bytes) -> None:
        """Keep what the call returned."""
        self.data = data
        super().__init__(data.hex())


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction would do: `to` is None for a deployment, `value` is in wei."""

    to: Address | None
    data: bytes
    sender: Address | None = None
    value: int = 0
    gas: int | None = None

    def as_request(self) -> dict[str, str]:
        """Return the JSON form; what is not said is left to the node."""
        request = {"data": "0x" + self.data.hex(), "value": hex(self.value)}
        if self.to is not None:
            request["to"] = checksum_address(self.to)
        if self.sender is not None:
            request["from"] = checksum_address(self.sender)
        if self.gas is not None:
            request["gas"] = hex(self.gas)
        return request


def ask(web3: Web3, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return the result of one request; raises `Unreachable`, `NodeRefused` or `Reverted`."""
    try:
        answer: object = web3.provider.make_request(RPCEndpoint(method), list(parameters))
    except (requests.RequestException, OSError, JSONDecodeError, UnicodeDecodeError) as error:
        # The cause is left out, because its text repeats the address with whatever secret it holds.
        raise Unreachable(server(web3), reason=_told(error)) from None
    if not isinstance(answer, Mapping):
        raise Unreachable(server(web3), reason="the answer is no JSON-RPC")
    fault = answer.get("error")
    if fault is None:
        return answer.get("result")
    if not isinstance(fault, Mapping):
        raise NodeRefused(method, message=str(fault))
    data = revert_data(fault)
    if data is not None:
        raise Reverted(data)
    raise NodeRefused(method, message=str(fault.get("message", fault)))


def ask_many(web3: Web3, method: str, parameter_lists: Sequence[Sequence[object]]) -> list[Any]:
    """Return the results of many requests of one method, in their order; raises as `ask`.

    Over HTTP a hundred travel at a time, which saves most of the waiting.
    """
    if not isinstance(web3.provider, HTTPProvider):
        return [ask(web3, method, *parameters) for parameters in parameter_lists]
    results: list[Any] = []
    for start in range(0, len(parameter_lists), REQUESTS_AT_ONCE):
        some = parameter_lists[start : start + REQUESTS_AT_ONCE]
        results += _batch(web3, web3.provider, method, some)
    return results


def _batch(
    web3: Web3, provider: HTTPProvider, method: str, parameter_lists: Sequence[Sequence[object]]
) -> list[Any]:
    try:
        sent = [(RPCEndpoint(method), list(parameters)) for parameters in parameter_lists]
        answers: object = provider.make_batch_request(sent)
    except (requests.RequestException, OSError, JSONDecodeError, UnicodeDecodeError) as error:
        raise Unreachable(server(web3), reason=_told(error)) from None
    is_whole = isinstance(answers, list) and len(answers) == len(parameter_lists)
    if isinstance(answers, list) and is_whole and all("result" in answer for answer in answers):
        return [answer["result"] for answer in answers]
    # Not every node takes batches; one by one, an error has its own answer.
    return [ask(web3, method, *parameters) for parameters in parameter_lists]


def number(web3: Web3, method: str, *parameters: object) -> int:
    """Return the result of a request that answers with a number; raises as `ask`."""
    return int(_checked(QUANTITY, method, ask(web3, method, *parameters)), 16)


def call(web3: Web3, request: Call, *, block: int | str = "latest") -> bytes:
    """Return what a call answers in the state after `block`; raises `Reverted`."""
    return _bytes("eth_call", ask(web3, "eth_call", request.as_request(), block_tag(block)))


def chain_id(web3: Web3) -> int:
    """Return the chain id that the node serves."""
    return number(web3, "eth_chainId")


def balance(web3: Web3, address: Address, *, block: int | str = "latest") -> int:
    """Return the native coin of an account, in wei."""
    return number(web3, "eth_getBalance", checksum_address(address), block_tag(block))


def code(web3: Web3, address: Address, *, block: int | str = "latest") -> bytes:
    """Return the code at an address; empty for an account without."""
    return _bytes("eth_getCode", ask(web3, "eth_getCode", checksum_address(address), block_tag(block)))


def block_header(web3: Web3, block: int | str = "latest") -> dict[str, Any]:
    """Return a block as the node describes it, its transactions by hash."""
    header: dict[str, Any] | None = ask(web3, "eth_getBlockByNumber", block_tag(block), False)
    if header is None:
        raise NodeRefused("eth_getBlockByNumber", message=f"block {block} is unknown")
    return header


def block_tag(block: int | str) -> str:
    """Return a block number or a name such as `latest` in the form of JSON-RPC."""
    return block if isinstance(block, str) else hex(block)


def server(web3: Web3) -> str:
    """Return the RPC address as far as it may be shown: what follows the host may be a secret."""
    address = getattr(web3.provider, "endpoint_uri", None)
    if not isinstance(address, str):
        return type(web3.provider).__name__
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _bytes(method: str, result: object) -> bytes:
    return bytes.fromhex(_checked(BYTES, method, result)[2:])


def _checked(form: re.Pattern[str], method: str, result: object) -> str:
    """Return a result that is a text of this form; raises `NodeRefused` for anything else."""
    if not isinstance(result, str) or not form.fullmatch(result):
        raise NodeRefused(method, message=f"it answers {result!r}")
    return result


def _told(error: Exception) -> str:
    """Say what happened without the error's own text."""
    if isinstance(error, JSONDecodeError | UnicodeDecodeError):
        return "the answer is no JSON-RPC"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    return "no connection"
