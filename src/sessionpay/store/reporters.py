"""Who may hand usage in: names, the SHA-256 of their API keys, and whose signature their batches bear."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from sessionpay.core.ids import Address
from sessionpay.store.errors import ReporterNamed
from sessionpay.store.settlement_tables import reporters


@dataclass(frozen=True, slots=True)
class Reporter:
    """One reporter; `signer` signs its batches, where one is named. Times are in unix seconds."""

    name: str
    signer: Address | None
    created_at: int
    revoked_at: int | None


def add(connection: Connection, name: str, *, key_sha256: str, signer: Address | None, at: int) -> None:
    """Enter a reporter. Raises `ReporterNamed` if there is or was one of that name."""
    row = {"name": name, "key_sha256": key_sha256, "signer": signer, "created_at": at}
    try:
        connection.execute(insert(reporters).values(row))
    except IntegrityError:
        rule = "there is or was one of this name; choose another"
        raise ReporterNamed(name, rule=rule) from None


def revoke(connection: Connection, name: str, *, at: int) -> None:
    """Take a reporter's right away for good. Raises `ReporterNamed` if nobody of that name has it."""
    r = reporters.c
    chosen = (r.name == name) & r.revoked_at.is_(None)
    if not connection.execute(update(reporters).where(chosen).values(revoked_at=at)).rowcount:
        rule = "nobody of this name may report; see `sessionpay usage reporter list`"
        raise ReporterNamed(name, rule=rule)


def by_key(connection: Connection, key_sha256: str) -> Reporter | None:
    """Return who has the API key of this SHA-256, None where nobody has it any more."""
    r = reporters.c
    chosen = (r.key_sha256 == key_sha256) & r.revoked_at.is_(None)
    found = connection.execute(_QUERY.where(chosen)).one_or_none()
    return None if found is None else _reporter(found)


def listed(connection: Connection) -> list[Reporter]:
    """Return every reporter that there ever was, by name."""
    return [_reporter(row) for row in connection.execute(_QUERY.order_by(reporters.c.name))]


_QUERY = select(reporters.c.name, reporters.c.signer, reporters.c.created_at, reporters.c.revoked_at)


def _reporter(row: Row[Any, Any, Any, Any]) -> Reporter:
    signer = Address(row.signer) if row.signer else None
    return Reporter(row.name, signer, row.created_at, row.revoked_at)
