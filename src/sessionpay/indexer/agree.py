"""Two nodes' histories made one: what either left out is taken from the other, if the chain allows it."""

from collections.abc import Iterable

from sessionpay.chain.errors import ChainError
from sessionpay.core.ids import Address
from sessionpay.indexer import bloom
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.indexer.source import TOPICS, Source
from sessionpay.store.evidence import Entry

TOPIC_BY_EVENT = {name: topic for topic, name in TOPICS.items()}
Place = tuple[int, int]
SILENT = "silent"


def united(
    address: Address, *, first: tuple[Source, list[Entry]], second: tuple[Source, list[Entry]]
) -> list[Entry]:
    """Return the events that either node gave, in order.

    An event that only one node gave must be possible by the other's header and receipts of its block.
    Raises `FaultyAnswer` for one that is not, and for two events at one place.
    """
    if first[1] == second[1]:
        return first[1]
    ours, theirs = _by_place(first[1]), _by_place(second[1])
    for place in ours.keys() & theirs.keys():
        if ours[place] != theirs[place]:
            rule = f"{second[0].name} has another event at log {place[1]} of block {place[0]}"
            raise FaultyAnswer(first[0].name, rule=rule)
    for place in sorted(ours.keys() - theirs.keys()):
        _require_allowed(address, ours[place], giver=first[0], other=second[0])
    for place in sorted(theirs.keys() - ours.keys()):
        # An event that the giver's own receipts do not confirm, and the other node denies, is dropped: it
        # does not stop the other node. One that they lack is dropped in any case.
        confirmed = _confirmed(second[0], theirs[place])
        try:
            _require_allowed(address, theirs[place], giver=second[0], other=first[0])
        except FaultyAnswer:
            if confirmed != SILENT and confirmed is not False:
                raise
            del theirs[place]
            continue
        if confirmed is False:
            del theirs[place]
    both = ours | theirs
    return [both[place] for place in sorted(both)]


def _by_place(entries: Iterable[Entry]) -> dict[Place, Entry]:
    return {(entry.block_number, entry.log_index): entry for entry in entries}


def _require_allowed(address: Address, entry: Entry, *, giver: Source, other: Source) -> None:
    """Raise `FaultyAnswer` if `other` denies an event; a node that does not answer has no say."""
    try:
        header = other.block(entry.block_number)
        # The filter cannot tell a second event of one kind from the first; receipts can.
        denied_by_receipts = other.has(entry) is False
    except (ChainError, FaultyAnswer):
        return
    topic = TOPIC_BY_EVENT[type(entry.event).__name__]
    denied = header is not None and (
        header.block.hash != entry.block_hash or not bloom.allows(header.bloom, (address, topic))
    )
    if denied or denied_by_receipts:
        rule = f"{other.name} denies its event at log {entry.log_index} of block {entry.block_number}"
        raise FaultyAnswer(giver.name, rule=rule)


def _confirmed(giver: Source, entry: Entry) -> bool | str | None:
    """Tell what the giver's own receipts say of what it gave: `SILENT` where it does not answer."""
    try:
        return giver.has(entry)
    except (ChainError, FaultyAnswer):
        return SILENT
