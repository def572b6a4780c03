"""An indexer in a process of its own, to be killed: a chain from a seed, a database by its address."""

from __future__ import annotations

import sys

from sessionpay.indexer.follow import Follower, run
from sessionpay.indexer.plan import Span
from sessionpay.store import evidence
from sessionpay.store.database import Database
from tests.indexer.history import CONTRACT, Chain
from tests.indexer.provider import CHAIN_ID, Node


def main(url: str, seed: int, blocks: int) -> None:
    """Follow the made-up chain to its head in small steps, saying so after each."""
    chain = Chain(seed)
    chain.grow(blocks)
    database = Database.open(url)
    with database.reading() as connection:
        contract = evidence.contract(connection, chain_id=CHAIN_ID, address=CONTRACT)
    node = Node(chain)
    follower = Follower(
        database,
        contract,
        [node.source],
        span=Span(5, blocks_max=5),
        progress=lambda _: print("step", flush=True),  # noqa: T201 - its parent waits for it
    )
    run(database, [follower], stop=lambda: False, once=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
