"""Where the money is: what ever moved, and what the treasury is kept for. Amounts are in base units.

Nothing here reads sessions, nodes or events one by one: what moved is added up by day as it comes in.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from sessionpay.core.money import BaseUnits
from sessionpay.store.evidence import Contract
from sessionpay.store.outbox import Purpose
from sessionpay.store.queries import DayTotal
from sessionpay.store.rows import KEYS_AT_ONCE
from sessionpay.store.settlement_tables import attempts, epochs, outbox, settlement
from sessionpay.store.settling import ALLOCATING, CHARGED, CHARGING
from sessionpay.store.tables import events

# The event of a batch begins with its sequence and its total; its rows, of which there are hundreds, follow.
_HEAD_CHARACTERS = 200
_TOTAL = re.compile(r'\{"sequence":"[0-9]+","total":"([0-9]+)"')


@dataclass(frozen=True, slots=True)
class Flows:
    """What was ever paid into sessions and taken back, charged, allocated to nodes and paid out to them."""

    deposited: BaseUnits
    withdrawn: BaseUnits
    charged: BaseUnits
    allocated: BaseUnits
    paid_out: BaseUnits


@dataclass(frozen=True, slots=True)
class Earmarks:
    """What the treasury is kept for, as far as epochs explain it.

    `held` waits for accounts that were not active, `retained` has no account, and `in_flight` was collected
    by an epoch that is being settled and did not reach its nodes yet.
    """

    held: BaseUnits
    retained: BaseUnits
    in_flight: BaseUnits


def flows(days: Sequence[DayTotal]) -> Flows:
    """Return what moved on all of these days."""
    return Flows(
        deposited=BaseUnits(sum(day.deposit for day in days)),
        withdrawn=BaseUnits(sum(day.withdrawal for day in days)),
        charged=BaseUnits(sum(day.charge for day in days)),
        allocated=BaseUnits(sum(day.allocation for day in days)),
        paid_out=BaseUnits(sum(day.payout for day in days)),
    )


def earmarks(connection: Connection, contract: Contract, *, under_way: int) -> Earmarks:
    """Return what the treasury is kept for; all zero where another contract is settled here, or none.

    `under_way` is what the function of that name returned.
    """
    s = settlement.c
    kept = connection.execute(select(s.retained, s.held).where(s.contract_id == contract.id)).one_or_none()
    if kept is None:
        return Earmarks(BaseUnits(0), BaseUnits(0), BaseUnits(0))
    waiting = kept.held or 0
    # Allocations pay what was held before as well, and that note is only changed when the epoch is settled.
    paid_of_held = min(waiting, max(0, -under_way))
    return Earmarks(
        held=BaseUnits(waiting - paid_of_held),
        retained=BaseUnits(kept.retained),
        in_flight=BaseUnits(max(0, under_way)),
    )


def planned(connection: Connection) -> dict[str, str]:
    """Return the transactions of the epoch being settled that charge or allocate, each with its purpose."""
    return {row[0]: row[1] for row in connection.execute(_PLANNED).all()}


def under_way(connection: Connection, contract: Contract, *, purposes: Mapping[str, str]) -> int:
    """Return what the epoch being settled collected, less what it allocated, as the events have it.

    `purposes` are the transactions of `planned`.
    """
    total = 0
    for transaction_hash, head in _heads(connection, contract, sorted(purposes)):
        found = _TOTAL.match(head)
        if found is not None:
            is_charge = purposes[transaction_hash] == Purpose.CHARGE
            total += int(found[1]) if is_charge else -int(found[1])
    return total


def _heads(
    connection: Connection, contract: Contract, transactions: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the beginnings of the events of some transactions, each with its transaction's hash."""
    e = events.c
    query = select(e.transaction_hash, func.substr(e.arguments, 1, _HEAD_CHARACTERS))
    # By their hashes, because joined with all that was sent a database may begin with the events.
    for start in range(0, len(transactions), KEYS_AT_ONCE):
        some = transactions[start : start + KEYS_AT_ONCE]
        where = (e.contract_id == contract.id, e.transaction_hash.in_(some))
        for row in connection.execute(query.where(*where)):
            yield row[0], row[1]


_PLANNED = (
    select(attempts.c.transaction_hash, outbox.c.purpose)
    .join(outbox, outbox.c.id == attempts.c.outbox_id)
    .join(epochs, epochs.c.number == outbox.c.epoch)
    .where(
        epochs.c.state.in_([CHARGING, CHARGED, ALLOCATING]),
        outbox.c.purpose.in_([Purpose.CHARGE, Purpose.ALLOCATE]),
    )
)
