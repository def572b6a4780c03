"""Events in SQL held against the node's own logs, one by one.

Sums would not do: a forged event with the effect of a real one, or two that cancel out, leave every sum as
it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.core.errors import SessionPayError
from sessionpay.core.events import Event
from sessionpay.core.ids import Address
from sessionpay.core.wire import to_json
from sessionpay.indexer import bloom
from sessionpay.indexer.plan import Span
from sessionpay.indexer.source import Source
from sessionpay.services.audit import Watch
from sessionpay.services.findings import Tally, Value, aligned
from sessionpay.store.evidence import Entry

LOGS, EVENTS = "logs", "events"


class NoHistory(SessionPayError):
    """The node does not give the contract's logs from their beginning."""

    def __init__(self, source: str, *, rule: str) -> None:
        """Keep the node as far as it may be shown, and what is missing."""
        self.source = source
        self.rule = rule
        super().__init__(f"node {source} does not give the contract's history: {rule}; ask an archive node")


@dataclass(frozen=True, slots=True)
class Reach:
    """Which logs are asked for: blocks `first` to `last` of one contract at one node."""

    source: Source
    address: Address
    first: int
    last: int


def logged(reach: Reach, *, watch: Watch | None = None) -> Iterator[Entry]:
    """Yield what the contract logged in these blocks, in order, one range in memory at a time.

    Ranges are halved on refusals and grow while they are nearly empty. Raises `NoHistory` for a node that
    refuses a single block, `Unreachable` and `FaultyAnswer`.
    """
    first, span = reach.first, Span()
    while first <= reach.last:
        last = min(reach.last, first + span.blocks - 1)
        try:
            entries = reach.source.history(first, last)
        except NodeRefused as refused:
            if span.blocks == 1:
                rule = f"it refuses the logs of block {first}, saying {refused.message!r}"
                raise NoHistory(reach.source.name, rule=rule) from None
            span = span.halved()
            continue
        except Unreachable:
            # A range that is too large may take the node too long to answer in time.
            if span.blocks == 1:
                raise
            span = span.halved()
            continue
        yield from entries
        first, span = last + 1, span.grown(len(entries))
        if watch is not None:
            watch("blocks", first - reach.first, reach.last - reach.first + 1)


def witnessed(
    entries: Iterator[Entry], *, reach: Reach, tally: Tally, watch: Watch | None = None
) -> Iterator[Entry]:
    """Yield `entries`, which are of SQL, after each was held against the log at its place.

    `tally` gets what is missing, forged or different. Raises as `logged`, and `NoHistory` where the
    node leaves out the beginning without a word.
    """
    has_logged = False
    for ours, theirs in aligned(logged(reach, watch=watch), entries, key=_place):
        has_logged = has_logged or ours is not None
        if theirs is None:
            if ours is not None:
                tally.hold(_named(ours), _told(ours), None)
            continue
        if ours is None:
            if not has_logged:
                _require_forged(reach, theirs)
            tally.hold(_named(theirs), None, _told(theirs))
        else:
            _compare(tally, ours, theirs)
        yield theirs


def _require_forged(reach: Reach, entry: Entry) -> None:
    """Refuse to call an event forged that comes before every log of the node, and may have been dropped."""
    header = reach.source.block(entry.block_number)
    if header is None or header.block.hash != entry.block_hash:
        return
    if header.bloom and bloom.allows(header.bloom, (reach.address,)):
        rule = f"it gives no log of block {entry.block_number}, whose header says that there are some"
        raise NoHistory(reach.source.name, rule=rule)


def _compare(tally: Tally, ours: Entry, theirs: Entry) -> None:
    if ours == theirs:
        tally.count += 1
        return
    name = _named(ours)
    for field in Entry._fields[:-1]:
        tally.hold(f"{name} {field}", getattr(ours, field), getattr(theirs, field))
    if type(ours.event) is not type(theirs.event):
        tally.hold(f"{name} name", type(ours.event).__name__, type(theirs.event).__name__)
        return
    for argument in fields(ours.event):
        left, right = (_value(entry.event, argument.name) for entry in (ours, theirs))
        tally.hold(f"{name} {argument.name}", left, right)


def _value(event: Event, name: str) -> Value:
    value = getattr(event, name)
    # Rows of a batch are told as a whole: which of them is another one shows at a glance.
    return value if isinstance(value, int | str) else " ".join(_row(row) for row in value)


def _row(row: object) -> str:
    return row if isinstance(row, str) else "=".join(str(part) for part in row)  # type: ignore[attr-defined]


def _place(entry: Entry) -> tuple[int, int]:
    return entry.block_number, entry.log_index


def _named(entry: Entry) -> str:
    return f"event {entry.log_index} of block {entry.block_number} (transaction {entry.transaction_hash})"


def _told(entry: Entry) -> str:
    return f"{type(entry.event).__name__} {to_json(entry.event)}"
