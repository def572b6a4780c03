"""May this session still spend? What a router asks before it serves, and reserves while it does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from uuid import uuid4

from sqlalchemy import Connection

from sessionpay.core.errors import InputError, shown
from sessionpay.core.ids import SessionId
from sessionpay.core.money import AMOUNT_LIMIT, Asset, BaseUnits
from sessionpay.store import request_keys, reservations
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract
from sessionpay.store.request_keys import RequestKey
from sessionpay.store.reservations import OPEN, RELEASED, SETTLED, Reservation

# A router that forgets a reservation must not lock the session for longer than a long task takes.
RESERVATION_SECONDS_MAX = 86_400
# Nobody tries a request again that was sent a day ago.
KEY_SECONDS = 86_400


class NoSession(InputError):
    """The books have no such session."""

    def __init__(self, session_id: SessionId) -> None:
        """Keep the session's id."""
        self.session_id = session_id
        super().__init__(f"session {session_id} is not registered, as far as the books are read")


class NoReservation(InputError):
    """There is no such reservation."""

    def __init__(self, reservation_id: str) -> None:
        """Keep the id that was asked for."""
        self.reservation_id = reservation_id
        super().__init__(f"there is no reservation {reservation_id!r}")


class ReservationEnded(InputError):
    """A reservation ended already, in another way than it is to end now."""

    def __init__(self, reservation: Reservation) -> None:
        """Keep the reservation."""
        self.reservation = reservation
        super().__init__(f"reservation {reservation.id} is {reservation.state} already")


class KeyInUse(InputError):
    """A request with the same key is being answered at this moment."""

    def __init__(self, key: str) -> None:
        """Keep the key."""
        self.key = key
        super().__init__(f"a request with the key {shown(key)} is under way: send it again in a second")


class KeyOfAnother(InputError):
    """A key came with another request before."""

    def __init__(self, key: str) -> None:
        """Keep the key."""
        self.key = key
        super().__init__(f"the key {shown(key)} came with another request before: give each request its own")


class BadReservation(InputError):
    """An amount or an expiry that nothing can be reserved with."""

    def __init__(self, field: str, value: object, *, rule: str) -> None:
        """Keep the field, its value and the rule it breaks."""
        self.field = field
        super().__init__(f"{field} {value}: {rule}")


