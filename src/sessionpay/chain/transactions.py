"""One transaction before it is sent: what it is for, what it would do, what gas it needs, its fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.errors import CallFailed, OutOfGasMoney
from sessionpay.chain.fees import FeeMarket, fee_market
from sessionpay.chain.reverts import refusal
from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import checksum_address

# State may change between the estimate and the block; a fifth more covers a word that became zero.
GAS_MARGIN_DIVISOR = 5


@dataclass(frozen=True, slots=True)
class Intent:
    """What a transaction is for: the words that an error about it is told with."""

    function: str
    values: Mapping[str, object]

    def refused(self, call: rpc.Call, data: bytes) -> SessionPayError:
        """Return the exception for what a failed `call` returned."""
        return refusal(data, function=self.function, values={**self.values, "sender": call.sender})


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call needs that was found to work: `gas` is a limit, `market` what the chain asks for gas."""

    gas: int
    market: FeeMarket

    @property
    def fee_max(self) -> int:
        """The most that the gas may cost, in wei."""
        return self.gas * self.market.fees.most


def rehearse(web3: Web3, call: rpc.Call, intent: Intent, *, refuse_false: bool = False) -> Cost:
    """Find out whatever can be known to fail before a call is signed, and return what it may cost.

    `call.sender` is who would sign; `call.gas` replaces the estimate. With `refuse_false`, a call that
    answers false is a failure, as tokens mean it. Raises a `ContractRefusal`, `CallFailed` or
    `OutOfGasMoney`; `Unreachable` or `NodeRefused`.
    """
    if call.sender is None:
        raise ValueError("only the call of somebody can be rehearsed")
    balance = rpc.balance(web3, call.sender)
    if balance < call.value:
        raise OutOfGasMoney(call.sender, balance=balance, needed=call.value)
    answer = simulate(web3, call, intent)
    if refuse_false and answer and not any(answer):
        raise CallFailed(intent.function, reason="answering false", values=dict(intent.values))
    cost = Cost(call.gas or estimate(web3, call, intent), fee_market(web3))
    needed = call.value + cost.fee_max
    if balance < needed:
        raise OutOfGasMoney(call.sender, balance=balance, needed=needed)
    return cost


def simulate(web3: Web3, call: rpc.Call, intent: Intent) -> bytes:
    """Run a call on the block being built, where the transaction would run.

    Raises a `ContractRefusal` or `CallFailed`, `Unreachable` or `NodeRefused`.
    """
    try:
        return rpc.call(web3, call, block="pending")
    except rpc.Reverted as reverted:
        raise intent.refused(call, reverted.data) from None


def estimate(web3: Web3, call: rpc.Call, intent: Intent, *, block: str | None = None) -> int:
    """Return a gas limit for a call, in the state of `block` or the node's choice; raises as `simulate`."""
    at = () if block is None else (block,)
    try:
        gas = rpc.number(web3, "eth_estimateGas", call.as_request(), *at)
    except rpc.Reverted as reverted:
        raise intent.refused(call, reverted.data) from None
    return gas + gas // GAS_MARGIN_DIVISOR


def unsigned(
    call: rpc.Call, *, chain_id: int, nonce: int, gas: int, fee_fields: Mapping[str, int]
) -> dict[str, Any]:
    """Return the fields of a transaction, as a `Signer` takes them."""
    transaction: dict[str, Any] = {
        **fee_fields,
        "gas": gas,
        "chainId": chain_id,
        "nonce": nonce,
        "value": call.value,
        "data": call.data,
    }
    if call.to is not None:
        transaction["to"] = checksum_address(call.to)
    return transaction
