"""The outbox: every transaction that an epoch needs, and every signed form of it.

A batch is one transaction to be: it is planned with its rows, and has attempts once somebody signed it.
Each function is for one transaction of the database.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from sessionpay.core.events import BATCH_ROWS_MAX, Allocation, Charge
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.store.errors import OutboxDiffers, TooManyRows
from sessionpay.store.settlement_tables import attempts, outbox

Rows = tuple[Charge, ...] | tuple[Allocation, ...] | tuple[Address, ...]


class Purpose(StrEnum):
    """What a transaction does: its rows are charges, nodes, allocations, or the one node that it pays."""

    CHARGE = "charge"
    MARK = "mark"
    ALLOCATE = "allocate"
    PAYOUT = "payout"


class State(StrEnum):
    """How far a batch or an attempt is.

    A batch is PLANNED while nothing signed can count for it. REPLACED is said of attempts alone: another one
    counts in their place, or took their nonce or their sequence for good.
    """

    PLANNED = "planned"
    PREPARED = "prepared"
    SENT = "sent"
    UNKNOWN = "unknown"
    MINED = "mined"
    FINAL = "final"
    REPLACED = "replaced"
    FAILED = "failed"


# Nothing more happens to a batch in one of these.
DONE = (State.FINAL, State.FAILED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed form of a batch: fees in wei for one gas, `raw` as it is sent, `created_at` in unix seconds.

    The event of its sequence, if there is one, stands above block `final_number`.
    """

    outbox_id: int
    number: int
    sender: Address
    nonce: int
    sequence: int | None
    max_fee: int
    priority_fee: int
    gas: int
    final_number: int
    raw: str
    transaction_hash: str
    state: State
    created_at: int


