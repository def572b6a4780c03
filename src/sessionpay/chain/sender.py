"""Sending transactions: simulate, price, sign, send, wait.

Whatever can be known to fail is found out before anything is sent, so a failure costs nothing.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from web3 import Web3

from sessionpay.chain import rpc, submission
from sessionpay.chain.connect import EMBEDDED_CHAIN_ID
from sessionpay.chain.errors import NodeRefused, NotMined, TransactionFailed, Unreachable
from sessionpay.chain.keys import Signer
from sessionpay.chain.transactions import Intent, rehearse, unsigned
from sessionpay.core.ids import Address, checksum_address, parse_address

# What most rules let one transaction use; on the embedded chain it replaces an estimate, because
# there gas costs next to nothing and an estimate runs the call many times.
EMBEDDED_GAS_LIMIT = 16_777_216
RECEIPT_SECONDS_MAX = 120.0
# The first look comes soon, because a local chain mines at once; the later ones spare a public node.
POLL_SECONDS_FIRST = 0.05
POLL_SECONDS_MAX = 2.0
POLL_GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block: `block_timestamp` in unix seconds, `gas_used` in gas."""

    transaction_hash: str
    block_number: int
    block_timestamp: int
    gas_used: int
    logs: tuple[Mapping[str, Any], ...]
    contract_address: Address | None


class Sender:
    """One account that sends transactions, one after the other.

    `gas_limit` replaces the estimate; `receipt_seconds_max` is how long `send` waits for a block.
    Two senders of one account take each other's nonces: make one, and use it everywhere.
    """

    def __init__(
        self,
        web3: Web3,
        signer: Signer,
        *,
        gas_limit: int | None = None,
        receipt_seconds_max: float = RECEIPT_SECONDS_MAX,
    ) -> None:
        """Ask the node which chain it serves; raises `Unreachable`."""
        self.web3 = web3
        self.signer = signer
        self.chain_id = rpc.chain_id(web3)
        self.gas_limit = gas_limit
        if gas_limit is None and self.chain_id == EMBEDDED_CHAIN_ID:
            self.gas_limit = EMBEDDED_GAS_LIMIT
        self._receipt_seconds_max = receipt_seconds_max
        self._nonce: int | None = None
        # What this sender put into blocks so far: how many transactions, and their gas.
        self.transactions = 0
        self.gas_used = 0

    def __repr__(self) -> str:
        """Show who sends on which chain."""
        return f"Sender({self.address}, chain {self.chain_id})"

    @property
    def address(self) -> Address:
        """The account that pays."""
        return self.signer.address

    def balance(self) -> int:
        """Return the native coin of the account, in wei."""
        return rpc.balance(self.web3, self.address)

    def transfer(self, to: Address, amount: int) -> Mined:
        """Send `amount` wei to an account; see `send`."""
        return self.send(to, b"", value=amount, intent=Intent("transfer", {"to": to, "amount": amount}))

    def send(
        self,
        to: Address | None,
        data: bytes,
        value: int = 0,
        *,
        intent: Intent | None = None,
        refuse_false: bool = False,
    ) -> Mined:
        """Send one transaction and return it once a block holds it.

        `to` is None for a deployment; `value` is in wei. With `refuse_false`, a call that answers false is
        a failure, as tokens mean it. Raises a `ContractRefusal`, `CallFailed` or `OutOfGasMoney` before
        anything is sent; `TransactionFailed` or `NotMined` afterwards; `Unreachable` or `NodeRefused`.
        """
        intent = intent or Intent("transaction", {"to": to})
        call = rpc.Call(to, data, self.address, value, self.gas_limit)
        cost = rehearse(self.web3, call, intent, refuse_false=refuse_false)
        transaction_hash = self._submit(call, cost.gas, cost.market.fields(cost.market.fees))
        return self._settled(transaction_hash, call, intent)

    def _submit(self, call: rpc.Call, gas: int, fee_fields: Mapping[str, int]) -> str:
        """Sign and send with the next nonce; once more with a fresh one if the node knows better."""
        for is_last in (False, True):
            nonce = self._next_nonce()
            transaction = unsigned(call, chain_id=self.chain_id, nonce=nonce, gas=gas, fee_fields=fee_fields)
            raw, transaction_hash = self.signer.sign_transaction(transaction)
            try:
                rpc.ask(self.web3, "eth_sendRawTransaction", "0x" + raw.hex())
            except Unreachable:
                # It may have arrived all the same: only the wait for its receipt can tell.
                self._nonce = None
                return transaction_hash
            except (NodeRefused, rpc.Reverted) as error:
                self._nonce = None
                if submission.is_known(self.web3, transaction_hash):
                    return transaction_hash
                if is_last or "nonce" not in str(error).lower():
                    raise
            else:
                self._nonce = nonce + 1
                return transaction_hash
        raise AssertionError("the second try returns or raises")

    def _next_nonce(self) -> int:
        """Return the number of the next transaction, asked of the node once and after every failure."""
        if self._nonce is None:
            account = checksum_address(self.address)
            self._nonce = rpc.number(self.web3, "eth_getTransactionCount", account, "pending")
        return self._nonce

    def _settled(self, transaction_hash: str, call: rpc.Call, intent: Intent) -> Mined:
        """Wait for the receipt, and say why if the transaction reverted."""
        receipt = self._receipt(transaction_hash)
        block_number = int(receipt["blockNumber"], 16)
        self.transactions += 1
        self.gas_used += int(receipt["gasUsed"], 16)
        if int(receipt["status"], 16) != 1:
            raise TransactionFailed(transaction_hash, reason=self._reason_at(block_number, call, intent))
        created = receipt.get("contractAddress")
        return Mined(
            transaction_hash=transaction_hash,
            block_number=block_number,
            block_timestamp=int(rpc.block_header(self.web3, block_number)["timestamp"], 16),
            gas_used=int(receipt["gasUsed"], 16),
            logs=tuple(receipt["logs"]),
            contract_address=parse_address(created) if created else None,
        )

    def _receipt(self, transaction_hash: str) -> dict[str, Any]:
        started = time.monotonic()
        pause = POLL_SECONDS_FIRST
        while True:
            receipt = self._receipt_now(transaction_hash)
            if receipt is not None:
                return receipt
            waited = time.monotonic() - started
            if waited >= self._receipt_seconds_max:
                self._nonce = None
                raise NotMined(transaction_hash, seconds=self._receipt_seconds_max)
            time.sleep(min(pause, self._receipt_seconds_max - waited))
            pause = min(pause * POLL_GROWTH, POLL_SECONDS_MAX)

    def _receipt_now(self, transaction_hash: str) -> dict[str, Any] | None:
        """Return the receipt if there is one; a node that is away for a moment has none."""
        try:
            receipt: dict[str, Any] | None = rpc.ask(self.web3, "eth_getTransactionReceipt", transaction_hash)
        except (Unreachable, NodeRefused):
            return None
        return receipt if receipt and receipt.get("blockNumber") else None

    def _reason_at(self, block_number: int, call: rpc.Call, intent: Intent) -> str:
        """Find out why by running the call again in the state after its block."""
        self._nonce = None
        try:
            rpc.call(self.web3, call, block=block_number)
        except rpc.Reverted as reverted:
            return str(intent.refused(call, reverted.data))
        except (Unreachable, NodeRefused) as error:
            return f"the reason is unknown ({error})"
        return "the same call would succeed now; look at the state before sending it again"
