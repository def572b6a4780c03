"""What the chain says, for one round of the outbox: each thing is asked once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sessionpay.chain import logs, rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.core.events import Event
from sessionpay.core.ids import Address, checksum_address
from sessionpay.services.outbox.calls import SETTLEMENT_SEQUENCE
from sessionpay.store.outbox import Landing

# Few nodes refuse a range of logs that is this short.
LOG_BLOCKS = 2_000


@dataclass(frozen=True, slots=True)
class Sighting:
    """A transaction in a block of the canonical chain."""

    landing: Landing
    succeeded: bool
    events: tuple[Event, ...]


class View:
    """The chain as one round sees it: a head, the last final block, and what was asked about them.

    `confirmations` is how many blocks above it make a block final; None takes the node's own word.
    Every method raises `Unreachable` or `NodeRefused`.
    """

    def __init__(self, contract: SessionPayment, *, confirmations: int | None) -> None:
        """Look at the head."""
        self._web3 = contract.web3
        self._contract = contract.address
        self.head: int = rpc.number(self._web3, "eth_blockNumber")
        if confirmations is None:
            self.final = int(rpc.block_header(self._web3, "finalized")["number"], 16)
        else:
            self.final = self.head - confirmations
        self._hashes: dict[int, str] = {}
        self._nonces: dict[tuple[Address, int | str], int] = {}

    def nonce(self, account: Address) -> int:
        """Return the nonce that the account's next transaction needs."""
        return self._nonce(account, self.head)

    def final_nonce(self, account: Address) -> int:
        """Return the first nonce of the account that is not used up for good."""
        return self._nonce(account, self.final) if self.final >= 0 else 0

    def pending_nonce(self, account: Address) -> int:
        """Return the nonce after all that the node knows of the account, as it is now."""
        return rpc.number(self._web3, "eth_getTransactionCount", checksum_address(account), "pending")

    def _nonce(self, account: Address, block: int) -> int:
        if (account, block) not in self._nonces:
            asked = (checksum_address(account), rpc.block_tag(block))
            self._nonces[account, block] = rpc.number(self._web3, "eth_getTransactionCount", *asked)
        return self._nonces[account, block]

    @cached_property
    def sequence(self) -> int:
        """The number that the contract wants next."""
        return self.sequence_at(self.head)

    @cached_property
    def final_sequence(self) -> int:
        """The first batch number that is not used up for good."""
        return self.sequence_at(self.final) if self.final >= 0 else 0

    def sequence_at(self, block: int | str) -> int:
        """Return the contract's number after a block; before its creation there is none, and this is 0."""
        answer = rpc.call(self._web3, rpc.Call(self._contract, SETTLEMENT_SEQUENCE), block=block)
        return int.from_bytes(answer)

    def holds(self, landing: Landing) -> bool:
        """Tell whether the block is still on the chain, as far as this head reaches."""
        number = landing.block_number
        if number > self.head:
            return True
        if number not in self._hashes:
            self._hashes[number] = rpc.block_header(self._web3, number)["hash"]
        return self._hashes[number] == landing.block_hash

    def sighting(self, transaction_hash: str) -> Sighting | None:
        """Return where the transaction is, None while no block of this chain holds it."""
        receipt: dict[str, Any] | None = rpc.ask(self._web3, "eth_getTransactionReceipt", transaction_hash)
        if not receipt or not receipt.get("blockNumber"):
            return None
        landing = Landing(
            block_number=int(receipt["blockNumber"], 16),
            block_hash=receipt["blockHash"],
            transaction_hash=transaction_hash,
            gas_used=int(receipt["gasUsed"], 16),
        )
        if not self.holds(landing):
            return None
        succeeded = int(receipt["status"], 16) == 1
        return Sighting(landing, succeeded, logs.decode_all(receipt["logs"], self._contract))

    def transaction_of(self, sequence: int, *, topics: Sequence[str], above: int) -> str | None:
        """Return the hash of the transaction that used a batch number, in a block above `above`.

        `topics` are those of the events that may say so.
        """
        for first in range(max(above + 1, 0), self.head + 1, LOG_BLOCKS):
            wanted = {
                "address": checksum_address(self._contract),
                "topics": [list(topics), f"0x{sequence:064x}"],
                "fromBlock": hex(first),
                "toBlock": hex(min(first + LOG_BLOCKS - 1, self.head)),
            }
            for log in rpc.ask(self._web3, "eth_getLogs", wanted):
                return str(log["transactionHash"])
        return None