@dataclass(frozen=True, slots=True)
class Landing:
    """The block that holds a batch, and what it used there, in gas."""

    block_number: int
    block_hash: str
    transaction_hash: str
    gas_used: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One transaction that an epoch needs; `position` counts within epoch and purpose, from 0.

    `applied` is what the contract made of the rows, once final: for a charge or an allocation each row with
    its real amount, for a mark its nodes, for a payout the node and what it was paid. `reason` is why it
    failed, or why it had to be prepared anew.
    """

    id: int
    epoch: int
    purpose: Purpose
    position: int
    rows: Rows
    state: State
    reason: str | None
    sequence: int | None
    landing: Landing | None
    applied: Rows | None
    attempts: tuple[Attempt, ...]


def plan(connection: Connection, epoch: int, purpose: Purpose, planned: Sequence[Rows]) -> None:
    """Enter the transactions of one purpose, in their order; planning the same again changes nothing.

    Raises `TooManyRows` for a batch that one transaction does not take, and `OutboxDiffers` if something
    else was planned before.
    """
    rows_max = 1 if purpose is Purpose.PAYOUT else BATCH_ROWS_MAX
    for rows in planned:
        if not 1 <= len(rows) <= rows_max:
            raise TooManyRows(purpose, rows=len(rows), rows_max=rows_max)
    before = [batch.rows for batch in batches(connection, epoch, purpose)]
    if before == [tuple(rows) for rows in planned]:
        return
    if before:
        raise OutboxDiffers(purpose, epoch=epoch)
    values = [
        {
            "epoch": epoch,
            "purpose": purpose,
            "position": position,
            "rows": _text(rows),
            "state": State.PLANNED,
        }
        for position, rows in enumerate(planned)
    ]
    if values:
        connection.execute(insert(outbox), values)


def batches(connection: Connection, epoch: int, purpose: Purpose) -> tuple[Batch, ...]:
    """Return the transactions of one purpose with their attempts, in order of position."""
    chosen = (outbox.c.epoch == epoch) & (outbox.c.purpose == purpose)
    found: dict[int, list[Attempt]] = {}
    query = select(attempts).join(outbox, outbox.c.id == attempts.c.outbox_id).where(chosen)
    for row in connection.execute(query.order_by(attempts.c.outbox_id, attempts.c.number)).mappings():
        found.setdefault(row["outbox_id"], []).append(_attempt(row))
    rows = connection.execute(select(outbox).where(chosen).order_by(outbox.c.position)).mappings()
    return tuple(_batch(row, tuple(found.get(row["id"], ()))) for row in rows)


def unsettled(connection: Connection) -> tuple[Attempt, ...]:
    """Return the attempts of every epoch and purpose that may still use up a nonce or a sequence."""
    query = (
        select(attempts)
        .join(outbox, outbox.c.id == attempts.c.outbox_id)
        .where(outbox.c.state.not_in(DONE), attempts.c.state != State.REPLACED)
        .order_by(attempts.c.outbox_id, attempts.c.number)
    )
    return tuple(_attempt(row) for row in connection.execute(query).mappings())


def sequences(connection: Connection) -> dict[int, int]:
    """Return every sequence that was signed for or landed, with a block that its event stands above."""
    landed = select(outbox.c.sequence, outbox.c.block_number - 1)
    signed = select(attempts.c.sequence, func.min(attempts.c.final_number)).group_by(attempts.c.sequence)
    return {
        row[0]: row[1]
        for query in (landed.where(outbox.c.block_number.is_not(None)), signed)
        for row in connection.execute(query)
        if row[0] is not None
    }


def first_open(connection: Connection) -> int | None:
    """Return the first epoch of which a transaction is not at its end, None if all are."""
    query = select(func.min(outbox.c.epoch)).where(outbox.c.state.not_in(DONE))
    found: int | None = connection.execute(query).scalar()
    return found


def add_attempt(connection: Connection, attempt: Attempt) -> None:
    """Keep a signed form before it is sent."""
    values = {field.name: getattr(attempt, field.name) for field in fields(attempt)}
    connection.execute(insert(attempts).values(values))
    _set(connection, attempt.outbox_id, state=State.PREPARED, sequence=attempt.sequence)


def set_attempt(connection: Connection, attempt: Attempt, state: State, *, reason: str | None = None) -> None:
    """Note what became of an attempt; where it was sent or is unknown, its batch is as well."""
    _mark(connection, attempt, state)
    if state in {State.SENT, State.UNKNOWN}:
        _set(connection, attempt.outbox_id, state=state)
    if reason is not None:
        _set(connection, attempt.outbox_id, reason=reason)


def set_mined(connection: Connection, batch: Batch, landing: Landing) -> None:
    """Note the block that holds the batch, for now, and the sequence that it has there."""
    _set(connection, batch.id, state=State.MINED, sequence=batch.sequence, **_columns(landing))
    _mark_landed(connection, batch, landing, State.MINED)


def take_back(connection: Connection, batch: Batch) -> None:
    """Note that no block holds the batch any more."""
    _set(connection, batch.id, state=State.SENT, **dict.fromkeys(_columns(None)))
    for attempt in batch.attempts:
        if attempt.state is State.MINED:
            _mark(connection, attempt, State.SENT)


def set_final(connection: Connection, batch: Batch, landing: Landing, applied: Rows) -> None:
    """Note that the batch can be taken back no more, and what came of its rows."""
    columns = _columns(landing)
    _set(connection, batch.id, state=State.FINAL, reason=None, applied=_text(applied), **columns)
    for attempt in batch.attempts:
        _mark(connection, attempt, State.REPLACED)
    _mark_landed(connection, batch, landing, State.FINAL)


def set_failed(connection: Connection, batch: Batch, reason: str) -> None:
    """Give a batch up: nothing that was signed for it can count any more."""
    _set(connection, batch.id, state=State.FAILED, reason=reason)


def plan_anew(connection: Connection, batch: Batch, reason: str) -> None:
    """Let a batch begin again without a sequence, its attempts so far being replaced."""
    _set(connection, batch.id, state=State.PLANNED, reason=reason, sequence=None, **_columns(None))
    for attempt in batch.attempts:
        _mark(connection, attempt, State.REPLACED)


def _set(connection: Connection, outbox_id: int, **values: object) -> None:
    connection.execute(update(outbox).where(outbox.c.id == outbox_id).values(values))


def _mark(connection: Connection, attempt: Attempt, state: State) -> None:
    this = (attempts.c.outbox_id == attempt.outbox_id) & (attempts.c.number == attempt.number)
    connection.execute(update(attempts).where(this).values(state=state))


def _mark_landed(connection: Connection, batch: Batch, landing: Landing, state: State) -> None:
    for attempt in batch.attempts:
        if attempt.transaction_hash == landing.transaction_hash:
            _mark(connection, attempt, state)


def _columns(landing: Landing | None) -> dict[str, object]:
    return {field.name: getattr(landing, field.name, None) for field in fields(Landing)}


def _batch(row: RowMapping, made: tuple[Attempt, ...]) -> Batch:
    purpose = Purpose(row["purpose"])
    landing = None
    if row["block_hash"] is not None:
        landing = Landing(**{field.name: row[field.name] for field in fields(Landing)})
    return Batch(
        id=row["id"],
        epoch=row["epoch"],
        purpose=purpose,
        position=row["position"],
        rows=_rows(purpose, row["rows"]),
        state=State(row["state"]),
        reason=row["reason"],
        sequence=row["sequence"],
        landing=landing,
        applied=None if row["applied"] is None else _applied(purpose, row["applied"]),
        attempts=made,
    )


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(**{**row, "sender": Address(row["sender"]), "state": State(row["state"])})


def _text(rows: Rows) -> str:
    """Return rows as canonical JSON: amounts and session ids as texts, because they exceed 53 bits."""
    listed: list[Any] = [row if isinstance(row, str) else [str(part) for part in row] for row in rows]
    return json.dumps(listed, separators=(",", ":"))


def _rows(purpose: Purpose, text: str) -> Rows:
    listed = json.loads(text)
    match purpose:
        case Purpose.CHARGE:
            return tuple(Charge(SessionId(int(key)), BaseUnits(int(amount))) for key, amount in listed)
        case Purpose.ALLOCATE:
            return _allocations(listed)
        case _:
            return tuple(Address(node) for node in listed)


def _applied(purpose: Purpose, text: str) -> Rows:
    return _allocations(json.loads(text)) if purpose is Purpose.PAYOUT else _rows(purpose, text)


def _allocations(listed: list[list[str]]) -> tuple[Allocation, ...]:
    return tuple(Allocation(Address(node), BaseUnits(int(amount))) for node, amount in listed)