class BudgetExceeded(InputError):
    """A session has less left than is to be reserved."""

    def __init__(self, budget: "Budget", *, amount: BaseUnits) -> None:
        """Keep the budget and what was asked for."""
        self.budget = budget
        self.amount = amount
        reason = "; its owner asked to withdraw" if budget.withdrawal_requested_at else ""
        super().__init__(
            f"session {budget.session_id} has {budget.available} base units available, "
            f"{amount} were to be reserved{reason}: deposit more, or wait for reservations to end"
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What one session may still spend, in base units.

    `balance` is final, and less where money left since. `available` = `balance` - `unsettled` - `arrears` -
    `reserved`, not below 0; and 0 from the moment its owner asks to withdraw (`withdrawal_requested_at`,
    unix seconds, 0 for not).
    """

    session_id: SessionId
    balance: BaseUnits
    unsettled: BaseUnits
    arrears: BaseUnits
    reserved: BaseUnits
    available: BaseUnits
    withdrawal_requested_at: int


class Budgets:
    """The budgets of one contract's sessions; `clock` gives unix seconds."""

    def __init__(self, database: Database, contract: Contract, *, clock: Callable[[], int]) -> None:
        """Bind to the books of a contract."""
        self._database = database
        self._contract = contract
        self._clock = clock
        self._lock = Lock()
        self._under_way: set[tuple[str, str]] = set()

    @property
    def asset(self) -> Asset:
        """What amounts are amounts of."""
        return self._contract.asset

    def budget(self, session_id: SessionId) -> Budget:
        """Return what a session may still spend; raises `NoSession`."""
        with self._database.reading() as connection:
            return budget_of(connection, self._contract, session_id, now=self._clock())

    def reserve(
        self, session_id: SessionId, amount: BaseUnits, *, seconds: int, key: RequestKey | None = None
    ) -> Reservation:
        """Keep `amount` base units of a session for `seconds`; nothing is promised to two at once.

        The same request with the same `key` within `KEY_SECONDS` reserves nothing more, and gets the same
        answer. Raises `NoSession`, `BadReservation` and `BudgetExceeded`; `KeyOfAnother` for a key that came
        with another request, and `KeyInUse` while that is under way.
        """
        if not 0 < amount < AMOUNT_LIMIT:
            raise BadReservation("amount", amount, rule="give base units, above 0 and below 2**96")
        if not 0 < seconds <= RESERVATION_SECONDS_MAX:
            raise BadReservation("seconds", seconds, rule=f"give 1 to {RESERVATION_SECONDS_MAX}")
        now = self._clock()
        made = Reservation(str(uuid4()), session_id, amount, OPEN, now, now + seconds)
        with self._sole(key), self._database.writing() as connection:
            reservations.lock(connection, session_id)
            before = _made_before(connection, key, now=now)
            if before is not None:
                return before
            budget = budget_of(connection, self._contract, session_id, now=now)
            if amount > budget.available:
                raise BudgetExceeded(budget, amount=amount)
            reservations.add(connection, made)
            if key is not None and not request_keys.add(connection, key, made):
                # Another process took the key in this moment, for another session.
                raise KeyInUse(key.key)
        return made

    @contextmanager
    def _sole(self, key: RequestKey | None) -> Iterator[None]:
        """Let no two requests of this process be under way with one key."""
        if key is None:
            yield
            return
        with self._lock:
            if key[:2] in self._under_way:
                raise KeyInUse(key.key)
            self._under_way.add(key[:2])
        try:
            yield
        finally:
            self._under_way.discard(key[:2])

    def settle(self, reservation_id: str) -> Reservation:
        """End a reservation whose work was handed in as usage; raises as `release`."""
        return self._end(reservation_id, SETTLED)

    def release(self, reservation_id: str) -> Reservation:
        """End a reservation that is not needed; again is no error.

        Raises `NoReservation` and `ReservationEnded`.
        """
        return self._end(reservation_id, RELEASED)

    def _end(self, reservation_id: str, state: str) -> Reservation:
        with self._database.writing() as connection:
            # Changed first and read then, so that of two who end it at once the second sees how it ended.
            reservations.end(connection, reservation_id, state)
            found = reservations.find(connection, reservation_id)
        if found is None:
            raise NoReservation(reservation_id)
        if found.state != state:
            raise ReservationEnded(found)
        return found


def _made_before(connection: Connection, key: RequestKey | None, *, now: int) -> Reservation | None:
    """Return what the request of this key made before; raises `KeyOfAnother`."""
    if key is None:
        return None
    request_keys.forget(connection, before=now - KEY_SECONDS)
    found = request_keys.find(connection, key, since=now - KEY_SECONDS)
    if found is None:
        return None
    if found.digest != key.digest:
        raise KeyOfAnother(key.key)
    return found.reservation


def budget_of(connection: Connection, contract: Contract, session_id: SessionId, *, now: int) -> Budget:
    """Return what a session may still spend at unix time `now`; raises `NoSession`."""
    found = reservations.spending(connection, contract, session_id, now=now)
    if found.balance is None:
        raise NoSession(session_id)
    left = found.balance - found.unsettled - found.arrears - found.reserved
    return Budget(
        session_id=session_id,
        balance=found.balance,
        unsettled=found.unsettled,
        arrears=found.arrears,
        reserved=found.reserved,
        available=BaseUnits(0 if found.withdrawal_requested_at else max(0, left)),
        withdrawal_requested_at=found.withdrawal_requested_at,
    )
