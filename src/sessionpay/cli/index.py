"""`sessionpay index`: every event of one or more contracts in a database, from which the books follow."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

from typer import Option
from web3 import Web3

from sessionpay.app import NoBooks, NotNamed, Place, find_chain
from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.interrupts import interruptible
from sessionpay.cli.output import Count, Fields, Row
from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import Address, checksum_address
from sessionpay.indexer import follow
from sessionpay.indexer.follow import Follower, Progress
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.store import derived, evidence
from sessionpay.store.books import prepare
from sessionpay.store.database import Database
from sessionpay.store.errors import NotIndexed
from sessionpay.store.evidence import Checkpoint, Contract

index = group("index", help="Keep the books: follow contracts into a database.")

_Once = Annotated[bool, Option("--once", help="Catch up with the chain and stop.")]
_Contracts = Annotated[
    list[str] | None,
    Option(
        "--contract",
        metavar="ADDRESS|NAME",
        help="A contract; may be repeated. Else the config's and all that the books have of the chain.",
    ),
]
_Confirmations = Annotated[
    int | None,
    Option(
        "--confirmations", metavar="N", help="Blocks below the head that count as final; else the node's."
    ),
]
_AlsoRpc = Annotated[
    list[str] | None,
    Option("--also-rpc", metavar="URL|NAME", help="One more node of the same chain; may be repeated."),
]


@command(index, "run", needs=Needs.CHAIN_AND_BOOKS, example="index run --once --contract eth --contract usdc")
def run_index(
    run: Run,
    *,
    contract: _Contracts = None,
    once: _Once = False,
    confirmations: _Confirmations = None,
    also_rpc: _AlsoRpc = None,
) -> None:
    """Follow contracts into the database, until interrupted or, with --once, to the chain's head."""
    if confirmations is not None and confirmations < 0:
        raise BadCommandLine("confirmations", confirmations, rule="is not below zero")
    places = _places(run, contract)
    if places[0].address is None:
        _require_known(run)
    others = [find_chain(run.wiring.config(), rpc=each) for each in also_rpc or ()]
    # Before the database, so that nodes which cannot be used leave no empty file behind.
    with run.screen.waiting("looking at the chain"):
        nodes = run.wiring.open_nodes(
            [places[0], *others], on_fault=lambda fault: run.screen.note(f"without it for now: {fault}")
        )
    with _opened(run) as database:
        with run.screen.waiting("looking at the contracts"):
            contracts = _entered(database, nodes[0], places, is_named=bool(contract))
        with run.screen.counting("blocks") as count:
            followers = [_follower(database, each, nodes, confirmations, count) for each in contracts]
            positions = _follow(run, database, followers, once=once)
        _show(run, "Indexed", database, [_told(position) for position in positions])


@command(index, "status", needs=Needs.CHAIN_AND_BOOKS, example="index status")
def status(run: Run, *, contract: _Contracts = None) -> None:
    """Show how far each contract is read, how far that is behind the chain, and reorganisations seen."""
    places = _places(run, contract)
    database = run.wiring.read_database(run.database)
    try:
        with database.reading() as connection:
            read = [(each, evidence.checkpoint(connection, each)) for each in evidence.contracts(connection)]
        if not read:
            raise NoBooks(database.name)
        web3 = run.wiring.open_chain(places[0])
        chain_id = rpc.chain_id(web3)
        if contract:
            read = [_chosen(read, place, chain_id) for place in places]
        head = int(rpc.block_header(web3)["number"], 16)
        rows = [_told(_position(each, at, head), is_seen=each.chain_id == chain_id) for each, at in read]
        _show(run, "Index", database, rows)
    finally:
        database.close()


@command(index, "rebuild", needs=Needs.BOOKS, example="index rebuild")
def rebuild(run: Run) -> None:
    """Drop everything that follows from the events, of every contract, and build it anew."""
    with _opened(run, is_new=False) as database, database.sole_writer():
        with run.screen.waiting("rebuilding"):
            prepare(database)
            with database.writing() as connection:
                rows: list[Row] = [
                    {
                        "contract": checksum_address(contract.address),
                        "chain_id": contract.chain_id,
                        "events": derived.rebuild(connection, contract),
                    }
                    for contract in evidence.contracts(connection)
                ]
        fields: Fields = {"database": database.name, "contracts": rows}
    run.screen.result("Rebuilt", fields)


