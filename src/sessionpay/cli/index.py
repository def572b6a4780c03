"""`sessionpay index`: every event of a contract in a database, from which the books follow."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Annotated

from typer import Option

from sessionpay.chain import rpc
from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import Fields, Row
from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import checksum_address
from sessionpay.indexer import follow
from sessionpay.indexer.follow import Follower, Progress
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.store import derived, evidence
from sessionpay.store.books import prepare
from sessionpay.store.database import Database

index = group("index", help="Keep the books: follow a contract into a database.")

_Once = Annotated[bool, Option("--once", help="Catch up with the chain and stop.")]
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


@command(index, "run", needs=Needs.CONTRACT_AND_BOOKS, example="index run --once")
def run_index(
    run: Run, *, once: _Once = False, confirmations: _Confirmations = None, also_rpc: _AlsoRpc = None
) -> None:
    """Follow the contract into the database, until interrupted or, with --once, to the chain's head."""
    if confirmations is not None and confirmations < 0:
        raise BadCommandLine("confirmations", confirmations, rule="is not below zero")
    books = run.reading()
    nodes = [books.web3, *(replace(run, rpc=each).chain() for each in also_rpc or ())]
    with _opened(run) as database, run.screen.counting("blocks") as count:
        # Entering a contract needs the tables, and making them needs that nobody else writes.
        with database.sole_writer():
            database.migrate()
            contract = enrol(database, books.contract)
        follower = Follower(
            database,
            contract,
            [ChainSource(node, contract.address) for node in nodes],
            confirmations=confirmations,
            progress=lambda at: count(
                at.head_number - contract.first_block, at.chain_head - contract.first_block
            ),
        )
        [position] = _follow(run, database, follower, once=once)
    run.screen.result("Indexed", _told(position))


@command(index, "status", needs=Needs.CONTRACT_AND_BOOKS, example="index status")
def status(run: Run) -> None:
    """Show how far the contract is read, how far that is behind the chain, and reorganisations seen."""
    with run.indexed() as (connection, contract):
        checkpoint = evidence.checkpoint(connection, contract)
    web3 = run.chain()
    chain_head = int(rpc.block_header(web3)["number"], 16)
    position = Progress(
        contract=contract,
        head_number=checkpoint.head_number,
        final_number=checkpoint.final_number,
        verified_number=checkpoint.verified_number,
        chain_head=chain_head,
        event_count=checkpoint.event_count,
        reorganisations=checkpoint.reorganisations,
    )
    run.screen.result("Index", _told(position))


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


def _follow(run: Run, database: Database, follower: Follower, *, once: bool) -> Sequence[Progress]:
    def tell(fault: SessionPayError) -> None:
        run.screen.note(f"waiting: {fault}")

    with _interruptible() as stop:
        return follow.run(database, [follower], stop=stop, once=once, on_fault=tell)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Lend a function that says whether the process was asked to end, so that it ends between two steps."""
    asked = Event()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: asked.set()) for kind in kinds]
    try:
        yield asked.is_set
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _told(at: Progress) -> Fields:
    return {
        "contract": checksum_address(at.contract.address),
        "chain_id": at.contract.chain_id,
        "block": at.head_number,
        "chain_block": at.chain_head,
        "lag": at.lag,
        "final_block": at.final_number,
        "verified_block": at.verified_number,
        "events": at.event_count,
        "reorganisations": at.reorganisations,
    }
