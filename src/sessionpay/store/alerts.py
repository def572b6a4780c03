"""Alerts in SQL: who is told of what, how each rule stands, and every message about it.

Each function is for one transaction of the database. A state and the message that tells of it are entered by
one call, so that neither is ever there without the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from sessionpay.core.alerts import AlertKind, AlertState, Limits
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.movements import Kind
from sessionpay.store.alert_tables import alert_messages, alert_rules, alert_states, alerts
from sessionpay.store.epochs import Epoch
from sessionpay.store.evidence import Contract
from sessionpay.store.outbox import Purpose, State
from sessionpay.store.settlement_tables import epochs, outbox
from sessionpay.store.tables import movements

# A log or a receiver that was away for long catches up in steps, so that no look takes all of memory.
MESSAGES_AT_ONCE = 200
FAULT_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class Alert:
    """Who is told: `url` is None where only the log is. `resumes_at` is 0 or when it may be called again."""

    id: int
    url: str | None
    allow_private: bool
    created_at: int
    removed_at: int | None
    disabled_at: int | None
    resumes_at: int

    @property
    def is_called(self) -> bool:
        """Whether anything is sent to it."""
        return self.url is not None and self.removed_at is None and self.disabled_at is None


@dataclass(frozen=True, slots=True)
class Rule:
    """What an alert is about, and when; `session_id` where its kind is of a session."""

    id: int
    alert_id: int
    session_id: SessionId | None
    limits: Limits

    @property
    def kind(self) -> AlertKind:
        """What may be wrong."""
        return self.limits.kind


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `body` is what is signed and sent, `attempts` counts how often it was."""

    id: int
    webhook_id: str
    alert_id: int
    rule_id: int
    subject: str
    body: str
    created_at: int
    attempts: int
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """How a rule stands for a subject from now on, and what is told of it: an id and a body, or nothing."""

    rule: Rule
    subject: str
    state: AlertState
    message: tuple[str, str] | None


# Who is told of what


def add(connection: Connection, url: str | None, *, allow_private: bool, at: int) -> int:
    """Enter an alert without rules, and return its number."""
    values = {"url": url, "allow_private": int(allow_private), "created_at": at, "resumes_at": 0}
    entered: int = connection.execute(insert(alerts).values(values).returning(alerts.c.id)).scalar_one()
    return entered


def add_rule(connection: Connection, alert_id: int, limits: Limits, *, session_id: SessionId | None) -> None:
    """Let an alert be about something."""
    values = {
        "alert_id": alert_id,
        "kind": limits.kind,
        "session_id": session_id,
        "raise_at": limits.raise_at,
        "clear_at": limits.clear_at,
        "raise_seconds": limits.raise_seconds,
        "clear_seconds": limits.clear_seconds,
        "remind_seconds": limits.remind_seconds,
    }
    connection.execute(insert(alert_rules).values(values))


def count(connection: Connection) -> int:
    """Return how many alerts there are that were not removed."""
    query = select(func.count()).select_from(alerts).where(alerts.c.removed_at.is_(None))
    return connection.execute(query).scalar_one()


def listed(connection: Connection) -> list[Alert]:
    """Return every alert that was not removed, by number."""
    query = select(alerts).where(alerts.c.removed_at.is_(None)).order_by(alerts.c.id)
    return [_alert(row) for row in connection.execute(query)]


def find(connection: Connection, alert_id: int) -> Alert | None:
    """Return one alert, also a removed one; None if there never was one of this number."""
    found = connection.execute(select(alerts).where(alerts.c.id == alert_id)).one_or_none()
    return None if found is None else _alert(found)


def remove(connection: Connection, alert_id: int, *, at: int) -> None:
    """Tell of it no more: neither anything new, nor what still waits."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(removed_at=at))
    _drop_waiting(connection, alert_id, fault="the alert was removed")


def disable(connection: Connection, alert_id: int, *, at: int, fault: str) -> None:
    """Call a receiver no more; the log is told all the same."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(disabled_at=at))
    _drop_waiting(connection, alert_id, fault=fault)


