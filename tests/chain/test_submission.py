"""Submission: what a node's answer to signed bytes means.

Given a node that refuses in its own words, or does not answer
  it should be known what is certain, and an unclear answer should be no failure
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from sessionpay.chain.submission import Answer, Submission, submit

from .faulty import FaultyNode, refuse, result

if TYPE_CHECKING:
    from sessionpay import EmbeddedChain

SENT = "eth_sendRawTransaction"
HASH = "0x" + "12" * 32


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("already known", Answer.TAKEN),
        ("transaction already imported", Answer.TAKEN),
        ("nonce too low: next nonce 5, tx nonce 3", Answer.NONCE_USED),
        ("replacement transaction underpriced", Answer.FEES_TOO_LOW),
        ("max fee per gas less than block base fee", Answer.FEES_TOO_LOW),
        ("Insufficient funds for gas * price + value", Answer.NO_MONEY),
        ("the pool is having a bad day", Answer.UNCLEAR),
    ],
)
def test_a_refusal_has_a_meaning(node: FaultyNode, words: str, answer: Answer) -> None:
    node.faults[SENT] = lambda *_: refuse(words)
    assert submit(node.web3, "0x02", HASH) == Submission(answer, words)


def test_silence_is_unclear(node: FaultyNode) -> None:
    def cut(*_: Any) -> None:  # noqa: ANN401 - whatever was asked
        raise requests.ConnectionError

    node.faults[SENT] = cut
    assert submit(node.web3, "0x02", HASH).answer is Answer.UNCLEAR
    node.faults[SENT] = lambda *_: refuse("something new")
    node.faults["eth_getTransactionByHash"] = cut
    assert submit(node.web3, "0x02", HASH).answer is Answer.UNCLEAR


def test_what_the_node_has_was_taken(node: FaultyNode, embedded: EmbeddedChain) -> None:
    assert embedded.accounts
    node.faults[SENT] = lambda *_: refuse("something new")
    node.faults["eth_getTransactionByHash"] = lambda *_: result({"hash": HASH})
    assert submit(node.web3, "0x02", HASH).answer is Answer.TAKEN
    node.faults[SENT] = lambda *_: refuse("execution reverted", code=3)
    assert submit(node.web3, "0x02", HASH).answer is Answer.UNCLEAR
