"""Whether an event can follow the books: what the contract would never have logged is no history.

A provider that leaves an event out is found by the next event that needed it, because the contract
refuses a charge above a balance, a deposit to an unknown session, a batch out of turn.
"""

from sessionpay.core import events as ev
from sessionpay.core.books import Books
from sessionpay.core.errors import BrokenHistory
from sessionpay.core.ids import SESSION_ID_LIMIT, ZERO_ADDRESS, SessionId
from sessionpay.core.money import AMOUNT_LIMIT

CLOCK_LIMIT = 2**32
# A request can be made in the last second of the clock, and opens after the longest delay.
AVAILABLE_AT_LIMIT = 2**33


def require_possible(books: Books, event: ev.Event) -> None:
    """Raise `BrokenHistory` if the contract with these books could not have logged `event`."""
    match event:
        case ev.SessionsCharged():
            _batch(books, event, event.total, [row.amount for row in event.charges])
            _charges(books, event, event.charges)
        case ev.NodesAllocated():
            _batch(books, event, event.total, [row.amount for row in event.allocations])
            _allocations(books, event, event.allocations)
        case ev.PaymentToNetwork():
            _charges(books, event, (ev.Charge(event.session_id, event.amount),))
        case ev.NodePaymentAllocated():
            _allocations(books, event, (ev.Allocation(event.node, event.amount),))
        case ev.NodePaymentWithdrawn():
            pending = books.node(event.node).pending
            _rule(event, 0 < event.amount == pending, f"{pending} were pending of {event.node}")
        case ev.Paused():
            _rule(event, books.paused_until <= event.until < CLOCK_LIMIT, "pauses do not overlap")
        case ev.Unpaused():
            _rule(event, books.paused_until > 0, "nothing was paused")
        case ev.RoleGranted():
            held = (event.role, event.account) in books.roles
            _rule(event, not held, f"{event.account} already held the role")
        case ev.RoleRevoked():
            held = (event.role, event.account) in books.roles
            _rule(event, held, f"{event.account} did not hold the role")
        case _:
            _of_session(books, event)


def _of_session(books: Books, event: ev.Event) -> None:
    match event:
        case ev.SessionRegistered():
            _rule(event, 0 <= event.session_id < SESSION_ID_LIMIT, "the session id is too large")
            _rule(event, event.session_id not in books.sessions, f"session {event.session_id} existed")
        case ev.DepositToSession():
            _known(books, event, event.session_id)
            _rule(event, 0 < event.amount < AMOUNT_LIMIT - books.liabilities, "the amount is out of range")
        case ev.WithdrawFromSession():
            balance = books.session(event.session_id).balance
            _rule(event, 0 < event.amount <= balance, f"session {event.session_id} had {balance}")
        case ev.SessionWithdrawalRequested():
            _known(books, event, event.session_id)
            in_range = books.withdrawal_delay < event.available_at < AVAILABLE_AT_LIMIT
            _rule(event, in_range, "the time is out of range")
        case ev.SessionWithdrawalCancelled():
            requested = books.session(event.session_id).withdrawal_requested_at != 0
            _rule(event, requested, f"session {event.session_id} had no request")
        case ev.SessionTransferred():
            _known(books, event, event.session_id)
            owner = books.session(event.session_id).owner
            _rule(event, event.previous_owner == owner, f"session {event.session_id} belonged to {owner}")
        case _:
            pass  # Timestamps, payees and recoveries can follow anything.


def _batch(
    books: Books, event: ev.SessionsCharged | ev.NodesAllocated, total: int, amounts: list[int]
) -> None:
    _rule(event, event.sequence == books.sequence < CLOCK_LIMIT, f"batch {books.sequence} was next")
    _rule(event, sum(amounts) == total, f"its rows add up to {sum(amounts)}, not {total}")


def _charges(books: Books, event: ev.Event, rows: tuple[ev.Charge, ...]) -> None:
    left: dict[SessionId, int] = {}
    for session_id, amount in rows:
        left[session_id] = left.get(session_id, books.session(session_id).balance) - amount
        if left[session_id] < 0:
            raise _broken(event, f"session {session_id} had too little")


def _allocations(books: Books, event: ev.Event, rows: tuple[ev.Allocation, ...]) -> None:
    total = sum(row.amount for row in rows)
    _rule(event, total <= books.network, f"the treasury had {books.network}")
    for node, amount in rows:
        if amount and books.node(node).last_used_at == 0:
            raise _broken(event, f"node {node} was not active")


def _known(books: Books, event: ev.Event, session_id: SessionId) -> None:
    known = books.session(session_id).owner != ZERO_ADDRESS
    _rule(event, known, f"session {session_id} did not exist")


def _rule(event: ev.Event, holds: bool, rule: str) -> None:
    if not holds:
        raise _broken(event, rule)


def _broken(event: ev.Event, rule: str) -> BrokenHistory:
    return BrokenHistory(type(event).__name__, rule=rule)
