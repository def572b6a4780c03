"""What the chain said: contracts, blocks, events, and how far they were read.

Events are only ever added, or taken back with the blocks that a reorganisation took back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from sessionpay.core.books import Books
from sessionpay.core.events import Event
from sessionpay.core.ids import Address
from sessionpay.core.money import Asset
from sessionpay.core.wire import from_json, to_json
from sessionpay.store import faults, tables
from sessionpay.store.errors import NotIndexed
from sessionpay.store.insertion import insert_rows

# Enough for the cost of a query not to matter, and a few megabytes at most.
CHUNK_ROWS = 5_000

# Every page asks for it.
_CHECKPOINT = select(tables.checkpoints).where(tables.checkpoints.c.contract_id == bindparam("contract_id"))


class Block(NamedTuple):
    """One block: `timestamp` in unix seconds."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int


class Entry(NamedTuple):
    """One event and its place: `timestamp` is that of its block, in unix seconds."""

    block_number: int
    log_index: int
    block_hash: str
    transaction_hash: str
    transaction_index: int
    timestamp: int
    event: Event


@dataclass(frozen=True, slots=True)
class Contract:
    """One deployment as the database knows it: `withdrawal_delay` in seconds."""

    id: int
    chain_id: int
    address: Address
    asset: Asset
    withdrawal_delay: int
    first_block: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one contract is read; before the first block, numbers are one below it and hashes empty.

    `head` can still be taken back, `final` cannot. `verified_number` is the last block at which the
    contract's own counters agreed with the replay; `reorganisations` counts how often the head went back.
    """

    head_number: int
    head_hash: str
    final_number: int
    final_hash: str
    verified_number: int
    reorganisations: int
    event_count: int


def enrol(
    connection: Connection,
    *,
    chain_id: int,
    address: Address,
    asset: Asset,
    withdrawal_delay: int,
    first_block: int,
) -> Contract:
    """Return the contract, entered if it is new; what was entered before stays as it is."""
    try:
        return contract(connection, chain_id=chain_id, address=address)
    except NotIndexed:
        pass
    row = {
        "chain_id": chain_id,
        "address": address,
        "asset": asset.address,
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "withdrawal_delay": withdrawal_delay,
        "first_block": first_block,
    }
    connection.execute(insert(tables.contracts).values(row))
    made = contract(connection, chain_id=chain_id, address=address)
    connection.execute(insert(tables.checkpoints).values(contract_id=made.id, **_beginning(first_block)))
    return made


def contract(connection: Connection, *, chain_id: int, address: Address) -> Contract:
    """Return one contract; raises `NotIndexed`, and `BadValue` if a contract's row was lost."""
    found = [one for one in contracts(connection) if (one.chain_id, one.address) == (chain_id, address)]
    if not found:
        # Else a lost row would be entered anew beside what is left of it.
        faults.require_owners(connection)
        raise NotIndexed(address, chain_id=chain_id)
    return found[0]


def contracts(connection: Connection) -> list[Contract]:
    """Return every contract of the database, in the order of their entry."""
    rows = connection.execute(select(tables.contracts).order_by(tables.contracts.c.id)).mappings().all()
    for row in rows:
        _require_numbers(connection, tables.contracts, row)
    return [_contract(row) for row in rows]


def checkpoint(connection: Connection, contract: Contract) -> Checkpoint:
    """Return how far `contract` is read. Raises `BadValue` if that was lost."""
    found = connection.execute(_CHECKPOINT, {"contract_id": contract.id}).mappings().one_or_none()
    if found is None:
        key = {"contract_id": contract.id}
        raise faults.missing(connection, tables.checkpoints, key, why="its contract is there")
    row = dict(found)
    _require_numbers(connection, tables.checkpoints, row)
    del row["contract_id"]
    return Checkpoint(**row)


def set_checkpoint(connection: Connection, contract: Contract, checkpoint: Checkpoint) -> None:
    """Replace how far `contract` is read."""
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    where = tables.checkpoints.c.contract_id == contract.id
    connection.execute(update(tables.checkpoints).where(where).values(values))


def window(connection: Connection, contract: Contract) -> dict[int, Block]:
    """Return the blocks that are kept for `contract`, by number in rising order."""
    t = tables.blocks
    query = select(t.c.number, t.c.hash, t.c.parent_hash, t.c.timestamp)
    rows = connection.execute(query.where(t.c.contract_id == contract.id).order_by(t.c.number))
    return {row.number: Block(*row) for row in rows}


def append(
    connection: Connection, contract: Contract, *, entries: Sequence[Entry], blocks: Sequence[Block]
) -> None:
    """Add events, and blocks to the window; a second event at one place is refused by the database."""
    insert_rows(connection, tables.events, (_row(contract, entry) for entry in entries))
    insert_rows(connection, tables.blocks, ((contract.id, *block) for block in blocks))


