"""Several nodes asked as one: the first answers, and the others say whether they agree."""

from collections.abc import Callable, Iterator, Sequence

from sessionpay.chain.errors import NodeRefused, Unreachable, WrongChain
from sessionpay.indexer.agree import united
from sessionpay.indexer.errors import FaultyAnswer
from sessionpay.indexer.plan import Span
from sessionpay.indexer.ranges import Ranges
from sessionpay.indexer.source import Counters, Header, Source
from sessionpay.store.evidence import Block, Contract, Entry

# No node could be asked, or would answer.
SILENCE = (Unreachable, NodeRefused, WrongChain)


class Nodes:
    """The nodes that serve one contract's chain; they take turns in being the first."""

    def __init__(self, contract: Contract, sources: Sequence[Source], *, span: Span) -> None:
        """Bind them together; nothing is asked yet."""
        self._contract = contract
        self._ranges = [Ranges(source, span) for source in sources]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ranges)

    @property
    def first(self) -> Source:
        """The node whose turn it is."""
        return self._ranges[0].source

    @property
    def span(self) -> Span:
        """How much of history the first node is asked for at once."""
        return self._ranges[0].span

    def turn(self) -> None:
        """Let the next node be the first."""
        self._ranges.append(self._ranges.pop(0))

    def require_chain(self) -> None:
        """Raise `WrongChain` if the first node serves another one."""
        found = self.first.chain_id()
        if found != self._contract.chain_id:
            raise WrongChain(expected=self._contract.chain_id, found=found)

    def final(self) -> Header | None:
        """Return the last block that the first node calls final, and no other one contradicts.

        Another one contradicts that has the block and calls a lower one its last. One that is behind, or
        calls none final, has no say.
        """
        found = self.first.final()
        for other in self._others():
            if found is None:
                break
            try:
                theirs = other.source.final()
                if theirs is None or theirs.block.number >= found.block.number:
                    continue
                is_behind = other.source.block(found.block.number) is None
            except (*SILENCE, FaultyAnswer):
                continue
            if not is_behind:
                found = existing(self.first, theirs.block.number)
        return found

    def history(self, first: int, last: int) -> list[Entry]:
        """Return the events of final blocks `first` to `last`, as two nodes give them if there are two."""
        return self._compared(self._ranges[0].read(first, last), lambda other: other.read(first, last))

    def events_of(self, header: Header) -> list[Entry]:
        """Return the events of one block, as two nodes give them if there are two."""
        return self._compared(self.first.events_of(header), lambda other: other.source.events_of(header))

    def counters(self, head: Block) -> Counters | None:
        """Return the contract's sums after a block, of another node than the first if there is one."""
        for each in (*self._others(), self._ranges[0]):
            source = each.source
            try:
                found = source.block(head.number)
                counters = source.counters(head.number) if found and found.block.hash == head.hash else None
                # Asked by number, so the block must still be the same one.
                again = source.block(head.number) if counters else None
            except (*SILENCE, FaultyAnswer):
                continue
            if counters is not None and again is not None and again.block.hash == head.hash:
                return counters
        return None

    def require_agreement(self, block: Block) -> None:
        """Refuse to call a block final that another node does not have; one that is behind has no say."""
        for other in self._others():
            try:
                found = other.source.block(block.number)
            except (*SILENCE, FaultyAnswer):
                continue
            if found is not None and found.block.hash != block.hash:
                rule = f"its final block {block.number} is another one at {other.source.name}"
                raise FaultyAnswer(self.first.name, rule=rule)

    def _compared(self, entries: list[Entry], ask: Callable[[Ranges], list[Entry]]) -> list[Entry]:
        for other in self._others():
            try:
                theirs = ask(other)
            except (*SILENCE, FaultyAnswer):
                continue
            return united(self._contract.address, first=(self.first, entries), second=(other.source, theirs))
        return entries

    def _others(self) -> Iterator[Ranges]:
        """Yield every node but the first that serves the chain, and says so."""
        for other in self._ranges[1:]:
            try:
                is_same = other.source.chain_id() == self._contract.chain_id
            except (*SILENCE, FaultyAnswer):
                continue
            if is_same:
                yield other


def existing(source: Source, number: int) -> Header:
    """Return a block below the last final one; raises `FaultyAnswer` if the node has none."""
    header = source.block(number)
    if header is None:
        raise FaultyAnswer(source.name, rule=f"it has no block {number} below its own final one")
    return header
