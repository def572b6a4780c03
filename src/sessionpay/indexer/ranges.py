"""History read by range: a node that refuses a range is asked for less of it, and remembered for that."""

from sessionpay.chain.errors import NodeRefused, Unreachable
from sessionpay.indexer.plan import Span
from sessionpay.indexer.source import Source
from sessionpay.store.evidence import Entry


class Ranges:
    """One node, and how much of its history it gave at once so far."""

    def __init__(self, source: Source, span: Span) -> None:
        """Bind them together; nothing is asked yet."""
        self.source = source
        self.span = span

    def read(self, first: int, last: int) -> list[Entry]:
        """Return the events of final blocks `first` to `last` in order.

        Raises `NodeRefused` for a node that refuses even one block, `Unreachable` when no answer comes,
        and `FaultyAnswer`.
        """
        entries: list[Entry] = []
        while first <= last:
            end = min(last, first + self.span.blocks - 1)
            try:
                some = self.source.history(first, end)
            except NodeRefused:
                # The size may be what the node refuses, so that is no fault until it is the smallest.
                self.span = self.span.halved(end - first + 1)
                if end == first:
                    raise
            except Unreachable:
                # It may be the size that takes too long, but each attempt takes long, too.
                self.span = self.span.halved(end - first + 1)
                raise
            else:
                entries += some
                first = end + 1
                self.span = self.span.grown(len(some))
        return entries
