"""Promises that want a history of their own; all others are kept watch over in `promises.py`.

Given a session with a withdrawal delay
    When its owner, strangers and the operator act in any order
        It should let a charge within the delay of any request find the money that was there
    When everything that an admin can change is changed during a request
        It should pay the withdrawal at its first second all the same
Given an admin who pauses whenever that is possible
    It should be paused for at most seven days of any eight
Given a batch with a bad row of every kind, and payees that refuse money
    It should settle all other rows, and pay out everybody else
Given a batch that two operators send, or one sends late
    It should land once
Given a token with two addresses
    It should not be recovered under its other name
Given many sessions and nodes
    It should cost no call more gas than among few
Given a hostile payee, owner, admin or token that is being called
    When it calls any function of the contract back
        It should be turned away without a word, unless no money could be touched by it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.books import (
    ADMIN,
    ADMIN_ROLE,
    BALANCE,
    DAY,
    DEFAULT_ADMIN_ROLE,
    DELAY,
    LIMIT,
    NODE,
    OTHER_BALANCE,
    OTHER_NODE,
    OTHER_SESSION,
    OUTSIDER,
    OWNER,
    PAYEE,
    SESSION,
    SESSION_CONTRACT,
    SESSION_CONTRACT_ROLE,
    UNKNOWN_SESSION,
    Books,
    assert_refused,
    deploy_books,
    row,
)
from tests.contracts.stateful import calls
from tests.evm.contract import Reverted
from tests.evm.hostile import FALSE, Fault, Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evm.contract import Contract

WEEK: Final = 7 * DAY
NEW_SESSION: Final = 9
ASSET_GONE: Final = "recovery: asset would be short"

leaving = st.one_of(
    st.tuples(st.sampled_from(("request", "request", "cancel", "hand over")), st.just(0)),
    st.tuples(st.sampled_from(("deposit", "withdraw", "charge")), st.sampled_from((1, 2, 300, BALANCE))),
    st.tuples(st.just("wait"), st.sampled_from((1, DELAY // 2, DELAY - 1, DELAY, DELAY, WEEK))),
)


@given(steps=st.lists(leaving, min_size=2, max_size=14))
def test_delay_protects(delayed: Books, steps: list[tuple[str, int]]) -> None:
    """Promise 3a, invariant-8: every request is a sign, whatever was done before it or is done after it."""
    before = delayed.backend.snapshot()
    try:
        _leave_step_by_step(delayed, steps)
    finally:
        delayed.backend.restore(before)


def _leave_step_by_step(books: Books, steps: list[tuple[str, int]]) -> None:
    contract, owners = books.contract, [OWNER, PAYEE]
    # What was there when a request was made, less what was charged since, by the time of the request.
    signs: dict[int, int] = {}
    acts: dict[str, Callable[[int], object]] = {
        "request": lambda _: contract.requestSessionWithdrawal(SESSION, sender=owners[0]),
        "cancel": lambda _: contract.cancelSessionWithdrawal(SESSION, sender=owners[0]),
        "hand over": lambda _: contract.transferSession(SESSION, owners[1], sender=owners[0]),
        "deposit": lambda amount: books.deposit(SESSION, amount),
        "withdraw": lambda amount: contract.withdrawFromSession(SESSION, amount, sender=owners[0]),
        "charge": books.collect,
        "wait": books.backend.advance,
    }
    for name, amount in steps:
        try:
            acts[name](amount)
        except Reverted:
            continue
        if name == "hand over":
            owners.reverse()
        elif name == "request":
            signs[books.now] = contract.sessionBalances(SESSION)
        elif name == "charge":
            signs = {at: max(0, promised - amount) for at, promised in signs.items()}
        for at, promised in signs.items():
            if promised and books.now < at + DELAY:
                contract.payFromSessionToNetwork.call(SESSION, promised, sender=SESSION_CONTRACT)


def test_params_not_retroactive(delayed: Books) -> None:
    """Promise 15: the withdrawal opens at the second that was announced."""
    contract = delayed.contract
    contract.requestSessionWithdrawal(SESSION, sender=OWNER)
    opens_at = delayed.now + DELAY
    for role in (ADMIN_ROLE, SESSION_CONTRACT_ROLE):
        contract.grantRole(role, OUTSIDER, sender=ADMIN)
    contract.pause(WEEK, sender=OUTSIDER)
    contract.unpause(sender=OUTSIDER)
    delayed.backend.advance(DAY)
    contract.pause(WEEK, sender=ADMIN)
    contract.updateNodeLastUsedTimestamp(OWNER, sender=OUTSIDER)
    for role in (SESSION_CONTRACT_ROLE, ADMIN_ROLE, DEFAULT_ADMIN_ROLE):
        contract.renounceRole(role, ADMIN, sender=ADMIN)
    delayed.backend.set_time(opens_at - 1)
    assert_refused(delayed, "session: delay not over", "withdrawFromSession(uint256)", SESSION, sender=OWNER)
    delayed.backend.set_time(opens_at)
    contract.withdrawFromSession(SESSION, sender=OWNER)
    assert contract.sessionBalances(SESSION) == 0


attempts = st.tuples(
    st.sampled_from((0, 1, DAY - 1, DAY, DAY, WEEK, WEEK + DAY)), st.sampled_from((1, DAY, WEEK - 1, WEEK))
)


@given(plan=st.lists(attempts, max_size=12), ends_early=st.sets(st.integers(0, 11)))
def test_pause_ends(native: Books, plan: list[tuple[int, int]], ends_early: set[int]) -> None:
    """Promise 10, invariant-6: however pauses follow each other, a day in eight is free of them."""
    contract, before = native.contract, native.backend.snapshot()
    # Deployments begin without a pause, long after the last one could have ended.
    pauses = [(0, 0)]
    for attempt, (wait, seconds) in enumerate(plan):
        native.backend.advance(wait)
        if native.now < pauses[-1][1] + DAY:
            assert_refused(native, "pause: too soon", "pause", seconds, sender=ADMIN)
            continue
        contract.pause(seconds, sender=ADMIN)
        pauses.append((native.now, native.now + seconds))
        if attempt in ends_early:
            native.backend.advance(seconds // 2)
            contract.unpause(sender=ADMIN)
            pauses[-1] = (pauses[-1][0], native.now)
        assert contract.pausedUntil() == pauses[-1][1]
    for start in {begin for begin, _ in pauses} | {end - WEEK - DAY for _, end in pauses}:
        over = start + WEEK + DAY
        paused = sum(max(0, min(end, over) - max(begin, start)) for begin, end in pauses)
        assert paused <= WEEK
    native.backend.restore(before)


def test_one_bad_row_in_a_charge_batch(books: Books) -> None:
    """Promise 11: unknown, empty, short and repeated rows take what is there; the rest is charged in full."""
    asked = [
        (UNKNOWN_SESSION, 5),
        (SESSION, 400),
        (SESSION, LIMIT - 1),
        (SESSION, 7),
        (OTHER_SESSION, 300),
        (0, 0),
    ]
    rows = [row(session, amount) for session, amount in asked]
    books.contract.payFromSessionsToNetwork(0, rows, sender=SESSION_CONTRACT)
    assert books.contract.sessionNetworkUsage(SESSION) == BALANCE
    assert books.contract.sessionNetworkUsage(OTHER_SESSION) == 300
    assert books.contract.totalNetworkBalance() == BALANCE + 300


def test_one_bad_row_in_an_allocation_batch(books: Books) -> None:
    """Promise 11: an inactive node, and one that would earn too much, leave their amounts in the treasury."""
    books.earn(OTHER_NODE, 100)
    books.collect(600)
    books.mark(NODE)
    rows = [row(PAYEE, 5), row(NODE, 200), row(OTHER_NODE, LIMIT - 100), row(OTHER_NODE, 50), row(NODE, 200)]
    books.contract.allocateNodeAmounts(0, rows, sender=SESSION_CONTRACT)
    pending = [books.contract.nodePendingPayments(node) for node in (PAYEE, NODE, OTHER_NODE)]
    assert (pending, books.contract.totalNetworkBalance()) == ([0, 400, 150], 150)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault != Fault.NONE])
def test_one_bad_payee(native: Books, make: Callable[..., Contract], fault: Fault) -> None:
    """Promise 11, invariant-4: a payee that refuses keeps its own money waiting, and nobody else's."""
    payee = make("HostilePayee")
    payee.setFault(fault, "node: nothing to pay", sender=OUTSIDER)
    for node in (payee.address, NODE):
        native.earn(node, 100)
    assert_refused(native, "asset: transfer failed", "withdrawNodePayment", payee.address, sender=OUTSIDER)
    native.contract.withdrawNodePayment(NODE, sender=OUTSIDER)
    native.contract.withdrawFromSession(SESSION, sender=OWNER)
    assert native.contract.nodePendingPayments(payee.address) == 100
    native.contract.setNodePayee(payee.address, PAYEE, sender=payee.address)
    native.contract.withdrawNodePayment(payee.address, sender=OUTSIDER)
    assert native.contract.liabilities() == native.held() == OTHER_BALANCE


