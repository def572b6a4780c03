"""What to do next, decided from values alone: what the books have, and what a node says.

The planner is asked again after every step, so each answer is one step, and a step that fails leaves
nothing behind that the next answer would have to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sessionpay.store.evidence import Block

# Near the head, so many blocks are taken at once; a reorganisation meanwhile costs that much work.
FOLLOW_BLOCKS_MAX = 32
SPAN_BLOCKS_FIRST = 1_000
SPAN_BLOCKS_MAX = 1_000_000
# A range that gives more events than this is large enough; it is what one transaction holds.
EVENTS_WANTED = 10_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the books of one contract stand; `window` has the hashes of the blocks that are kept."""

    first_block: int
    head_number: int
    final_number: int
    window: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class View:
    """What one node says: its head, its last final block, and the hashes that were looked at besides."""

    head: Block
    final: Block | None
    hashes: Mapping[int, str | None] = field(default_factory=dict)

    def hash_at(self, number: int) -> tuple[bool, str | None]:
        """Tell whether the hash at `number` is known, and which it is; None for no such block."""
        for block in (self.head, self.final):
            if block is not None and block.number == number:
                return True, block.hash
        return number in self.hashes, self.hashes.get(number)


@dataclass(frozen=True, slots=True)
class Span:
    """How many blocks of history are asked for at once, and how many at most.

    `was_refused` tells that a node refused more than it gives now, so that its limit is near.
    """

    blocks: int = SPAN_BLOCKS_FIRST
    blocks_max: int = SPAN_BLOCKS_MAX
    was_refused: bool = False

    def halved(self, blocks: int = SPAN_BLOCKS_MAX) -> "Span":
        """Ask for less, because the node refused `blocks` at once or did not answer in time."""
        return replace(self, blocks=max(1, min(blocks, self.blocks) // 2), was_refused=True)

    def grown(self, event_count: int) -> "Span":
        """Ask for more after few events, for half as much after too many.

        Twice as much at first; an eighth more for a node that refused, or every second request would fail.
        """
        if event_count > 2 * EVENTS_WANTED:
            return replace(self, blocks=max(1, self.blocks // 2))
        if event_count > EVENTS_WANTED // 2:
            return self
        more = max(1, self.blocks // 8) if self.was_refused else self.blocks
        return replace(self, blocks=min(self.blocks_max, self.blocks + more))


@dataclass(frozen=True, slots=True)
class Fetch:
    """Read the final blocks `first` to `last` by range."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Read blocks `first` to `last`, which may still be taken back, one by one by their hashes."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LookAt:
    """Find out which hash the node has at this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Rewind:
    """Take back every block above this number."""

    to: int


@dataclass(frozen=True, slots=True)
class Finalise:
    """Make the blocks up to this number final."""

    number: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The node has another block than this final one of the books."""

    number: int
    found: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until the chain grows."""


Action = Fetch | Follow | LookAt | Rewind | Finalise | Broken | Wait


def plan(cursor: Cursor, view: View, *, span: Span) -> Action:
    """Return the next step of the books at `cursor` towards the chain in `view`."""
    if cursor.window:
        # A node behind the books is compared at its own head.
        top = min(cursor.head_number, view.head.number)
        if top < min(cursor.window):
            return Wait()
        is_known, found = view.hash_at(top)
        if not is_known:
            return LookAt(top)
        if found != cursor.window[top]:
            return _fork(cursor, view, top)
        if view.head.number < cursor.head_number:
            return Wait()
    return _finalise(cursor, view) or _onwards(cursor, view, span)


def _fork(cursor: Cursor, view: View, top: int) -> Action:
    """Find the last common block by halving: below it everything is common, above it nothing."""
    kept = sorted(number for number in cursor.window if number < top)
    if not kept:
        return _before_all(cursor, view, top)
    low, high = 0, len(kept)
    while low < high:
        middle = (low + high) // 2
        is_known, found = view.hash_at(kept[middle])
        if not is_known:
            return LookAt(kept[middle])
        if found == cursor.window[kept[middle]]:
            low = middle + 1
        else:
            high = middle
    return Rewind(kept[low - 1]) if low else _before_all(cursor, view, kept[0])


def _before_all(cursor: Cursor, view: View, lowest: int) -> Action:
    """Not even the lowest kept block is common: go back to the beginning, unless it was final."""
    if cursor.final_number < cursor.first_block:
        return Rewind(cursor.first_block - 1)
    return Broken(lowest, view.hash_at(lowest)[1])


def _finalise(cursor: Cursor, view: View) -> Action | None:
    if view.final is None or cursor.head_number < cursor.first_block:
        return None
    number = min(view.final.number, cursor.head_number)
    if number <= cursor.final_number:
        return None
    if number == view.final.number and cursor.window.get(number) != view.final.hash:
        return Broken(number, view.final.hash)
    return Finalise(number)


def _onwards(cursor: Cursor, view: View, span: Span) -> Action:
    first = cursor.head_number + 1
    if view.final is not None and first <= view.final.number:
        return Fetch(first, min(view.final.number, first + span.blocks - 1))
    if first <= view.head.number:
        return Follow(first, min(view.head.number, first + FOLLOW_BLOCKS_MAX - 1))
    return Wait()
