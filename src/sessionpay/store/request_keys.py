"""Requests that may come again: what each made, by the key that its sender gave it."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from sessionpay.store.reservations import OPEN, Reservation
from sessionpay.store.settlement_tables import request_keys, reservations


class RequestKey(NamedTuple):
    """A key of one reporter, and the SHA-256 of what was asked with it."""

    reporter: str
    key: str
    digest: str


class Made(NamedTuple):
    """What a request made that came before: the digest of what it asked, and its answer."""

    digest: str
    reservation: Reservation


def find(connection: Connection, key: RequestKey, *, since: int) -> Made | None:
    """Return what the request of a key made, unless that was before unix time `since`."""
    columns = [reservations.c[name] for name in Reservation._fields]
    query = (
        select(request_keys.c.digest, *columns)
        .join(reservations, reservations.c.id == request_keys.c.reservation_id)
        .where(request_keys.c.reporter == key.reporter, request_keys.c.key == key.key)
        .where(request_keys.c.created_at >= since)
    )
    row = connection.execute(query).one_or_none()
    # As it was answered: what became of the reservation since is told by its own id.
    return None if row is None else Made(row[0], Reservation(*row[1:])._replace(state=OPEN))


def add(connection: Connection, key: RequestKey, made: Reservation) -> bool:
    """Note what the request of a key made; False where another one took the key just now."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    values = {**key._asdict(), "reservation_id": made.id, "created_at": made.created_at}
    insertion = dialect.insert(request_keys).values(values).on_conflict_do_nothing()
    return connection.execute(insertion.returning(request_keys.c.key)).first() is not None


def forget(connection: Connection, *, before: int) -> None:
    """Forget the keys of requests before unix time `before`."""
    connection.execute(delete(request_keys).where(request_keys.c.created_at < before))
