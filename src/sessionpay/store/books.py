"""What an indexer does to a database: go on, go back, make final. Each is for one transaction."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from sessionpay.core.books import Books
from sessionpay.store import derived, evidence, tables
from sessionpay.store.database import Database, SchemaState
from sessionpay.store.errors import BadDatabase
from sessionpay.store.evidence import Block, Checkpoint, Contract, Entry


def advance(
    connection: Connection,
    contract: Contract,
    *,
    entries: Sequence[Entry],
    blocks: Sequence[Block],
    final_number: int,
) -> Books:
    """Add what `blocks` logged, the last of them being the new head, and return the books of it.

    `entries` are in the order of the chain and may stand in blocks between the head and `blocks`;
    `final_number` is the last block that cannot be taken back. Raises `BrokenHistory`.
    """
    before = evidence.checkpoint(connection, contract)
    head = blocks[-1]
    evidence.append(connection, contract, entries=entries, blocks=blocks)
    books = derived.fold(connection, contract, entries, final_number=final_number)
    after = replace(
        before,
        head_number=head.number,
        head_hash=head.hash,
        event_count=before.event_count + len(entries),
    )
    evidence.set_checkpoint(connection, contract, after)
    return books


def take_back(
    connection: Connection,
    contract: Contract,
    *,
    to: int,
    block: Block | None = None,
    is_reorganisation: bool = True,
) -> None:
    """Go back to the state after block `to`; below the final block everything derived is built anew.

    `block` is that block, where the window does not have it any more.
    """
    before = evidence.checkpoint(connection, contract)
    gone = evidence.rewind(connection, contract, to=to)
    if block is not None:
        evidence.append(connection, contract, entries=(), blocks=[block])
    kept = evidence.window(connection, contract).get(to)
    head_hash = kept.hash if kept else ""
    was_final = to < before.final_number
    after = replace(
        before,
        head_number=to,
        head_hash=head_hash,
        verified_number=min(before.verified_number, to),
        reorganisations=before.reorganisations + is_reorganisation,
        event_count=before.event_count - gone,
    )
    if was_final:
        after = replace(after, final_number=to, final_hash=head_hash)
    evidence.set_checkpoint(connection, contract, after)
    if was_final:
        derived.rebuild(connection, contract)
    else:
        derived.rewind(connection, contract, to=to)


def make_final(connection: Connection, contract: Contract, block: Block) -> None:
    """Note that everything up to `block` cannot be taken back, and drop what was kept for that."""
    before = evidence.checkpoint(connection, contract)
    after = replace(before, final_number=block.number, final_hash=block.hash)
    evidence.set_checkpoint(connection, contract, after)
    evidence.forget_blocks(connection, contract, below=block.number)
    derived.forget_undo(connection, contract, up_to=block.number)


def mark_verified(connection: Connection, contract: Contract, number: int) -> None:
    """Note that the contract's own counters agreed with the books after block `number`."""
    before = evidence.checkpoint(connection, contract)
    evidence.set_checkpoint(connection, contract, replace(before, verified_number=number))


def prepare(database: Database) -> SchemaState:
    """Migrate the database and build anew whatever derived data is missing or stale.

    Returns what its tables were before. Raises `BadDatabase` for a database that is of a later version
    or half restored.
    """
    before = database.migrate()
    with database.writing() as connection:
        for contract in evidence.contracts(connection):
            checkpoint = evidence.checkpoint(connection, contract)
            _require_whole(database, connection, contract, checkpoint)
            if _folded(connection, contract) != checkpoint.event_count:
                derived.rebuild(connection, contract)
    return before


def _require_whole(
    database: Database, connection: Connection, contract: Contract, checkpoint: Checkpoint
) -> None:
    count = evidence.count(connection, contract)
    kept = evidence.window(connection, contract).get(checkpoint.head_number)
    is_new = checkpoint.head_number < contract.first_block
    if count != checkpoint.event_count:
        rule = (
            f"contract {contract.address} has {count} events where its checkpoint counted "
            f"{checkpoint.event_count}; restore all of it, or index it anew from the chain"
        )
        raise BadDatabase(database.name, rule=rule)
    if not is_new and (kept is None or kept.hash != checkpoint.head_hash):
        rule = (
            f"contract {contract.address} lacks block {checkpoint.head_number} of its checkpoint; "
            "restore all of it, or index it anew from the chain"
        )
        raise BadDatabase(database.name, rule=rule)


def _folded(connection: Connection, contract: Contract) -> int:
    t = tables.treasury.c
    query = select(t.event_count).where(t.contract_id == contract.id)
    return connection.execute(query).scalar_one_or_none() or 0
