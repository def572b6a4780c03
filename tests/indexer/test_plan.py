"""plan: what to do next, from values alone.

Given books and a node's view
  when nothing is read yet, it should read final history by range, then the rest block by block
  when the node is at the same block, it should wait; when it is behind, too
  when the heads differ, it should find the last common block with few questions, and go back to it
  when a final block differs, it should say so
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.indexer.plan import (
    FOLLOW_BLOCKS_MAX,
    Broken,
    Cursor,
    Fetch,
    Finalise,
    Follow,
    LookAt,
    Rewind,
    Span,
    View,
    Wait,
    plan,
)
from sessionpay.store.evidence import Block

SPAN = Span(10)


def block(number: int, fork: str = "a") -> Block:
    return Block(number, f"{fork}{number}", f"{fork}{number - 1}", number)


def cursor(head: int, *, final: int = -1, lowest: int = 0, fork: str = "a", first_block: int = 0) -> Cursor:
    window = {number: f"{fork}{number}" for number in range(lowest, head + 1)}
    return Cursor(first_block, head, final, window)


@pytest.mark.parametrize(
    ("books", "view", "expected"),
    [
        (cursor(-1), View(block(100), block(36)), Fetch(0, 9)),
        (cursor(35, final=35, lowest=35), View(block(100), block(36), {35: "a35"}), Fetch(36, 36)),
        (cursor(36, final=36, lowest=36), View(block(37), block(36)), Follow(37, 37)),
        (cursor(-1), View(block(100), None), Follow(0, FOLLOW_BLOCKS_MAX - 1)),
        (cursor(100, final=36, lowest=36), View(block(100), block(36)), Wait()),
        (cursor(100, final=36, lowest=36), View(block(100), block(50)), Finalise(50)),
        (cursor(100, final=36, lowest=36), View(block(99), block(36)), Wait()),
        (cursor(100, final=90, lowest=90), View(block(80), block(10)), Wait()),
        (cursor(100, final=36, lowest=36), View(block(101), block(36)), LookAt(100)),
        (cursor(3, final=-1), View(block(3, "b"), None, {0: "b0", 1: "b1", 2: "b2"}), Rewind(-1)),
        (
            cursor(3, final=1, lowest=1),
            View(block(3, "b"), None, {1: "b1", 2: "b2"}),
            Broken(1, "b1"),
        ),
        (cursor(5, final=1, lowest=1), View(block(5), block(3, "b")), Broken(3, "b3")),
    ],
)
def test_the_next_step(books: Cursor, view: View, expected: object) -> None:
    assert plan(books, view, span=SPAN) == expected


@given(common=st.integers(0, 99), longer=st.integers(-40, 40))
def test_the_fork_is_found_with_few_questions(common: int, longer: int) -> None:
    books = cursor(100, final=0)
    head = max(common + 1, 100 + longer)
    chain = {number: f"a{number}" if number <= common else f"b{number}" for number in range(head + 1)}
    view = View(Block(head, chain[head], "", 0), block(0))
    questions = 0
    while isinstance(action := plan(books, view, span=SPAN), LookAt):
        questions += 1
        view = View(view.head, view.final, {**view.hashes, action.number: chain.get(action.number)})
    assert action == Rewind(common)
    assert questions <= 9


def test_a_span_follows_what_the_node_can_give() -> None:
    assert Span(100).grown(0) == Span(200)
    assert Span(100).grown(6_000) == Span(100)
    assert Span(100).grown(30_000) == Span(50)
    assert Span(1).grown(30_000) == Span(1)
    assert Span(5, 5).grown(0) == Span(5, 5)


def test_a_span_is_halved_by_a_refusal_and_grows_slowly_from_there() -> None:
    assert Span(100).halved().blocks == 50
    assert Span(100).halved(10).blocks == 5
    assert Span(1).halved().blocks == 1
    assert Span(200).halved().grown(0).blocks == 112
    assert Span(2).halved().grown(0).blocks == 2
    assert Span(20, 11).halved().grown(0).blocks == 11
