"""Going back behind a mistake in the books: something that nodes said, and that was believed, was wrong.

The contract's own sums do not show every omission at once, so one may come to light long after.
"""

from sessionpay.indexer.nodes import Nodes, existing
from sessionpay.store import books as store
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract


def go_back(database: Database, contract: Contract, nodes: Nodes, *, to: int) -> None:
    """Take back every block above number `to`; raises as a node that is asked for a block."""
    with database.reading() as connection:
        kept = evidence.window(connection, contract)
    # Below the final block nothing is kept, but whatever comes next must follow a block that is known.
    is_lost = to >= contract.first_block and to not in kept
    block = existing(nodes.first, to).block if is_lost else None
    if block is not None:
        nodes.require_agreement(block)
    with database.writing() as connection:
        store.take_back(connection, contract, to=to, block=block, is_reorganisation=False)


def first_difference(database: Database, contract: Contract, nodes: Nodes) -> int | None:
    """Read final history again, and return the first block whose events are not those of the books.

    None if there is none. Nothing is changed. Raises as `Nodes.history`.
    """
    with database.reading() as connection:
        final_number = evidence.checkpoint(connection, contract).final_number
        stored = evidence.entries(connection, contract, up_to=final_number)
        entry = next(stored, None)
        first = contract.first_block
        while first <= final_number:
            last = min(final_number, first + nodes.span.blocks - 1)
            theirs = nodes.history(first, last)
            ours = []
            while entry is not None and entry.block_number <= last:
                ours.append(entry)
                entry = next(stored, None)
            if ours != theirs:
                return min(entry.block_number for entry in {*ours} ^ {*theirs})
            first = last + 1
    return None
