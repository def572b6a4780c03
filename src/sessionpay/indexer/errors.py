"""Why the books cannot go on.

IndexerError
├── FaultyAnswer     a node's answer contradicts itself or the rules of the chain; another node is asked
├── CountersDiffer   the contract's own counters are not what its events add up to; likewise
├── FinalChanged     a block that was final is not on the node's chain any more
└── Disagreement     no node gave an answer that fits; nothing of it was believed
"""

from sessionpay.core.errors import SessionPayError
from sessionpay.store.evidence import Contract


class IndexerError(SessionPayError):
    """The books cannot be carried on from what the nodes say."""


class FaultyAnswer(IndexerError):
    """An answer of a node cannot be right."""

    def __init__(self, source: str, *, rule: str) -> None:
        """Keep the node as far as it may be shown, and what it broke."""
        self.source = source
        self.rule = rule
        super().__init__(f"node {source}: {rule}; ask another node")


class CountersDiffer(IndexerError):
    """At one block, the contract's counters are not what the events add up to."""

    def __init__(self, name: str, *, block: int, chain: int, books: int) -> None:
        """Keep the counter's name in the contract, the block, and both numbers."""
        self.name = name
        self.block = block
        self.chain = chain
        self.books = books
        super().__init__(
            f"{name} at block {block} is {chain} in the contract and {books} by its events: "
            "the node left events out or made some up; ask another node"
        )


class FinalChanged(IndexerError):
    """A final block is not on the node's chain: another chain, a broken node, or a broken promise."""

    def __init__(self, source: str, *, number: int, ours: str, theirs: str | None) -> None:
        """Keep the node, the block's number, and both hashes."""
        self.source = source
        self.number = number
        self.ours = ours
        self.theirs = theirs
        super().__init__(
            f"node {source}: final block {number} is {theirs or 'unknown'} there and {ours} in the books; "
            "compare other nodes; if they agree, index anew from the chain into an empty database"
        )


class Disagreement(IndexerError):
    """No node gave an answer that fits the books; nothing of it was written."""

    def __init__(self, contract: Contract, *, block: int, reasons: list[str]) -> None:
        """Keep the contract, the block after which the books stand still, and what each node did."""
        self.contract = contract
        self.block = block
        self.reasons = reasons
        told = "; ".join(dict.fromkeys(reasons))
        super().__init__(
            f"contract {contract.address} stands still after block {block}: {told}; "
            "if nodes that can be trusted say so, index anew from the chain into an empty database"
        )
