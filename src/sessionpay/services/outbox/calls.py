"""From a batch to the call that it is, and from the call's events to what came of each row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sessionpay.chain import abi, logs, rows, rpc
from sessionpay.chain.transactions import Intent
from sessionpay.core import events as ev
from sessionpay.core.ids import Address
from sessionpay.store.outbox import Batch, Purpose, Rows


@dataclass(frozen=True, slots=True)
class _Form:
    """How one purpose is written: the function, its last argument, and the event that answers it."""

    signature: str
    argument: Callable[[Any], tuple[str, Any]]
    event: type[ev.Event]
    applied: Callable[[Any], Rows]


_FORMS = {
    Purpose.CHARGE: _Form(
        "payFromSessionsToNetwork(uint256,uint256[])",
        lambda charges: ("charges", rows.charge_words(charges)),
        ev.SessionsCharged,
        lambda event: event.charges,
    ),
    Purpose.MARK: _Form(
        "updateNodeLastUsedTimestamps(address[])",
        lambda nodes: ("nodes", nodes),
        ev.NodeTimestampsUpdated,
        lambda event: event.nodes,
    ),
    Purpose.ALLOCATE: _Form(
        "allocateNodeAmounts(uint256,uint256[])",
        lambda allocations: ("allocations", rows.allocation_words(allocations)),
        ev.NodesAllocated,
        lambda event: event.allocations,
    ),
    Purpose.PAYOUT: _Form(
        "withdrawNodePayment(address)",
        lambda nodes: ("node", nodes[0]),
        ev.NodePaymentWithdrawn,
        lambda event: (ev.Allocation(event.node, event.amount),),
    ),
}
SETTLEMENT_SEQUENCE = abi.calldata(abi.function("settlementSequence()"), {})


# The first topics of the events that use a sequence up.
NUMBERED_TOPICS = tuple(logs.topic_of(event) for event in (ev.SessionsCharged, ev.NodesAllocated))


def has_sequence(purpose: Purpose) -> bool:
    """Tell whether the contract numbers such batches, and so takes each number once."""
    return purpose in {Purpose.CHARGE, Purpose.ALLOCATE}


def call_of(
    batch: Batch, contract: Address, *, sender: Address, sequence: int | None
) -> tuple[rpc.Call, Intent]:
    """Return the call that `batch` is, and the words that an error about it is told with."""
    form = _FORMS[batch.purpose]
    function = abi.function(form.signature)
    name, value = form.argument(batch.rows)
    numbered = {"sequence": sequence} if has_sequence(batch.purpose) else {}
    data = abi.calldata(function, {**numbered, name: value})
    named = {"node": value} if batch.purpose is Purpose.PAYOUT else {}
    told = {"epoch": batch.epoch, "position": batch.position, **numbered, **named}
    return rpc.Call(contract, data, sender), Intent(function.name, told)


def applied(batch: Batch, events: Sequence[ev.Event]) -> Rows | None:
    """Return what the contract made of each row, by the one event that fits; None if there is none."""
    form = _FORMS[batch.purpose]
    answers = [form.applied(event) for event in events if isinstance(event, form.event)]
    fitting = [answer for answer in answers if _keys(answer) == _keys(batch.rows)]
    return fitting[0] if len(fitting) == 1 else None


def _keys(found: Rows) -> list[object]:
    return [row if isinstance(row, str) else row[0] for row in found]