@pytest.mark.parametrize("name", ["payFromSessionsToNetwork", "allocateNodeAmounts"])
def test_batch_once(books: Books, name: str) -> None:
    """Promise 13, invariant-7: the second operator, and whoever comes late, is told so."""
    books.contract.grantRole(SESSION_CONTRACT_ROLE, OUTSIDER, sender=ADMIN)
    books.collect(100)
    books.mark(NODE)
    rows = [row(SESSION if name == "payFromSessionsToNetwork" else NODE, 10)]
    getattr(books.contract, name)(0, rows, sender=SESSION_CONTRACT)
    for sequence in (0, 2, 2**32 - 1, 2**32, 2**256 - 1):
        for sender in (OUTSIDER, SESSION_CONTRACT):
            assert_refused(books, "batch: wrong sequence", name, sequence, rows, sender=sender)
    getattr(books.contract, name)(1, [], sender=OUTSIDER)
    assert books.contract.settlementSequence() == 2


def test_recovery_is_surplus_only_by_any_name(delayed: Books, make: Callable[..., Contract]) -> None:
    """Promise 4, invariant-5: a second address of the asset opens no second door."""
    token = make("TwoAddressToken")
    front = make("TokenFront", token.address)
    token.setFront(front.address, sender=ADMIN)
    books = deploy_books(delayed.backend, token=token, delay=0)
    books.give(books.address, 77)
    assert_refused(books, ASSET_GONE, "adminWithdrawToken", front.address, sender=ADMIN)
    books.contract.adminWithdrawToken(token.address, sender=ADMIN)
    assert books.held() == books.contract.liabilities() == BALANCE + OTHER_BALANCE
    assert token.balanceOf(ADMIN) == 77


