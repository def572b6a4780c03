"""How payment systems lost money before, and that this one does not.

Given a batch with rows of every bad sort (pitfall 3)
    It should settle the rest
Given duplicates in every list argument (pitfall 4)
    It should pay by what is left after the rows before
Given a permit that an attacker used first (pitfall 7)
    It should still deposit
Given a stranger who deposits one unit in every state of a session (pitfall 8)
    It should move no clock, no owner and no payee
Given donations of every sort (pitfall 1)
    It should be able to recover them, and nothing else

Pitfall 5 is `test_reentrancy.py`, 6 `test_hostile_payees.py`, 9 `test_hostile_tokens.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.books import (
    ADMIN,
    BALANCE,
    DELAY,
    LIMIT,
    NODE,
    OTHER_BALANCE,
    OTHER_NODE,
    OTHER_OWNER,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    PAYEE,
    SESSION,
    SESSION_CONTRACT,
    UNKNOWN_SESSION,
    WINDOW,
    Books,
    deploy_token,
    row,
)
from tests.evm.hostile import sign_permit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Contract


@pytest.mark.parametrize("paused_before", [False, True])
def test_pitfall_1_only_donations_are_recoverable(
    books: Books, make: Callable[..., Contract], paused_before: bool
) -> None:
    books.earn(NODE, 100)
    owed, held = books.contract.liabilities(), books.held()
    stray = deploy_token(books.backend)
    stray.mint(books.address, 11, sender=OUTSIDER)
    make("ForceFeeder").feed(books.address, sender=OUTSIDER, value=12)
    if books.token is not None:
        books.token.mint(books.address, 13, sender=OUTSIDER)
    if paused_before:
        books.pause()
    recovered = [
        books.contract.adminWithdrawToken(stray.address, sender=ADMIN),
        books.contract.emergencyWithdrawETH(sender=ADMIN),
    ]
    if books.token is not None:
        recovered.append(books.contract.adminWithdrawToken(books.asset, sender=ADMIN))
    amounts = [receipt.events[0].args["amount"] for receipt in recovered]
    assert amounts == [11, 12, 13][: len(recovered)]
    assert (books.held(), books.contract.liabilities()) == (held, owed)


def test_pitfall_3_one_bad_row_stops_no_charge(books: Books) -> None:
    books.contract.registerSession(1, OUTSIDER, sender=SESSION_CONTRACT)
    bad = [row(UNKNOWN_SESSION, 5), row(1, 5), row(0, 0), row(2**160 - 2, LIMIT - 1)]
    rows = [*bad, row(SESSION, LIMIT - 1), *bad, row(SESSION, 1), row(OTHER_SESSION, 5), *bad]
    receipt = books.contract.payFromSessionsToNetwork(0, rows, sender=SESSION_CONTRACT)
    assert receipt.events[0].args["total"] == BALANCE + 5
    assert books.contract.sessionNetworkUsage(SESSION) == BALANCE
    assert books.contract.sessionNetworkUsage(OTHER_SESSION) == 5


def test_pitfall_3_one_bad_row_stops_no_allocation(books: Books) -> None:
    books.collect(100)
    books.mark(NODE)
    bad = [row(PAYEE, 5), row("0x" + "00" * 20, 5), row(books.address, LIMIT - 1), row(OTHER_NODE, 100)]
    rows = [*bad, row(NODE, 100), *bad, row(NODE, 0)]
    receipt = books.contract.allocateNodeAmounts(0, rows, sender=SESSION_CONTRACT)
    assert receipt.events[0].args["total"] == 100
    assert books.contract.nodePendingPayments(NODE) == 100


def test_pitfall_4_duplicates_in_every_list(books: Books) -> None:
    contract = books.contract
    contract.payFromSessionsToNetwork(0, [row(SESSION, 400)] * 3, sender=SESSION_CONTRACT)
    assert contract.sessionNetworkUsage(SESSION) == contract.totalNetworkBalance() == BALANCE
    assert contract.previewCharges([row(OTHER_SESSION, 400)] * 2)[0] == OTHER_BALANCE
    books.mark(NODE, NODE)
    contract.allocateNodeAmounts(1, [row(NODE, 100)] * 3, sender=SESSION_CONTRACT)
    assert contract.nodePendingPayments(NODE) == contract.nodeEarnings(NODE) == 300
    assert contract.previewAllocations([row(NODE, 350)] * 2)[0] == 700
    contract.allocateNodePayments([NODE] * 7, 100, sender=SESSION_CONTRACT)
    assert contract.nodePendingPayments(NODE) == BALANCE
    assert (contract.totalNetworkBalance(), books.held()) == (0, contract.liabilities())


def test_pitfall_7_permit_used_first_by_an_attacker(tokens: Books) -> None:
    assert tokens.token is not None
    signature = sign_permit(tokens.token, role="outsider", spender=tokens.address, amount=5, deadline=2**40)
    tokens.token.permit(OUTSIDER, tokens.address, 5, 2**40, *signature, sender=PAYEE)
    tokens.contract.depositToSessionWithPermit(SESSION, 5, 2**40, *signature, sender=OUTSIDER)
    assert tokens.contract.sessionBalances(SESSION) == BALANCE + 5


STATES: dict[str, int | None] = {
    "never asked": None,
    "just asked": 0,
    "waiting": DELAY - 1,
    "usable": DELAY,
    "almost lapsed": DELAY + WINDOW - 1,
    "lapsed": DELAY + WINDOW,
}


@pytest.mark.parametrize("passed", STATES.values(), ids=STATES)
def test_pitfall_8_deposit_of_a_stranger_moves_no_clock(delayed: Books, passed: int | None) -> None:
    if passed is not None:
        delayed.contract.requestSessionWithdrawal(SESSION, sender=OWNER)
        delayed.backend.advance(passed)
    account = delayed.contract.getAccount(SESSION)
    delayed.deposit(SESSION, 1, sender=OTHER_OWNER)
    assert delayed.contract.getAccount(SESSION) == account._replace(balance=BALANCE + 1)
    usable = passed is not None and DELAY <= passed < DELAY + WINDOW
    if usable:
        receipt = delayed.contract.withdrawFromSession(SESSION, sender=OWNER)
        assert receipt.events[0].args["amount"] == BALANCE + 1


def test_pitfall_8_payout_by_a_stranger_moves_no_payee(books: Books) -> None:
    books.earn(NODE, 100)
    before = books.contract.nodePayees(NODE), books.contract.nodeLastUsedTimestamps(NODE)
    books.backend.advance(5)
    books.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    assert (books.contract.nodePayees(NODE), books.contract.nodeLastUsedTimestamps(NODE)) == before
