"""`pause`.

Given an admin
    When it pauses for one second to seven days
        It should store and log the end, and change nothing else
    When less or more
        It should revert
    When the last pause, ended by itself or early, is less than a day ago
        It should revert
    When the end would pass 2**32
        It should revert
Given a pause
    It should not stop anything that takes no new money, and end by itself
Given anyone else
    It should revert
"""

from __future__ import annotations

import pytest

from tests.contracts.books import (
    ADMIN,
    DAY,
    DELAY,
    NODE,
    OUTSIDER,
    OWNER,
    PAYEE,
    SESSION,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    WHOLE,
    Books,
    assert_only,
    assert_refused,
    deploy_token,
    event,
)

NAME = "pause"


@pytest.mark.parametrize("seconds", [1, DAY, 7 * DAY])
def test_pauses(books: Books, seconds: int) -> None:
    books.collect(5)
    books.contract.payFromSessionsToNetwork(0, [], sender=SESSION_CONTRACT)
    before = books.treasury()
    receipt = books.contract.pause(seconds, sender=ADMIN)
    assert receipt.events == [event("Paused", until=books.now + seconds)]
    assert books.contract.pausedUntil() == books.now + seconds
    assert books.treasury() == before | {"pausedUntil": books.now + seconds}


@pytest.mark.parametrize("seconds", [0, 7 * DAY + 1, 2**32, WHOLE])
def test_duration_not_allowed(books: Books, seconds: int) -> None:
    assert_refused(books, "pause: duration not allowed", NAME, seconds, sender=ADMIN)


@pytest.mark.parametrize("passed", [0, DAY - 1, DAY, 2 * DAY - 1])
def test_too_soon_after_a_pause(books: Books, passed: int) -> None:
    books.pause(DAY)
    books.backend.advance(passed)
    assert_refused(books, "pause: too soon", NAME, 1, sender=ADMIN)


def test_a_day_after_a_pause(books: Books) -> None:
    books.pause(7 * DAY)
    books.backend.advance(8 * DAY)
    books.pause(7 * DAY)
    assert books.contract.pausedUntil() == books.now + 7 * DAY


def test_a_day_after_an_unpause(books: Books) -> None:
    books.pause(7 * DAY)
    books.contract.unpause(sender=ADMIN)
    books.backend.advance(DAY - 1)
    assert_refused(books, "pause: too soon", NAME, 1, sender=ADMIN)
    books.backend.advance(1)
    books.pause(1)


def test_clock_limit(books: Books) -> None:
    books.backend.set_time(2**32 - 1 - DAY)
    assert_refused(books, "pause: clock limit", NAME, DAY + 1, sender=ADMIN)
    books.pause(DAY)
    assert books.treasury()["pausedUntil"] == 2**32 - 1


def test_ends_by_itself(books: Books) -> None:
    books.pause(10)
    books.backend.advance(9)
    reason = "pause: contract is paused"
    assert_refused(books, reason, "payFromSessionToNetwork", SESSION, 1, sender=SESSION_CONTRACT)
    books.backend.advance(1)
    books.deposit(SESSION, 5)
    books.earn(NODE, 5)


def test_stops_no_exit_and_no_upkeep(books: Books, delayed: Books) -> None:
    books.earn(NODE, 5)
    stray = deploy_token(books.backend)
    stray.mint(books.address, 5, sender=OUTSIDER)
    books.give(books.address, 5)
    books.pause()
    contract = books.contract
    contract.setNodePayee(NODE, PAYEE, sender=NODE)
    contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    contract.withdrawFromSession(SESSION, 5, sender=OWNER)
    contract.transferSession(SESSION, OUTSIDER, sender=OWNER)
    contract.withdrawFromSession(SESSION, sender=OUTSIDER)
    contract.updateNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    contract.updateNodeLastUsedTimestamps([NODE], sender=SESSION_CONTRACT)
    contract.deleteNodeLastUsedTimestamp(NODE, sender=SESSION_CONTRACT)
    contract.adminWithdrawToken(stray.address, sender=ADMIN)
    contract.grantRole(SESSION_CONTRACT_ROLE, OUTSIDER, sender=ADMIN)
    delayed.pause(7 * DAY)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.contract.cancelSessionWithdrawal(SESSION, sender=OWNER)
    delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    delayed.backend.advance(DELAY)
    delayed.contract.withdrawFromSession(SESSION, sender=OWNER)


def test_only_the_admin(books: Books) -> None:
    assert_only(books, ADMIN, NAME, 1)