def test_gas_flat(books: Books) -> None:
    """Promise 12: among a hundred more sessions and nodes, every call costs the same to the unit of gas."""
    few = _gas_of_all(books)
    for other in range(1, 51):
        books.contract.registerSession(2**64 + other, OWNER, sender=SESSION_CONTRACT)
        books.deposit(2**64 + other, other)
        books.mark(f"0x{2**64 + other:040x}")
    assert _gas_of_all(books) == few


def _gas_of_all(books: Books) -> list[int]:
    contract, before = books.contract, books.backend.snapshot()
    native, operator = int(books.token is None), SESSION_CONTRACT
    sends: list[Callable[[], Any]] = [
        lambda: contract.registerSession(NEW_SESSION, OWNER, sender=operator),
        lambda: contract.depositToSession(SESSION, 9, sender=OWNER, value=9 * native),
        lambda: contract.payFromSessionToNetwork(SESSION, 500, sender=operator),
        lambda: contract.payFromSessionsToNetwork(
            0, [row(SESSION, 9), row(OTHER_SESSION, 9)], sender=operator
        ),
        lambda: contract.updateNodeLastUsedTimestamps([NODE, OTHER_NODE], sender=operator),
        lambda: contract.allocateNodePayments([NODE, OTHER_NODE], 9, sender=operator),
        lambda: contract.allocateNodeAmounts(1, [row(NODE, 9), row(OTHER_NODE, 8)], sender=operator),
        lambda: contract.deleteNodeLastUsedTimestamp(NODE, sender=operator),
        lambda: contract.setNodePayee(NODE, PAYEE, sender=NODE),
        lambda: contract.withdrawNodePayment(NODE, sender=OUTSIDER),
        lambda: contract.withdrawFromSession(SESSION, sender=OWNER),
        lambda: contract.transferSession(SESSION, PAYEE, sender=OWNER),
        lambda: contract.pause(DAY, sender=ADMIN),
        lambda: contract.unpause(sender=ADMIN),
    ]
    used = [send().gas_used for send in sends]
    books.backend.restore(before)
    return used


FREE: Final = (*calls.ACCESS_CONTROL, *calls.UNGUARDED_READS)
TOKEN_HOOKS: Final = (Function.TRANSFER, Function.TRANSFER_FROM, Function.PERMIT, Function.BALANCE_OF)