def rewind(connection: Connection, contract: Contract, *, to: int) -> int:
    """Take back events and blocks above number `to`; return how many events that were."""
    e, b = tables.events.c, tables.blocks.c
    gone = connection.execute(
        delete(tables.events).where(e.contract_id == contract.id, e.block_number > to)
    ).rowcount
    connection.execute(delete(tables.blocks).where(b.contract_id == contract.id, b.number > to))
    return gone


def forget_blocks(connection: Connection, contract: Contract, *, below: int) -> None:
    """Drop the blocks of the window whose number is less than `below`."""
    b = tables.blocks.c
    connection.execute(delete(tables.blocks).where(b.contract_id == contract.id, b.number < below))


def forget(connection: Connection, contract: Contract) -> None:
    """Drop every event of `contract`, to read it anew from its first block."""
    rewind(connection, contract, to=-1)
    beginning = Checkpoint(**_beginning(contract.first_block))
    set_checkpoint(connection, contract, beginning)


def entries(connection: Connection, contract: Contract, *, up_to: int | None = None) -> Iterator[Entry]:
    """Yield every event in the order of the chain, up to and including block `up_to`.

    A few thousand are in memory at a time, however many there are. Raises `BadValue` for one that
    cannot be read.
    """
    e = tables.events.c
    query = _entries(contract)
    if up_to is not None:
        query = query.where(e.block_number <= up_to)
    block_number, log_index = -1, -1
    while True:
        # Written out, because SQLite does not use its index to compare pairs.
        beyond = or_(
            e.block_number > block_number, and_(e.block_number == block_number, e.log_index > log_index)
        )
        start = e.block_number >= block_number
        with faults.named(connection):
            rows = connection.execute(query.where(start, beyond).limit(CHUNK_ROWS))
            chunk = [entry_of(row) for row in rows]
        yield from chunk
        if len(chunk) < CHUNK_ROWS:
            return
        block_number, log_index = chunk[-1].block_number, chunk[-1].log_index


def replay(connection: Connection, contract: Contract, *, up_to: int | None = None) -> Books:
    """Return the books after block `up_to`, the last one read when left out, from the events alone."""
    books = Books(withdrawal_delay=contract.withdrawal_delay)
    for entry in entries(connection, contract, up_to=up_to):
        books.record((entry.event,), entry.timestamp)
    return books


def of_transaction(
    connection: Connection, contract: Contract, transaction_hash: str, *, limit: int
) -> list[Entry]:
    """Return the first events of one transaction, in their order; raises `BadValue`."""
    query = _entries(contract).where(tables.events.c.transaction_hash == transaction_hash).limit(limit)
    with faults.named(connection):
        return [entry_of(row) for row in connection.execute(query)]


def count(connection: Connection, contract: Contract) -> int:
    """Return how many events of `contract` there are."""
    where = tables.events.c.contract_id == contract.id
    return connection.execute(select(func.count()).select_from(tables.events).where(where)).scalar_one()


def entry_of(row: Sequence[Any]) -> Entry:
    """Return an event from its columns, from `block_number` on but for the chain's id, as they stand."""
    number, log_index, block_hash, transaction, transaction_index, timestamp, name, arguments = row
    if not (type(number) is type(log_index) is type(timestamp) is int):
        raise TypeError("a block, a log or a time that is no number")
    event = from_json(name, arguments)
    return Entry(number, log_index, block_hash, transaction, transaction_index, timestamp, event)


def _entries(contract: Contract) -> Select[*tuple[Any, ...]]:
    e = tables.events.c
    columns = (
        e.block_number, e.log_index, e.block_hash, e.transaction_hash,
        e.transaction_index, e.timestamp, e.name, e.arguments,
    )  # fmt: skip
    return select(*columns).where(e.contract_id == contract.id).order_by(e.block_number, e.log_index)


def _row(contract: Contract, entry: Entry) -> tuple[Any, ...]:
    """Return an event in the order of its table's columns."""
    block_number, log_index, *place, event = entry
    name, arguments = type(event).__name__, to_json(event)
    return (contract.id, block_number, log_index, contract.chain_id, *place, name, arguments)


def _contract(row: RowMapping) -> Contract:
    asset = Asset(Address(row["asset"]), row["symbol"], row["decimals"])
    return Contract(
        id=row["id"],
        chain_id=row["chain_id"],
        address=Address(row["address"]),
        asset=asset,
        withdrawal_delay=row["withdrawal_delay"],
        first_block=row["first_block"],
    )


def _require_numbers(connection: Connection, table: Table, row: RowMapping | dict[str, Any]) -> None:
    """Refuse a text where a number should be, which SQLite keeps without a word, before people see it."""
    for column in table.c:
        if isinstance(column.type, Integer) and type(row[column.name]) is not int:
            key = {part.name: row[part.name] for part in table.primary_key}
            raise faults.bad_value(connection, column, key, row[column.name])


def _beginning(first_block: int) -> dict[str, Any]:
    return {
        "head_number": first_block - 1,
        "head_hash": "",
        "final_number": first_block - 1,
        "final_hash": "",
        "verified_number": first_block - 1,
        "reorganisations": 0,
        "event_count": 0,
    }
