"""united: two nodes' events made one.

Given the same events of both, it should return them
Given an event that only one node gave
  it should be added if the other one's block allows it, or the other one does not answer
  it should be left out if its giver's own block denies it, or its giver is silent and the other denies it
  it should be refused if its giver stands by it and the other denies it
Given two events at one place
  the one whose giver's own block denies it should be left out, or its giver refused
  it should be refused if both stand by theirs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sessionpay.core.events import DepositToSession
from sessionpay.core.money import BaseUnits
from sessionpay.indexer.agree import united
from sessionpay.indexer.errors import FaultyAnswer

from .history import CONTRACT, Chain, digest
from .provider import Fault, Node

if TYPE_CHECKING:
    from sessionpay.store.evidence import Entry


@pytest.fixture
def chain() -> Chain:
    made = Chain(5)
    made.grow(30)
    return made


@pytest.fixture
def honest(chain: Chain) -> Node:
    return Node(chain)


@pytest.fixture
def other(chain: Chain) -> Node:
    return Node(chain)


@pytest.fixture
def entries(honest: Node) -> list[Entry]:
    return honest.source.history(0, 30)


def both(first: Node, ours: list[Entry], second: Node, theirs: list[Entry]) -> list[Entry]:
    return united(CONTRACT, first=(first.source, ours), second=(second.source, theirs))


def deposit(entries: list[Entry]) -> int:
    return next(i for i, entry in enumerate(entries) if isinstance(entry.event, DepositToSession))


def made_up(entries: list[Entry]) -> list[Entry]:
    """Add an event of a kind that its block has, so that the filter allows it."""
    place = deposit(entries)
    extra = entries[place]._replace(log_index=entries[place].log_index + 1)
    return [*entries[: place + 1], extra, *entries[place + 1 :]]


def altered(entries: list[Entry]) -> list[Entry]:
    place = deposit(entries)
    event = entries[place].event
    assert isinstance(event, DepositToSession)
    other = entries[place]._replace(event=DepositToSession(event.session_id, BaseUnits(event.amount + 1)))
    return [*entries[:place], other, *entries[place + 1 :]]


def test_the_same_events_are_returned_without_a_question(
    honest: Node, other: Node, entries: list[Entry]
) -> None:
    honest.requests = []
    assert both(honest, entries, other, entries) == entries
    assert honest.requests == []


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("filters", [True, False])
def test_what_either_left_out_is_added(
    honest: Node, other: Node, entries: list[Entry], *, receipts: bool, filters: bool
) -> None:
    for node in (honest, other):
        node.receipts, node.filters = receipts, filters
    assert both(honest, entries[3:], other, entries) == entries
    assert both(honest, entries, other, entries[:-3]) == entries
    assert both(honest, entries[3:], other, entries[:-3]) == entries


def test_a_silent_node_has_no_say(honest: Node, other: Node, entries: list[Entry]) -> None:
    other.faults, other.percent = (Fault.LATE,), 100
    assert both(honest, entries, other, entries[3:]) == entries


def test_what_its_own_block_denies_is_left_out(honest: Node, other: Node, entries: list[Entry]) -> None:
    assert both(honest, entries, other, made_up(entries)) == entries
    assert both(honest, entries, other, altered(entries)) == entries
    moved = [*entries[:-1], entries[-1]._replace(block_hash=digest("elsewhere"))]
    assert both(honest, entries, other, moved) == entries
    later = [*entries[:-1], entries[-1]._replace(timestamp=1)]
    assert both(honest, entries, other, later) == entries
    beyond = [*entries, entries[-1]._replace(block_number=99)]
    assert both(honest, entries, other, beyond) == entries


def test_its_giver_is_asked_more_than_once(honest: Node, other: Node, entries: list[Entry]) -> None:
    other.before = lambda: setattr(other, "receipts", other.requests.count("eth_getBlockReceipts") > 2)
    assert both(honest, entries, other, made_up(entries)) == entries


def test_what_its_giver_is_silent_about_and_the_other_denies_is_left_out(
    honest: Node, other: Node, entries: list[Entry]
) -> None:
    invented = made_up(entries)
    other.faults, other.percent = (Fault.LATE,), 100
    assert both(honest, entries, other, invented) == entries


def test_what_its_giver_stands_by_and_the_other_denies_is_refused(
    honest: Node, other: Node, entries: list[Entry]
) -> None:
    other.receipts = False
    with pytest.raises(FaultyAnswer, match="denies its event at log"):
        both(honest, entries, other, made_up(entries))
    with pytest.raises(FaultyAnswer, match="denies its event at log"):
        both(other, made_up(entries), honest, entries)


def test_a_filter_denies_alone(honest: Node, other: Node, entries: list[Entry]) -> None:
    for node in (honest, other):
        node.receipts = False
    place = next(entry for entry in entries if not isinstance(entry.event, DepositToSession))
    kinds = {type(entry.event) for entry in entries if entry.block_number == place.block_number}
    foreign = next(entry.event for entry in entries if type(entry.event) not in kinds)
    invented = sorted([*entries, place._replace(log_index=99, event=foreign)])
    with pytest.raises(FaultyAnswer, match="denies its event at log 99"):
        both(other, invented, honest, entries)


def test_two_events_at_one_place(honest: Node, other: Node, entries: list[Entry]) -> None:
    with pytest.raises(FaultyAnswer, match="its own block denies its event at log"):
        both(other, altered(entries), honest, entries)
    honest.receipts = other.receipts = False
    with pytest.raises(FaultyAnswer, match="has another event at log"):
        both(honest, entries, other, altered(entries))
