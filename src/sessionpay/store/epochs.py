"""Epochs and the rules that apply in them: which one takes rows, and what the others are."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sessionpay.core.epochs import RULE_VERSION
from sessionpay.store.errors import EpochClosed, NoEpoch
from sessionpay.store.settlement_tables import epochs, rules, settlement, usage_rows

FIRST = 1
# Between two looks another process may close the epoch that was found; it opens the next one in the same
# transaction, so that the second look finds that.
LOOKS = 3

# Put together once: to do that anew for each look takes longer than to look.
_CONTRACT_ID = select(settlement.c.contract_id)
_CURRENT = select(epochs).where(epochs.c.closed_at.is_(None))
_EPOCH = select(epochs).where(epochs.c.number == bindparam("number"))
_TEXT = select(rules.c.text).where(rules.c.sha256 == bindparam("sha256"))
_POLICIES = select(rules.c.sha256, rules.c.text).where(rules.c.kind == "policy")


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch: `prices` and `policy` are the SHA-256 of their texts, times unix seconds.

    It takes rows until `closed_at`; it is `open` until all of its rows are in segments, then `sealed`.
    """

    number: int
    state: str
    prices: str
    policy: str
    rule_version: int
    opened_at: int
    closed_at: int | None
    settled_at: int | None
    usage_sha256: str | None
    manifest_sha256: str | None


def begin(connection: Connection, *, prices: str, policy: str, at: int) -> Epoch:
    """Open the first epoch of an empty database under the texts of a price sheet and a policy.

    The settlement is bound to no contract yet. Returns the epoch that takes rows if somebody else was first.
    """
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    bind = dialect.insert(settlement).values(id=1, contract_id=None, retained=0, halted=None)
    if connection.execute(bind.on_conflict_do_nothing().returning(settlement.c.id)).first() is None:
        return taking(connection)
    return _open(connection, FIRST, prices=prices, policy=policy, at=at)


def contract_id(connection: Connection) -> int | None:
    """Return which contract the settlement is bound to, None while there is none."""
    found: int | None = connection.execute(_CONTRACT_ID).scalar()
    return found


def current(connection: Connection) -> Epoch | None:
    """Return the epoch that takes rows as far as this connection sees; None before the first one."""
    found = connection.execute(_CURRENT).one_or_none()
    return None if found is None else _epoch(found)


def taking(connection: Connection) -> Epoch:
    """Return the epoch that takes rows, and keep it from being closed until this transaction ends.

    For a transaction that writes. Raises `NoEpoch` before the first one.
    """
    return _locked(connection, is_shared=True)


def close(connection: Connection, number: int, *, prices: str, policy: str, at: int) -> Epoch:
    """Close epoch `number` and return the next one, opened under these texts.

    Waits for every transaction that adds rows to it. Raises `EpochClosed` if another one takes rows.
    """
    epoch = _locked(connection, is_shared=False)
    if epoch.number != number:
        raise EpochClosed(number, taking=epoch.number)
    connection.execute(update(epochs).where(epochs.c.number == number).values(closed_at=at))
    return _open(connection, number + 1, prices=prices, policy=policy, at=at)


def mark_sealed(connection: Connection, number: int) -> bool:
    """Note that a closed epoch's rows are all in segments, and tell whether they are."""
    waiting = select(usage_rows.c.id).where(usage_rows.c.epoch == number).exists()
    closed = (epochs.c.number == number) & epochs.c.closed_at.is_not(None) & (epochs.c.state == "open")
    connection.execute(update(epochs).where(closed, ~waiting).values(state="sealed"))
    state: str = connection.execute(select(epochs.c.state).where(epochs.c.number == number)).scalar_one()
    return state != "open"


def unsealed(connection: Connection) -> list[Epoch]:
    """Return the closed epochs that still have rows to be sealed, the oldest first."""
    chosen = epochs.c.closed_at.is_not(None) & (epochs.c.state == "open")
    return [_epoch(row) for row in connection.execute(select(epochs).where(chosen).order_by(epochs.c.number))]


def listed(connection: Connection) -> list[Epoch]:
    """Return every epoch by its number."""
    return [_epoch(row) for row in connection.execute(select(epochs).order_by(epochs.c.number))]


def last_settled(connection: Connection) -> int | None:
    """Return the number of the newest settled epoch; None where none is settled yet."""
    found: int | None = connection.execute(
        select(func.max(epochs.c.number)).where(epochs.c.settled_at.is_not(None))
    ).scalar()
    return found


def find(connection: Connection, number: int) -> Epoch | None:
    """Return one epoch; None if there is none of that number."""
    found = connection.execute(_EPOCH, {"number": number}).one_or_none()
    return None if found is None else _epoch(found)


def text(connection: Connection, digest: str) -> str:
    """Return the price sheet or the policy of this SHA-256, as it was written."""
    return str(connection.execute(_TEXT, {"sha256": digest}).scalar_one())


def policies(connection: Connection) -> dict[str, str]:
    """Return every policy that an epoch ever had, by its SHA-256; there are as many as anybody wrote."""
    return {row[0]: row[1] for row in connection.execute(_POLICIES).all()}


def hold(connection: Connection, number: int) -> None:
    """Keep everybody from adding rows to an epoch until this transaction ends."""
    # SQLite has one writer at a time and no such clause; the dialect leaves it out.
    connection.execute(select(epochs.c.number).where(epochs.c.number == number).with_for_update()).one()


def _locked(connection: Connection, *, is_shared: bool) -> Epoch:
    # SQLite has one writer at a time and no such clause; the dialect leaves it out.
    query = select(epochs).where(epochs.c.closed_at.is_(None)).with_for_update(read=is_shared)
    for _ in range(LOOKS):
        found = connection.execute(query).one_or_none()
        if found is not None:
            return _epoch(found)
    raise NoEpoch


def _open(connection: Connection, number: int, *, prices: str, policy: str, at: int) -> Epoch:
    row = {
        "number": number,
        "state": "open",
        "prices": _keep(connection, "prices", prices),
        "policy": _keep(connection, "policy", policy),
        "rule_version": RULE_VERSION,
        "opened_at": at,
    }
    connection.execute(insert(epochs).values(row))
    return _epoch(connection.execute(select(epochs).where(epochs.c.number == number)).one())


def _keep(connection: Connection, kind: str, text: str) -> str:
    digest = sha256(text.encode()).hexdigest()
    if connection.execute(select(rules.c.sha256).where(rules.c.sha256 == digest)).one_or_none() is None:
        connection.execute(insert(rules).values(sha256=digest, kind=kind, text=text))
    return digest


def _epoch(row: Row[Any]) -> Epoch:
    return Epoch(**row._mapping)  # noqa: SLF001 - the public name of a row's columns
