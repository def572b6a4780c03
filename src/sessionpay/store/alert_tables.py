"""The tables of alerts: what is to be told to whom, how each stands, and every message about it.

Times and durations are in unix seconds. Levels are in base units or in seconds, as their kind says.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from sessionpay.store.tables import metadata
from sessionpay.store.types import WholeNumber


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _serial() -> Column[int]:
    # SQLite counts up only a column of this very type; PostgreSQL's own would end at 2**31.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


# Who is told: a URL, or nobody but the log. `disabled_at` is when the receiver said that it is gone, and
# `resumes_at` until when it asked not to be called. Its secret is in a file of the home.
alerts = Table(
    "alerts",
    metadata,
    _serial(),
    Column("url", Text),
    _number("allow_private"),
    _number("created_at"),
    Column("removed_at", BigInteger),
    Column("disabled_at", BigInteger),
    _number("resumes_at"),
    sqlite_autoincrement=True,
)

# What an alert is about; `session_id` where its kind is of a session.
alert_rules = Table(
    "alert_rules",
    metadata,
    _serial(),
    Column("alert_id", BigInteger, ForeignKey("alerts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("session_id", WholeNumber),
    Column("raise_at", WholeNumber, nullable=False),
    Column("clear_at", WholeNumber, nullable=False),
    _number("raise_seconds"),
    _number("clear_seconds"),
    _number("remind_seconds"),
    sqlite_autoincrement=True,
)
Index("alert_rules_of_alert", alert_rules.c.alert_id)

# How a rule stands for one subject: a session, a node, or the settlement as a whole.
alert_states = Table(
    "alert_states",
    metadata,
    Column("rule_id", BigInteger, ForeignKey("alert_rules.id"), primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True),
    _number("is_raised"),
    Column("turning_since", BigInteger),
    _number("told_at"),
    _number("episode"),
    sqlite_with_rowid=False,
)

# What is told, entered together with the state that it tells of. `next_at` is when it is sent next, NULL
# once it is delivered or given up; `logged_at` is NULL until it is in the log.
alert_messages = Table(
    "alert_messages",
    metadata,
    _serial(),
    Column("webhook_id", Text, nullable=False),
    Column("alert_id", BigInteger, ForeignKey("alerts.id"), nullable=False),
    Column("rule_id", BigInteger, ForeignKey("alert_rules.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    _number("created_at"),
    Column("logged_at", BigInteger),
    _number("attempts"),
    Column("next_at", BigInteger),
    Column("delivered_at", BigInteger),
    Column("fault", Text),
    UniqueConstraint("webhook_id"),
    sqlite_autoincrement=True,
)
Index(
    "alert_messages_waiting",
    alert_messages.c.alert_id,
    alert_messages.c.next_at,
    sqlite_where=alert_messages.c.next_at.is_not(None),
    postgresql_where=alert_messages.c.next_at.is_not(None),
)
Index(
    "alert_messages_to_log",
    alert_messages.c.id,
    sqlite_where=alert_messages.c.logged_at.is_(None),
    postgresql_where=alert_messages.c.logged_at.is_(None),
)
Index("alert_messages_by_age", alert_messages.c.created_at)

ALERTING = (alerts, alert_rules, alert_states, alert_messages)
