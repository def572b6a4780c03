"""Where a transaction is that a wallet sent: on its way, in a block, in the books, final, or nowhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import ChainError, NodeRefused, Unreachable
from sessionpay.chain.transactions import Intent
from sessionpay.core.events import Event
from sessionpay.core.ids import Address, checksum_address, parse_address
from sessionpay.core.refusals import ContractRefusal
from sessionpay.services.drafts import sentence
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

# What one transaction makes the contract say that a wallet signed; a contract may call it several times.
EVENTS_MAX = 100


class Place(StrEnum):
    """Where a transaction is.

    FINAL: in the books, for good. BOOKED: in the books, and can still be taken back. MINED: in a block that
    the books did not reach. ELSEWHERE: in a block, and it did something else. REVERTED: in a block, without
    effect. PENDING: no block holds it yet. REPLACED: another one took its number. UNKNOWN:
    nobody here knows it.
    """

    FINAL = "final"
    BOOKED = "booked"
    MINED = "mined"
    ELSEWHERE = "elsewhere"
    REVERTED = "reverted"
    PENDING = "pending"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A transaction's place, and its block if it has one; the books are read to `head`, final to `final`.

    `sender` and `nonce` are as the node says while it knows the transaction: with them it can be told later
    whether another one took its number. `reason` is why it reverted, `silence` why the node was not asked.
    """

    transaction_hash: str
    place: Place
    head: int
    final: int
    block: int | None = None
    sender: Address | None = None
    nonce: int | None = None
    reason: str | None = None
    silence: str | None = None


def whereabouts(
    database: Database,
    contract: Contract,
    chain: SessionPayment | None,
    transaction_hash: str,
    *,
    is_wanted: Callable[[Event], bool],
    sender: Address | None = None,
    nonce: int | None = None,
) -> Whereabouts:
    """Return where a transaction is; the books come first, and the chain is asked for what they do not have.

    `transaction_hash` is 0x and 64 lower-case digits; `sender` and `nonce` as an earlier answer had them.
    `is_wanted` tells the event that it was sent for: anybody can write the hash of another transaction.
    """
    with database.reading() as connection:
        checkpoint = evidence.checkpoint(connection, contract)
        events = evidence.of_transaction(connection, contract, transaction_hash, limit=EVENTS_MAX)
    known = Whereabouts(transaction_hash, Place.UNKNOWN, checkpoint.head_number, checkpoint.final_number)
    known = replace(known, sender=sender, nonce=nonce)
    if events:
        block = events[0].block_number
        known = replace(known, block=block)
        if not any(is_wanted(entry.event) for entry in events):
            return replace(known, place=Place.ELSEWHERE)
        return replace(known, place=Place.FINAL if block <= known.final else Place.BOOKED)
    if chain is None:
        return replace(known, silence="this server asks no chain")
    try:
        return _on_chain(chain, known)
    except (Unreachable, NodeRefused) as fault:
        return replace(known, silence=fault.told)


def _on_chain(chain: SessionPayment, known: Whereabouts) -> Whereabouts:
    web3 = chain.web3
    found: Mapping[str, Any] | None = rpc.ask(web3, "eth_getTransactionByHash", known.transaction_hash)
    if found is None:
        return replace(known, place=_place_of_missing(chain, known))
    known = replace(known, sender=parse_address(found["from"]), nonce=int(found["nonce"], 16))
    receipt: Mapping[str, Any] | None = rpc.ask(web3, "eth_getTransactionReceipt", known.transaction_hash)
    if receipt is None or not receipt.get("blockNumber"):
        return replace(known, place=Place.PENDING)
    block = int(receipt["blockNumber"], 16)
    if int(receipt["status"], 16) != 1:
        return replace(known, place=Place.REVERTED, block=block, reason=_reason(chain, found, block))
    return replace(known, place=Place.ELSEWHERE if block <= known.head else Place.MINED, block=block)


def _place_of_missing(chain: SessionPayment, known: Whereabouts) -> Place:
    """Tell a transaction whose number was used by another one from one that nobody here knows."""
    if known.sender is None or known.nonce is None:
        return Place.UNKNOWN
    account = checksum_address(known.sender)
    used = rpc.number(chain.web3, "eth_getTransactionCount", account, "latest")
    return Place.REPLACED if used > known.nonce else Place.UNKNOWN


def _reason(chain: SessionPayment, found: Mapping[str, Any], block: int) -> str | None:
    """Return why a transaction reverted, by running it again in the state after its block; None if it works.

    That is not always the state that it ran in, so no reason is certain, and none is a fault.
    """
    call = rpc.Call(
        parse_address(found["to"]) if found.get("to") else None,
        bytes.fromhex(found["input"].removeprefix("0x")),
        parse_address(found["from"]),
        int(found["value"], 16),
    )
    try:
        rpc.call(chain.web3, call, block=block)
    except rpc.Reverted as reverted:
        fault = Intent("the transaction", {}).refused(call, reverted.data)
        return sentence(fault) if isinstance(fault, ContractRefusal | ChainError) else str(fault)
    except (Unreachable, NodeRefused) as fault:
        return fault.told
    return None
