"""A node that also answers every view of the contract, from the books of the made-up chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3 import Web3

from sessionpay.chain.client import SessionPayment
from sessionpay.core.ids import ZERO_ADDRESS, Address
from tests.indexer.history import CONTRACT, DELAY, Chain, MadeBlock
from tests.indexer.provider import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3.types import RPCEndpoint, RPCResponse

    from sessionpay.core.books import Books

# The first block with code, because the made-up chain begins with an empty one.
FIRST_BLOCK = 1

Words = tuple[int, ...]


def _account(books: Books, argument: int) -> Words:
    found = books.session(argument)
    times = found.registered_at, found.last_payment_at, found.withdrawal_requested_at
    return argument, int(found.owner, 16), found.balance, found.usage, *times


def _address(argument: int) -> Address:
    return Address(f"0x{argument:040x}")


VIEWS: dict[str, Callable[[Books, int], Words]] = {
    "ASSET()": lambda _books, _argument: (int(ZERO_ADDRESS, 16),),
    "WITHDRAWAL_DELAY()": lambda _books, _argument: (DELAY,),
    "liabilities()": lambda books, _argument: (books.liabilities,),
    "totalNetworkBalance()": lambda books, _argument: (books.network,),
    "settlementSequence()": lambda books, _argument: (books.sequence,),
    "pausedUntil()": lambda books, _argument: (books.paused_until,),
    "getAccount(uint256)": _account,
    "nodePendingPayments(address)": lambda books, argument: (books.node(_address(argument)).pending,),
    "nodeEarnings(address)": lambda books, argument: (books.node(_address(argument)).earned,),
    "nodeLastUsedTimestamps(address)": lambda books, argument: (books.node(_address(argument)).last_used_at,),
    "nodePayees(address)": lambda books, argument: (int(books.node(_address(argument)).payee, 16),),
}
BY_SELECTOR = {"0x" + keccak(text=signature)[:4].hex(): view for signature, view in VIEWS.items()}
SURPLUS = "0x" + keccak(text="surplus()")[:4].hex()
HAS_ROLE = "0x" + keccak(text="hasRole(bytes32,address)")[:4].hex()


class Archive(Node):
    """Keeps every state, and has `extra` coin that nobody deposited.

    `says_held` is what it answers about every role, where that is not left to the books;
    `dropped_below` is the block below which it has no logs; `refuses` says so, else it gives none.
    """

    extra = 0
    says_held: bool | None = None
    dropped_below = 0
    refuses = False

    @property
    def contract(self) -> SessionPayment:
        """The contract as the audit sees it."""
        return SessionPayment(Web3(self), CONTRACT)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as the base class
        """Answer what the plain node does not know, and drop old logs."""
        match method:
            case "eth_blockNumber":
                return _result(hex(self.chain.head.number))
            case "eth_getCode":
                return _result("0x" if int(params[1], 16) < FIRST_BLOCK else "0x01")
            case "eth_getBalance":
                return _result(hex(self._at(params[1]).books.liabilities + self.extra))
            case "eth_call":
                return _result(self._view(params[0]["data"], self._at(params[1]).books))
            case "eth_getLogs":
                return self._kept(params[0], super().make_request(method, params))
        return super().make_request(method, params)

    def _kept(self, wanted: dict[str, str], answer: RPCResponse) -> RPCResponse:
        if self.refuses and int(wanted.get("fromBlock", hex(self.dropped_below)), 16) < self.dropped_below:
            error = {"code": 4444, "message": "pruned history unavailable"}
            return cast("RPCResponse", {"jsonrpc": "2.0", "id": 1, "error": error})
        if "error" in answer:
            return answer
        logs = cast("list[dict[str, Any]]", answer["result"])
        return _result([log for log in logs if int(log["blockNumber"], 16) >= self.dropped_below])

    def _view(self, data: str, books: Books) -> str:
        selector, arguments = data[:10], data[10:]
        if selector == SURPLUS:
            return f"0x{self.extra:064x}"
        if selector == HAS_ROLE:
            role, account = "0x" + arguments[:64], _address(int(arguments[64:], 16))
            is_held = (role, account) in books.roles if self.says_held is None else self.says_held
            return f"0x{int(is_held):064x}"
        words = BY_SELECTOR[selector](books, int(arguments or "0", 16))
        return "0x" + encode(["uint256"] * len(words), words).hex()

    def _at(self, tag: str) -> MadeBlock:
        return self.chain.head if tag == "latest" else self.chain.blocks[int(tag, 16)]


def _result(result: object) -> RPCResponse:
    return cast("RPCResponse", {"jsonrpc": "2.0", "id": 1, "result": result})


def grown(seed: int, *, blocks: int) -> Chain:
    """Return a chain of this many blocks with random events."""
    chain = Chain(seed)
    chain.grow(blocks)
    return chain
