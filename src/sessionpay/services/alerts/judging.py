"""One look at everything that alerts are about: how each stands now, and the messages that tell of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Connection

from sessionpay.core.alerts import AlertState, Word, judge
from sessionpay.services.alerts.observing import Observation, observe
from sessionpay.store import alerts
from sessionpay.store.alerts import Change, Rule
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

# So many changes are one transaction, so that a node that fails for everybody holds nobody else up.
CHANGES_AT_ONCE = 200

TEST_TYPE = "alert.test"


# What one look costs has a bound: this many sessions take half a second. Where there are more, each is looked
# at less often, a thousand of them every twenty seconds.
SESSION_RULES_AT_ONCE = 250


def look(database: Database, contract: Contract, *, now: int, turn: int | None = None) -> int:
    """Judge rules at unix time `now`, enter what changed and what is told; return how much is told.

    Of rules about sessions, `turn` chooses the next few; None takes them all.
    """
    with database.reading() as connection:
        rules = alerts.rules(connection)
        chosen = rules if turn is None else _next_few(rules, turn)
        changes = list(_changes(connection, contract, chosen, now))
    for start in range(0, len(changes), CHANGES_AT_ONCE):
        with database.writing() as connection:
            alerts.apply(connection, changes[start : start + CHANGES_AT_ONCE], at=now)
    return sum(change.message is not None for change in changes)


def message_id() -> str:
    """Return an id that no other message has; it stays the same however often the message is sent."""
    return f"msg_{uuid4().hex}"


def body_of(kind: str, content: Mapping[str, object], *, at: int) -> str:
    """Return the body of a message of this type, that tells of unix time `at`."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": kind, "timestamp": moment, "data": content}, ensure_ascii=True)


def _next_few(rules: Sequence[Rule], turn: int) -> list[Rule]:
    """Return the rules that are of no session, and a piece of the others: in a few turns each comes once."""
    of_sessions = [rule for rule in rules if rule.kind.is_of_session]
    pieces = max(1, -(-len(of_sessions) // SESSION_RULES_AT_ONCE))
    start = turn % pieces * SESSION_RULES_AT_ONCE
    others = [rule for rule in rules if not rule.kind.is_of_session]
    return others + of_sessions[start : start + SESSION_RULES_AT_ONCE]


def _changes(connection: Connection, contract: Contract, rules: Sequence[Rule], now: int) -> Iterator[Change]:
    states = alerts.states(connection)
    watched: dict[int, set[str]] = {}
    for (rule_id, subject), state in states.items():
        if state.is_raised or state.turning_since is not None:
            watched.setdefault(rule_id, set()).add(subject)
    for rule in rules:
        for seen in observe(connection, contract, rule, watched=watched.get(rule.id, set()), now=now):
            before = states.get((rule.id, seen.subject), AlertState())
            after, word = judge(before, rule.limits.read(seen.value), rule.limits, now=now)
            if after != before:
                told = None if word is None else (message_id(), _body(rule, seen, after, word, now))
                yield Change(rule, seen.subject, after, told)


def _body(rule: Rule, seen: Observation, state: AlertState, word: Word, now: int) -> str:
    content = {
        "alert": rule.alert_id,
        "state": word,
        "episode": state.episode,
        "text": seen.text,
        "page": seen.page,
        **seen.facts,
    }
    return body_of(rule.kind, content, at=now)
