"""Sending what waits to one receiver: again and again, ever less often, and in the end no more.

A message is sent at least once, and every time with the same id. Nothing of it is held open in the database
while a receiver takes its time.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from sqlalchemy import Connection

from sessionpay.services.alerts.posting import Answer, post, signed
from sessionpay.services.alerts.receivers import BadReceiver, parse_receiver, resolve
from sessionpay.services.alerts.secret_files import NoSecret, SecretFiles
from sessionpay.store import alerts
from sessionpay.store.alerts import Alert, Message
from sessionpay.store.database import Database

# 5 s, 15 s, 45 s and so on, up to six hours: a restart is bridged in seconds, a weekend without flooding.
WAIT_SECONDS_FIRST = 5
WAIT_FACTOR = 3
WAIT_SECONDS_MAX = 21_600
ATTEMPTS_MAX = 20
# What is older has long been told by a reminder, or is over.
AGE_SECONDS_MAX = 3 * 86_400


class DeliveryStep(StrEnum):
    """The steps of a delivery by name; the process may die after any of them, and a test kills it there."""

    ENTERED = "state and message entered, nothing sent"
    ANSWERED = "answered, not kept"


@dataclass(frozen=True, slots=True)
class Courier:
    """Brings messages to receivers.

    `clock` gives unix seconds; `draw` a number from 0 to what it is given, below that; `report` hears an
    event's name and its values, never a body or a secret. `checkpoint` is called with the name of each step.
    """

    database: Database
    secret_files: SecretFiles
    clock: Callable[[], int]
    report: Callable[..., None]
    draw: Callable[[int], int] = secrets.randbelow
    checkpoint: Callable[[DeliveryStep], None] = lambda _step: None

    def deliver(self, alert_id: int) -> int:
        """Send all that is due to one receiver now, and return how many messages it took."""
        taken = 0
        while (found := self._next(alert_id)) is not None:
            alert, message = found
            answer = self.send(alert, message.body, webhook_id=message.webhook_id)
            self.checkpoint(DeliveryStep.ANSWERED)
            self._keep(alert, message, answer)
            taken += answer.is_taken
        return taken

    def send(self, alert: Alert, body: str, *, webhook_id: str) -> Answer:
        """Send one message to an alert's receiver, once, and return what came of it."""
        now = self.clock()
        try:
            receiver = parse_receiver(alert.url or "")
            # Asked every time, because a name may stand for another address by now.
            addresses = resolve(receiver, allow_private=alert.allow_private)
            headers = signed(self.secret_files.read(alert.id), body, webhook_id=webhook_id, at=now)
        except BadReceiver as fault:
            return Answer(None, fault.rule)
        except NoSecret as fault:
            return Answer(None, str(fault))
        # One of them may be out of reach, and the next try takes the next one.
        return post(receiver, addresses[self.draw(len(addresses))], headers=headers, body=body, now=now)

    def _next(self, alert_id: int) -> tuple[Alert, Message] | None:
        now = self.clock()
        with self.database.reading() as connection:
            alert = alerts.find(connection, alert_id)
            if alert is None or not alert.is_called or alert.resumes_at > now:
                return None
            message = alerts.next_due(connection, alert_id, now=now)
        return None if message is None else (alert, message)

    def _keep(self, alert: Alert, message: Message, answer: Answer) -> None:
        now = self.clock()
        is_gone = answer.status == HTTPStatus.GONE
        next_at = None if answer.is_taken or is_gone else self._next_at(message, answer, now)
        with self.database.writing() as connection:
            if answer.is_taken:
                alerts.set_delivered(connection, message.id, at=now)
            else:
                alerts.set_failed(connection, message.id, fault=str(answer), next_at=next_at)
                self._heed(connection, alert, answer, now)
        told = {"alert": alert.id, "webhook_id": message.webhook_id, "attempt": message.attempts + 1}
        if answer.is_taken:
            self.report("webhook", **told, outcome="delivered")
        elif is_gone:
            self.report("webhook", **told, outcome="disabled", reason=str(answer))
        else:
            outcome = "given up" if next_at is None else "failed"
            self.report("webhook", **told, outcome=outcome, reason=str(answer), next_at=next_at)

    def _heed(self, connection: Connection, alert: Alert, answer: Answer, now: int) -> None:
        """Do what a receiver asks of whoever calls it: to go away for good, or for a while."""
        if answer.status == HTTPStatus.GONE:
            alerts.disable(connection, alert.id, at=now, fault=str(answer))
        elif answer.retry_seconds:
            alerts.resume_at(connection, alert.id, now + answer.retry_seconds)

    def _next_at(self, message: Message, answer: Answer, now: int) -> int | None:
        """Return when a message is sent again; None if it was tried for long or often enough."""
        wait = wait_seconds(message.attempts, draw=self.draw)
        next_at = now + max(wait, answer.retry_seconds or 0)
        is_over = message.attempts + 1 >= ATTEMPTS_MAX or next_at - message.created_at > AGE_SECONDS_MAX
        return None if is_over else next_at


def wait_seconds(failures: int, *, draw: Callable[[int], int]) -> int:
    """Return how long to wait after so many failures before this one: at random in the upper half.

    Messages that failed together would otherwise come back together.
    """
    most = WAIT_SECONDS_FIRST
    for _ in range(failures):
        most = min(WAIT_SECONDS_MAX, most * WAIT_FACTOR)
    return most - draw(most // 2 + 1)
