"""Two nodes' histories made one: what either left out is taken from the other, if the chain allows it.

One of the two may be wrong, as far as it can be shown by its own words or by what both call the same
block. Where each stands by what the other one denies, nobody is believed.
"""

from collections.abc import Iterable

from sessionpay.chain.errors import ChainError
from sessionpay.core.ids import Address
from sessionpay.indexer import bloom
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.indexer.source import TOPICS, Source
from sessionpay.store.evidence import Entry

TOPIC_BY_EVENT = {name: topic for topic, name in TOPICS.items()}
Place = tuple[int, int]
# A node that fails now and then is asked again whether it stands by an event; one without receipts is not
# asked often enough for it to matter.
QUESTIONS = 4
SILENT = "silent"


def united(
    address: Address, *, first: tuple[Source, list[Entry]], second: tuple[Source, list[Entry]]
) -> list[Entry]:
    """Return the events that either node gave, in order.

    Raises `FaultyAnswer` against the first node if the second denies one of its events, if they contradict
    each other, and if the second stands by an event that the first one denies.
    """
    if first[1] == second[1]:
        return first[1]
    ours, theirs = _by_place(first[1]), _by_place(second[1])
    for place in sorted(ours.keys() & theirs.keys()):
        if ours[place] != theirs[place]:
            _require_withdrawn(first[0], ours[place], second[0], theirs.pop(place))
    for place in sorted(ours.keys() - theirs.keys()):
        _require_allowed(address, ours[place], giver=first[0], other=second[0])
    for place in sorted(theirs.keys() - ours.keys()):
        if not _is_to_be_added(address, theirs[place], giver=second[0], other=first[0]):
            del theirs[place]
    both = theirs | ours
    return [both[place] for place in sorted(both)]


def _by_place(entries: Iterable[Entry]) -> dict[Place, Entry]:
    return {(entry.block_number, entry.log_index): entry for entry in entries}


def _require_withdrawn(first: Source, ours: Entry, second: Source, theirs: Entry) -> None:
    """Raise `FaultyAnswer` unless only the second node, asked again, does not stand by its event."""
    place = f"at log {ours.log_index} of block {ours.block_number}"
    if _confirmed(first, ours) is False:
        raise FaultyAnswer(first.name, rule=f"its own block denies its event {place}")
    if _confirmed(second, theirs) is not False:
        raise FaultyAnswer(first.name, rule=f"{second.name} has another event {place}")


def _is_to_be_added(address: Address, entry: Entry, *, giver: Source, other: Source) -> bool:
    """Tell whether an event belongs to the chain that `giver` alone gave.

    One that its giver's own block denies does not. One that `other` denies does not either if its giver
    does not answer; if it does, `FaultyAnswer` is raised, because one of them is wrong.
    """
    confirmed = _confirmed(giver, entry)
    try:
        _require_allowed(address, entry, giver=giver, other=other)
    except FaultyAnswer:
        if confirmed is not False and confirmed != SILENT:
            raise
        return False
    return confirmed is not False


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
        header.block.hash != entry.block_hash
        or (header.bloom and not bloom.allows(header.bloom, (address, topic)))
    )
    if denied or denied_by_receipts:
        rule = f"{other.name} denies its event at log {entry.log_index} of block {entry.block_number}"
        raise FaultyAnswer(giver.name, rule=rule)


def _confirmed(giver: Source, entry: Entry) -> bool | str | None:
    """Tell whether a node's own header and receipts have what it gave.

    `SILENT` where it does not answer, None where it gives no receipts.
    """
    answer: bool | str | None = None
    for _question in range(QUESTIONS):
        try:
            header = giver.block(entry.block_number)
            if header is None or (header.block.hash, header.block.timestamp) != (
                entry.block_hash,
                entry.timestamp,
            ):
                return False
            answer = giver.has(entry)
        except (ChainError, FaultyAnswer):
            answer = SILENT
        if isinstance(answer, bool):
            return answer
    return answer
