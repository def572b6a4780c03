"""What every binding shares: calls that read, and transactions that answer with events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from web3 import Web3

from sessionpay.chain import abi, logs, rpc
from sessionpay.chain.errors import BadAnswer, NoContract, NoKey
from sessionpay.chain.reverts import refusal
from sessionpay.chain.sender import Mined, Sender
from sessionpay.chain.transactions import Intent
from sessionpay.core.events import Event
from sessionpay.core.ids import Address, parse_address


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did: `block_timestamp` in unix seconds, `gas_used` in gas."""

    transaction_hash: str
    block_number: int
    block_timestamp: int
    gas_used: int
    events: tuple[Event, ...]


class BoundContract:
    """A contract at an address. Without a sender it can be read, and not written."""

    contract_name: ClassVar[str] = "contract"

    def __init__(self, web3: Web3, address: Address, *, sender: Sender | None = None) -> None:
        """Bind to an address; nothing is asked of the node yet."""
        self.web3 = web3
        self.address = parse_address(address)
        self.sender = sender

    def __repr__(self) -> str:
        """Show what is bound, and where."""
        return f"{type(self).__name__}({self.address})"

    def block_number(self) -> int:
        """Return the number of the latest block."""
        return rpc.number(self.web3, "eth_blockNumber")

    def _call(
        self, signature: str, returns: Sequence[str], *, at: int | None = None, **arguments: object
    ) -> tuple[Any, ...]:
        """Return what a view answers in the state after block `at`, or the latest.

        Raises a `ContractRefusal`, `NoContract`, `BadAnswer`, `BadArgument`, `Unreachable` or `NodeRefused`.
        """
        function = abi.function(signature)
        request = rpc.Call(self.address, abi.calldata(function, arguments))
        block = "latest" if at is None else at
        try:
            answer = rpc.call(self.web3, request, block=block)
        except rpc.Reverted as reverted:
            raise refusal(reverted.data, function=function.name, values=arguments) from None
        if not answer and not rpc.code(self.web3, self.address, block=block):
            raise NoContract(self.address)
        try:
            return abi.decoded(returns, answer)
        except abi.NotThese:
            raise BadAnswer(self.address, function=function.name) from None

    def _send(
        self, signature: str, *, value: int = 0, refuse_false: bool = False, **arguments: object
    ) -> Mined:
        """Send a call and wait for its block; `arguments` are in the order of the function's types."""
        function = abi.function(signature)
        if self.sender is None:
            raise NoKey(function.name)
        return self.sender.send(
            self.address,
            abi.calldata(function, arguments),
            value,
            intent=Intent(function.name, arguments),
            refuse_false=refuse_false,
        )

    def _transact(self, signature: str, *, value: int = 0, **arguments: object) -> Receipt:
        """Send a call, wait for its block, and return the events that it logged."""
        return self.receipt(self._send(signature, value=value, refuse_false=False, **arguments))

    def receipt(self, mined: Mined) -> Receipt:
        """Return what a mined transaction did to this contract."""
        return Receipt(
            transaction_hash=mined.transaction_hash,
            block_number=mined.block_number,
            block_timestamp=mined.block_timestamp,
            gas_used=mined.gas_used,
            events=logs.decode_all(mined.logs, self.address),
        )
