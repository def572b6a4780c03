"""Adding, removing and trying alerts, as whoever runs the settlement asks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sessionpay.core.alerts import Limits
from sessionpay.core.errors import InputError
from sessionpay.core.ids import SessionId
from sessionpay.services.alerts.delivery import Courier
from sessionpay.services.alerts.judging import TEST_TYPE, body_of, message_id
from sessionpay.services.alerts.posting import Answer
from sessionpay.services.alerts.receivers import parse_receiver, resolve
from sessionpay.services.alerts.secret_files import SecretFiles
from sessionpay.services.budget import budget_of
from sessionpay.store import alerts
from sessionpay.store.alerts import Alert
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract

# Each may need a thread of its own at once, and each of its rules is looked at every few seconds.
ALERTS_MAX = 1_000


class BadAlert(InputError):
    """An alert that cannot be added, or that is not there."""


class NoAlert(BadAlert):
    """There is no alert of this number."""

    def __init__(self, alert_id: int) -> None:
        """Keep the number."""
        self.alert_id = alert_id
        super().__init__(f"there is no alert {alert_id}; see `sessionpay alert list`")


class NoReceiver(BadAlert):
    """An alert has nobody to be tried on."""

    def __init__(self, alert_id: int, *, rule: str) -> None:
        """Keep the alert's number and why."""
        self.alert_id = alert_id
        super().__init__(f"alert {alert_id} {rule}")


class TooManyAlerts(BadAlert):
    """There are as many alerts as one process looks after."""

    def __init__(self) -> None:
        """Say how many."""
        super().__init__(f"there are {ALERTS_MAX} alerts already, and that is the most; remove one first")


class NothingToTell(BadAlert):
    """An alert is about nothing."""

    def __init__(self) -> None:
        """Say what it may be about."""
        super().__init__(
            "an alert of nothing: give --session with --below or --empty-within, or --on with a kind"
        )


@dataclass(frozen=True, slots=True)
class Added:
    """An alert as it was added; `secret` is told this once, None where no URL is called."""

    id: int
    secret: str | None


def add(
    database: Database,
    secret_files: SecretFiles,
    contract: Contract | None,
    *,
    url: str | None,
    allow_private: bool,
    session_id: SessionId | None,
    limits: Sequence[Limits],
    at: int,
) -> Added:
    """Add an alert at unix time `at`.

    `session_id` is what those of `limits` that are of a session are about; `contract` is needed for them.
    Raises `NothingToTell`, `TooManyAlerts`, `BadReceiver`, `NoSession` and `NoHome`.
    """
    if not limits:
        raise NothingToTell
    if url is not None:
        resolve(parse_receiver(url), allow_private=allow_private)
    with database.writing() as connection:
        if alerts.count(connection) >= ALERTS_MAX:
            raise TooManyAlerts
        if session_id is not None and contract is not None:
            budget_of(connection, contract, session_id, now=at)
        alert_id = alerts.add(connection, url, allow_private=allow_private, at=at)
        for each in limits:
            about = session_id if each.kind.is_of_session else None
            alerts.add_rule(connection, alert_id, each, session_id=about)
        # Last, because this one cannot be taken back; without the commit nobody ever reads the file.
        secret = None if url is None else secret_files.make(alert_id)
    return Added(alert_id, secret)


def remove(database: Database, secret_files: SecretFiles, alert_id: int, *, at: int) -> None:
    """Remove an alert and its secret. Raises `NoAlert` and `NoHome`."""
    with database.writing() as connection:
        _found(alerts.find(connection, alert_id), alert_id)
        alerts.remove(connection, alert_id, at=at)
    secret_files.forget(alert_id)


def try_out(courier: Courier, alert_id: int, *, clock: Callable[[], int]) -> Answer:
    """Send a signed test message to an alert's receiver, once, and return what it answered.

    Raises `NoAlert`, and `NoReceiver` where it has none or is called no more.
    """
    with courier.database.reading() as connection:
        alert = _found(alerts.find(connection, alert_id), alert_id)
    if alert.url is None:
        raise NoReceiver(alert_id, rule="has no URL: it is told in the log alone")
    text = "a test: whoever reads this is reached by alerts of this settlement"
    content = {"alert": alert_id, "state": "test", "text": text, "page": "/"}
    body = body_of(TEST_TYPE, content, at=clock())
    return courier.send(alert, body, webhook_id=message_id())


def _found(alert: Alert | None, alert_id: int) -> Alert:
    if alert is None or alert.removed_at is not None:
        raise NoAlert(alert_id)
    return alert
