"""Handing signed bytes to a node, and what its answer means.

An answer that says nothing certain is never taken for a failure: the transaction may be mined all the same.
"""

from dataclasses import dataclass
from enum import Enum, auto

from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.errors import NodeRefused, Unreachable

# How nodes say it; they agree on the meaning, and on no words.
_KNOWN = ("already known", "alreadyknown", "already imported", "known transaction", "already exists")
_NONCE_USED = ("nonce too low", "nonce is too low", "oldnonce", "invalid transaction nonce")
_FEES_TOO_LOW = ("underpriced", "fee too low", "feetoolow", "gas price too low", "less than block base fee")
_NO_MONEY = ("insufficient funds", "insufficient balance", "exceeds account balance")


class Answer(Enum):
    """What became of signed bytes.

    TAKEN: the node has them. UNCLEAR: nobody knows. NONCE_USED: a block holds something of that nonce.
    FEES_TOO_LOW: the node wants more. NO_MONEY: the account cannot pay the gas.
    """

    TAKEN = auto()
    UNCLEAR = auto()
    NONCE_USED = auto()
    FEES_TOO_LOW = auto()
    NO_MONEY = auto()


@dataclass(frozen=True, slots=True)
class Submission:
    """A node's answer, and its words where it gave any."""

    answer: Answer
    words: str = ""


def submit(web3: Web3, raw: str, transaction_hash: str) -> Submission:
    """Send signed bytes, 0x hex, and say what is known afterwards; it may be called any number of times."""
    try:
        rpc.ask(web3, "eth_sendRawTransaction", raw)
    except Unreachable as silence:
        return Submission(Answer.UNCLEAR, str(silence))
    except rpc.Reverted:
        return Submission(Answer.UNCLEAR, "the node says that it reverts")
    except NodeRefused as refused:
        return Submission(_meaning(web3, refused.message.lower(), transaction_hash), refused.message)
    return Submission(Answer.TAKEN)


def is_known(web3: Web3, transaction_hash: str) -> bool:
    """Tell whether the node has the transaction, waiting or in a block."""
    return rpc.ask(web3, "eth_getTransactionByHash", transaction_hash) is not None


def _meaning(web3: Web3, words: str, transaction_hash: str) -> Answer:
    meanings = (
        (_KNOWN, Answer.TAKEN),
        (_NONCE_USED, Answer.NONCE_USED),
        (_FEES_TOO_LOW, Answer.FEES_TOO_LOW),
        (_NO_MONEY, Answer.NO_MONEY),
    )
    for texts, answer in meanings:
        if any(text in words for text in texts):
            return answer
    try:
        return Answer.TAKEN if is_known(web3, transaction_hash) else Answer.UNCLEAR
    except (Unreachable, NodeRefused):
        return Answer.UNCLEAR