@pytest.mark.parametrize("capacity", ["payee", "owner", "admin"])
def test_reentrancy_harmless_for_coin(native: Books, make: Callable[..., Contract], capacity: str) -> None:
    """Promise 14: whoever receives coin, in whatever capacity, gets in nowhere."""
    payee, contract = make("HostilePayee"), native.contract
    _empower(native, payee.address)
    contract.setNodePayee(NODE, payee.address, sender=NODE)
    payee.setCallsBack(True, sender=OUTSIDER)
    for signature, calldata in _every_call(native).items():
        payee.setCallback(native.address, calldata, sender=OUTSIDER)
        before = _heard(payee)
        if capacity == "payee":
            contract.allocateNodePayments([NODE], 1, sender=SESSION_CONTRACT)
            contract.withdrawNodePayment(NODE, sender=OUTSIDER)
        elif capacity == "owner":
            contract.withdrawFromSession(SESSION, 1, sender=payee.address)
        else:
            native.backend.set_balance(native.address, native.held() + 1)
            contract.emergencyWithdrawETH(sender=payee.address)
        _assert_turned_away(payee, signature, before)


@pytest.mark.parametrize("hook", TOKEN_HOOKS)
def test_reentrancy_harmless_for_tokens(native: Books, make: Callable[..., Contract], hook: Function) -> None:
    """Promise 14: a token that is called gets in nowhere, not even to read, though it holds every role."""
    token = make("CallbackToken")
    books = deploy_books(native.backend, token=token, delay=0)
    _empower(books, token.address)
    token.setTriggers(hook, sender=OUTSIDER)
    for signature, calldata in _every_call(books).items():
        if hook == Function.BALANCE_OF and signature in FREE:
            continue
        token.setCallback(books.address, calldata, sender=OUTSIDER)
        before = _heard(token)
        if hook == Function.TRANSFER:
            books.contract.withdrawFromSession(SESSION, 1, sender=token.address)
        else:
            books.contract.depositToSessionWithPermit(SESSION, 5, 0, 27, FALSE, FALSE, sender=OUTSIDER)
        if hook != Function.BALANCE_OF:
            # A balance that could be read through a call back would have stopped the deposit.
            _assert_turned_away(token, signature, before)


def _heard(hostile: Contract) -> tuple[int, int]:
    return hostile.attempts(), hostile.successes()


def _empower(books: Books, hostile: str) -> None:
    """Let somebody hold every role, own a session, and have something to withdraw."""
    for role in (ADMIN_ROLE, SESSION_CONTRACT_ROLE, DEFAULT_ADMIN_ROLE):
        books.contract.grantRole(role, hostile, sender=ADMIN)
    books.earn(NODE, 100)
    books.collect(100)
    books.contract.transferSession(SESSION, hostile, sender=OWNER)


def _every_call(books: Books) -> dict[str, bytes]:
    """Encode a sensible call of every function, each of which the contract itself answers or refuses."""
    values: dict[str, Any] = {
        "sessionId": SESSION,
        "sequence": 0,
        "charges": [row(SESSION, 1)],
        "allocations": [row(NODE, 1)],
        "nodes": [NODE],
        "node": NODE,
        "arg0": SESSION_CONTRACT_ROLE,
        "arg1": ADMIN,
        "role": SESSION_CONTRACT_ROLE,
        "interface_id": b"\x01\xff\xc9\xa7",
        "v": 27,
        "r": FALSE,
        "s": FALSE,
    }
    calldata = {}
    for entry in books.contract.abi:
        if entry["type"] != "function":
            continue
        kinds = [one["type"] for one in entry["inputs"]]
        names = [one["name"] for one in entry["inputs"]]
        args = [
            values.get(name, PAYEE if kind == "address" else 1)
            for name, kind in zip(names, kinds, strict=True)
        ]
        signature = f"{entry['name']}({','.join(kinds)})"
        calldata[signature] = books.contract.fn(signature).calldata(*args)
        outcome = books.backend.call(sender=OUTSIDER, to=books.address, data=calldata[signature])
        assert outcome.success or outcome.output, f"{signature} is refused without a word even from outside"
    return calldata


def _assert_turned_away(hostile: Contract, signature: str, before: tuple[int, int]) -> None:
    attempts, successes = before
    is_answered = signature in FREE and signature != calls.RENOUNCE
    assert _heard(hostile) == (attempts + 1, successes + is_answered), signature
    # The lock says nothing, so anything else than silence would have come from behind it.
    assert (hostile.returned() == b"") == (signature not in FREE or signature in calls.ACCESS_CONTROL[:2])
