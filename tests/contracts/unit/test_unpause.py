"""`unpause`.

Given a running pause
    When an admin ends it
        It should end now, change nothing else and log it
Given no pause, or one that has just ended
    It should revert
Given anyone else
    It should revert
"""

from __future__ import annotations

from tests.contracts.books import ADMIN, DAY, SESSION, Books, assert_only, assert_refused, event

NAME = "unpause"


def test_ends_the_pause(books: Books) -> None:
    books.pause(DAY)
    before = books.treasury()
    books.backend.advance(DAY - 1)
    receipt = books.contract.unpause(sender=ADMIN)
    assert receipt.events == [event("Unpaused")]
    assert books.contract.pausedUntil() == books.now
    assert books.treasury() == before | {"pausedUntil": books.now}
    books.deposit(SESSION, 5)


def test_in_the_same_second(books: Books) -> None:
    books.pause(DAY)
    books.contract.unpause(sender=ADMIN)
    books.deposit(SESSION, 5)
    assert_refused(books, "pause: not paused", NAME, sender=ADMIN)


def test_never_paused(books: Books) -> None:
    assert_refused(books, "pause: not paused", NAME, sender=ADMIN)


def test_pause_has_ended(books: Books) -> None:
    books.pause(DAY)
    books.backend.advance(DAY)
    assert_refused(books, "pause: not paused", NAME, sender=ADMIN)


def test_only_the_admin(books: Books) -> None:
    books.pause(DAY)
    assert_only(books, ADMIN, NAME)