def resume_at(connection: Connection, alert_id: int, at: int) -> None:
    """Call a receiver again at this time, and not before."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(resumes_at=at))


def rules(connection: Connection) -> list[Rule]:
    """Return what all alerts that were not removed are about."""
    query = select(alert_rules).join(alerts, alerts.c.id == alert_rules.c.alert_id)
    query = query.where(alerts.c.removed_at.is_(None)).order_by(alert_rules.c.id)
    return [_rule(row) for row in connection.execute(query)]


# How each stands


def states(connection: Connection) -> dict[tuple[int, str], AlertState]:
    """Return how each rule stands for each of its subjects that anything was ever seen of."""
    s = alert_states.c
    query = select(s.rule_id, s.subject, s.is_raised, s.turning_since, s.told_at, s.episode)
    query = query.join(alert_rules, alert_rules.c.id == s.rule_id)
    query = query.join(alerts, alerts.c.id == alert_rules.c.alert_id).where(alerts.c.removed_at.is_(None))
    return {
        (row[0], row[1]): AlertState(bool(row[2]), row[3], row[4], row[5])
        for row in connection.execute(query)
    }


def apply(connection: Connection, changes: Sequence[Change], *, at: int) -> None:
    """Enter states and the messages that tell of them; what is about removed alerts is left out."""
    known = {each.id: each for each in listed(connection)}
    for change in changes:
        alert = known.get(change.rule.alert_id)
        if alert is None:
            continue
        _set_state(connection, change)
        if change.message is not None:
            webhook_id, body = change.message
            values = {
                "webhook_id": webhook_id,
                "alert_id": alert.id,
                "rule_id": change.rule.id,
                "subject": change.subject,
                "body": body,
                "created_at": at,
                "attempts": 0,
                "next_at": at if alert.is_called else None,
            }
            connection.execute(insert(alert_messages).values(values))


def _set_state(connection: Connection, change: Change) -> None:
    state = change.state
    values = {
        "is_raised": int(state.is_raised),
        "turning_since": state.turning_since,
        "told_at": state.told_at,
        "episode": state.episode,
    }
    key = (alert_states.c.rule_id == change.rule.id) & (alert_states.c.subject == change.subject)
    if not connection.execute(update(alert_states).where(key).values(values)).rowcount:
        named = {"rule_id": change.rule.id, "subject": change.subject}
        connection.execute(insert(alert_states).values({**named, **values}))


# Messages


def to_log(connection: Connection) -> list[Message]:
    """Return the next messages that are not in the log yet, the oldest first."""
    m = alert_messages.c
    query = select(*_MESSAGE).where(m.logged_at.is_(None)).order_by(m.id).limit(MESSAGES_AT_ONCE)
    return [_message(row) for row in connection.execute(query)]


def set_logged(connection: Connection, message_ids: Iterable[int], *, at: int) -> None:
    """Note that messages are in the log."""
    chosen = alert_messages.c.id.in_(list(message_ids))
    connection.execute(update(alert_messages).where(chosen).values(logged_at=at))


def due(connection: Connection, *, now: int) -> list[int]:
    """Return the alerts that have something to be sent now."""
    m = alert_messages.c
    query = select(m.alert_id).distinct().join(alerts, alerts.c.id == m.alert_id)
    query = query.where(m.next_at.is_not(None), m.next_at <= now, alerts.c.resumes_at <= now)
    return list(connection.execute(query.order_by(m.alert_id)).scalars())


def next_due(connection: Connection, alert_id: int, *, now: int) -> Message | None:
    """Return what is to be sent to a receiver now, the oldest first; None if nothing is.

    While a message waits to be tried again, later ones about the same subject wait behind it, because a
    receiver that hears of a clear before the raise believes the wrong one of both.
    """
    m = alert_messages.c
    query = select(*_MESSAGE).where(m.alert_id == alert_id, m.next_at.is_not(None)).order_by(m.id)
    behind: set[tuple[int, str]] = set()
    for row in connection.execute(query):
        found = _message(row)
        subject = (found.rule_id, found.subject)
        if subject not in behind and found.next_at is not None and found.next_at <= now:
            return found
        behind.add(subject)
    return None


def set_delivered(connection: Connection, message_id: int, *, at: int) -> None:
    """Note that the receiver has it."""
    _set_message(connection, message_id, delivered_at=at, next_at=None, fault=None)


def set_failed(connection: Connection, message_id: int, *, fault: str, next_at: int | None) -> None:
    """Note why it was not delivered, and when it is sent again; None gives it up."""
    _set_message(connection, message_id, fault=fault[:FAULT_LENGTH_MAX], next_at=next_at)


def newest(connection: Connection, alert_id: int) -> tuple[int | None, str | None]:
    """Return when the last message to a receiver was delivered, and what was wrong with the newest one."""
    m = alert_messages.c
    delivered = select(func.max(m.delivered_at)).where(m.alert_id == alert_id)
    fault = select(m.fault).where(m.alert_id == alert_id).order_by(m.id.desc()).limit(1)
    return connection.execute(delivered).scalar(), connection.execute(fault).scalar_one_or_none()


def prune(connection: Connection, *, before: int) -> None:
    """Forget messages that nothing more happens to, and that are older than this."""
    m = alert_messages.c
    done = m.next_at.is_(None) & m.logged_at.is_not(None)
    connection.execute(delete(alert_messages).where(m.created_at < before, done))


# What alerts look at, and nobody else asks in this form


def unsettled_epochs(connection: Connection) -> list[Epoch]:
    """Return the epochs that are not settled, the oldest first."""
    query = select(epochs).where(epochs.c.settled_at.is_(None)).order_by(epochs.c.number)
    return [Epoch(**row) for row in connection.execute(query).mappings()]


def refused_payouts(connection: Connection, *, words: str) -> dict[str, tuple[int, str]]:
    """Return the last payout of each node that failed saying `words`: its rows' text, epoch and reason."""
    o = outbox.c
    query = (
        select(o.rows, o.epoch, o.reason)
        .where(o.state == State.FAILED, o.purpose == Purpose.PAYOUT)
        .where(o.reason.contains(words, autoescape=True))
        .order_by(o.epoch)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def last_allocation_block(connection: Connection, epoch: int) -> int:
    """Return the last block in which an epoch allocated anything; 0 if it allocated nothing."""
    o = outbox.c
    query = select(func.max(o.block_number)).where(o.epoch == epoch, o.purpose == Purpose.ALLOCATE)
    return connection.execute(query).scalar() or 0


def is_paid_after(connection: Connection, contract: Contract, node: Address, *, block: int) -> bool:
    """Tell whether a node was paid out in a block above `block`."""
    m = movements.c
    query = select(m.block_number).where(
        m.contract_id == contract.id, m.node == node, m.block_number > block, m.kind == Kind.PAYOUT
    )
    return connection.execute(query.limit(1)).first() is not None


_MESSAGE = tuple(
    alert_messages.c[name]
    for name in (
        "id", "webhook_id", "alert_id", "rule_id", "subject", "body", "created_at", "attempts", "next_at"
    )
)  # fmt: skip


def _drop_waiting(connection: Connection, alert_id: int, *, fault: str) -> None:
    m = alert_messages.c
    waiting = (m.alert_id == alert_id) & m.next_at.is_not(None)
    connection.execute(update(alert_messages).where(waiting).values(next_at=None, fault=fault))


def _set_message(connection: Connection, message_id: int, **values: object) -> None:
    m = alert_messages.c
    # What was given up meanwhile, with its alert, is not taken up again by a try that ends late.
    chosen = (m.id == message_id) & m.next_at.is_not(None)
    statement = update(alert_messages).where(chosen).values(attempts=m.attempts + 1, **values)
    connection.execute(statement)


def _alert(row: Row[Any]) -> Alert:
    found = dict(row._mapping)  # noqa: SLF001 - the public name of a row's columns
    return Alert(**{**found, "allow_private": bool(found["allow_private"])})


def _rule(row: Row[Any]) -> Rule:
    limits = Limits(
        kind=AlertKind(row.kind),
        raise_at=row.raise_at,
        clear_at=row.clear_at,
        raise_seconds=row.raise_seconds,
        clear_seconds=row.clear_seconds,
        remind_seconds=row.remind_seconds,
    )
    session_id = None if row.session_id is None else SessionId(row.session_id)
    return Rule(row.id, row.alert_id, session_id, limits)


def _message(row: Row[Any]) -> Message:
    return Message(**row._mapping)  # noqa: SLF001 - as above