@contextmanager
def _opened(run: Run, *, is_new: bool = True) -> Iterator[Database]:
    if not is_new:
        run.wiring.require_books(run.database)
    database = run.wiring.open_database(run.database)
    try:
        yield database
    finally:
        database.close()


def _places(run: Run, named: Sequence[str] | None) -> list[Place]:
    """Return where each contract that was named is, else the config's; all of them on one network."""
    chosen = list(dict.fromkeys(named)) if named else [None]
    places = [replace(run, contract=each).place() for each in chosen]
    for name, place in zip(chosen, places, strict=True):
        if place.rpc != places[0].rpc:
            rule = (
                f"is on another network than {chosen[0]}; follow the contracts of each network by themselves"
            )
            raise BadCommandLine("contract", name, rule=rule)
    return places


def _require_known(run: Run) -> None:
    """Raise `NotNamed` where no contract is named and there are no books to take any from."""
    try:
        run.wiring.read_database(run.database).close()
    except NoBooks:
        raise NotNamed.contract() from None


def _entered(database: Database, web3: Web3, places: Sequence[Place], *, is_named: bool) -> list[Contract]:
    """Enter the contracts of `places` and return them; those that the books have of the chain besides."""
    chain_id = rpc.chain_id(web3)
    # Entering a contract needs the tables, and making them needs that nobody else writes.
    with database.sole_writer():
        database.migrate()
        wanted: list[Address] = [place.address for place in places if place.address is not None]
        if not is_named:
            with database.reading() as connection:
                known = evidence.contracts(connection)
            wanted += [each.address for each in known if each.chain_id == chain_id]
        if not wanted:
            raise NotNamed.contract()
        return [enrol(database, SessionPayment(web3, each)) for each in dict.fromkeys(wanted)]


def _follower(
    database: Database, contract: Contract, nodes: Sequence[Web3], confirmations: int | None, count: Count
) -> Follower:
    first = contract.first_block - 1
    line = f"{contract.asset.symbol} {checksum_address(contract.address)[:10]}"
    return Follower(
        database,
        contract,
        [ChainSource(node, contract.address) for node in nodes],
        confirmations=confirmations,
        progress=lambda at: count(line, at.head_number - first, at.chain_head - first),
    )


def _follow(run: Run, database: Database, followers: Sequence[Follower], *, once: bool) -> Sequence[Progress]:
    def tell(fault: SessionPayError) -> None:
        run.screen.note(f"waiting: {fault}")

    with interruptible() as stop:
        return follow.run(database, followers, stop=stop, once=once, on_fault=tell)


def _chosen(
    read: Sequence[tuple[Contract, Checkpoint]], place: Place, chain_id: int
) -> tuple[Contract, Checkpoint]:
    for each, checkpoint in read:
        if (each.address, each.chain_id) == (place.address, chain_id):
            return each, checkpoint
    if place.address is None:
        raise NotNamed.contract()
    raise NotIndexed(place.address, chain_id=chain_id)


def _position(contract: Contract, at: Checkpoint, chain_head: int) -> Progress:
    return Progress(
        contract=contract,
        head_number=at.head_number,
        final_number=at.final_number,
        verified_number=at.verified_number,
        chain_head=chain_head,
        event_count=at.event_count,
        reorganisations=at.reorganisations,
    )


def _show(run: Run, title: str, database: Database, rows: Sequence[Row]) -> None:
    run.screen.parts(title, {"database": database.name}, "contracts", rows)


def _told(at: Progress, *, is_seen: bool = True) -> Row:
    """Tell where a contract stands; what its chain has is not known if the node serves another one."""
    return {
        "contract": checksum_address(at.contract.address),
        "symbol": at.contract.asset.symbol,
        "chain_id": at.contract.chain_id,
        "block": at.head_number,
        "chain_block": at.chain_head if is_seen else None,
        "lag": at.lag if is_seen else None,
        "final_block": at.final_number,
        "verified_block": at.verified_number,
        "events": at.event_count,
        "reorganisations": at.reorganisations,
    }
