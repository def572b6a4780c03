"""Statements: what an account had before a period, what moved in it, and what it had after.

Only what is final is in one, so a statement never changes, however often it is asked for.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from enum import StrEnum

from sqlalchemy import Connection

from sessionpay.core.errors import InputError
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import NOTHING, BaseUnits
from sessionpay.core.movements import Kind
from sessionpay.services.budget import NoSession
from sessionpay.serving.errors import NoNode
from sessionpay.serving.reader import Reader
from sessionpay.store import evidence, pages, queries
from sessionpay.store.pages import Moved, Spot

# About as many as make one piece of an answer.
LINES_AT_ONCE = 200

# What is paid out or deposited passes the treasury by.
_OF_TREASURY = {Kind.CHARGE: 1, Kind.ALLOCATION: -1}


class StatementFormat(StrEnum):
    """How a statement is written."""

    JSON = "json"
    CSV = "csv"


class BadPeriod(InputError):
    """A period that no statement can be made of."""

    def __init__(self, first: int, last: int, *, rule: str) -> None:
        """Keep both blocks, and say what to do."""
        self.first = first
        self.last = last
        super().__init__(f"blocks {first} to {last}: {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One movement: `signed` is how it changes the account, which has `balance_after` then."""

    block_number: int
    log_index: int
    row: int
    timestamp: int
    transaction_hash: str
    kind: Kind
    session_id: SessionId | None
    node: Address | None
    amount: BaseUnits
    signed: int
    balance_after: BaseUnits


COLUMNS = tuple(field.name for field in fields(StatementLine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Blocks `from_block` to `to_block` of one account: both balances, and the lines that lead there.

    It is of a session, of what is pending of a node, or of the treasury, which has neither. Lines are read
    as they are taken, a few hundred at a time, in the order of the chain.
    """

    session_id: SessionId | None
    node: Address | None
    from_block: int
    to_block: int
    opening_balance: BaseUnits
    closing_balance: BaseUnits
    lines: Iterator[StatementLine]


def statement(
    reader: Reader,
    *,
    of: SessionId | Address | None,
    from_block: int | None = None,
    to_block: int | None = None,
) -> Statement:
    """Return the statement of a session, a node, or the treasury where `of` is None.

    From the contract's first block to the last final one, where nothing else is said. Raises `NoSession`,
    `NoNode`, and `BadPeriod` for a period that is not final, or ends before it begins.
    """
    with reader.database.reading() as connection:
        _require_known(connection, reader, of)
        final = evidence.checkpoint(connection, reader.contract).final_number
        first = reader.contract.first_block if from_block is None else from_block
        last = final if to_block is None else to_block
        # Before the first final block all there is, is nothing, and no mistake of whoever asks.
        if (from_block, to_block) != (None, None):
            _require_period(first, last, final=final)
        opening = _balance(connection, reader, of, up_to=first - 1)
        closing = _balance(connection, reader, of, up_to=last)
    return Statement(
        session_id=None if isinstance(of, str) else of,
        node=of if isinstance(of, str) else None,
        from_block=first,
        to_block=last,
        opening_balance=opening,
        closing_balance=closing,
        lines=_lines(reader, of, first=first, last=last),
    )


def written_as_csv(found: Statement) -> Iterator[bytes]:
    """Yield a statement's lines between one of kind `opening` and one of kind `closing`."""
    yield _csv(COLUMNS)
    yield _csv(_bare(found.from_block, "opening", found.opening_balance))
    for line in found.lines:
        yield _csv(astuple(line))
    yield _csv(_bare(found.to_block, "closing", found.closing_balance))


def _require_known(connection: Connection, reader: Reader, of: SessionId | Address | None) -> None:
    if isinstance(of, str):
        if queries.node(connection, reader.contract, of) is None:
            raise NoNode(of)
    elif of is not None and queries.session(connection, reader.contract, of) is None:
        raise NoSession(of)


def _require_period(first: int, last: int, *, final: int) -> None:
    if last > final:
        raise BadPeriod(
            first, last, rule=f"what is behind block {final} is not final yet; end there, or wait"
        )
    if first > last:
        raise BadPeriod(first, last, rule="a statement ends at the block it begins with, or at a later one")


def _balance(
    connection: Connection, reader: Reader, of: SessionId | Address | None, *, up_to: int
) -> BaseUnits:
    """Return what an account has after block `up_to`, from its last movement alone; 0 without one."""
    found = pages.movements(connection, reader.contract, of=of, up_to=up_to, limit=1)
    if not found:
        return NOTHING
    last = found[0].movement
    return BaseUnits(last.network_after if of is None else last.balance_after)


def _lines(
    reader: Reader, of: SessionId | Address | None, *, first: int, last: int
) -> Iterator[StatementLine]:
    """Yield lines, each batch from a look of its own: final ones are the same at every look."""
    behind: Spot | None = Spot(first, -1, -1)
    while behind is not None:
        with reader.database.reading() as connection:
            found = pages.movements(
                connection,
                reader.contract,
                of=of,
                behind=behind,
                newest_first=False,
                up_to=last,
                kinds=tuple(_OF_TREASURY) if of is None else (),
                limit=LINES_AT_ONCE,
            )
        behind = found[-1].spot if len(found) == LINES_AT_ONCE else None
        yield from (_line(each, of) for each in found)


def _line(found: Moved, of: SessionId | Address | None) -> StatementLine:
    moved = found.movement
    is_own = of is not None
    return StatementLine(
        block_number=found.spot.block_number,
        log_index=found.spot.log_index,
        row=found.spot.row,
        timestamp=found.timestamp,
        transaction_hash=found.transaction_hash,
        kind=moved.kind,
        session_id=moved.session_id,
        node=moved.node,
        amount=BaseUnits(moved.amount),
        signed=moved.signed if is_own else moved.amount * _OF_TREASURY[moved.kind],
        balance_after=BaseUnits(moved.balance_after if is_own else moved.network_after),
    )


def _bare(block: int, kind: str, balance: BaseUnits) -> list[object]:
    told = {"block_number": block, "kind": kind, "balance_after": balance}
    return [told.get(name, "") for name in COLUMNS]


def _csv(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow("" if cell is None else cell for cell in cells)
    return line.getvalue().encode()
