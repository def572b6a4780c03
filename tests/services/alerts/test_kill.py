"""Alerts that nothing loses.

Given a process that is killed with SIGKILL after it entered that an alert is raised
  the next one should tell it, in the log and to the receiver, once
Given one that is killed after the receiver answered, before that is kept
  the next one should send the same message again, with the same id and body, and tell nothing new
"""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING

from sessionpay.services.alerts.delivery import DeliveryStep

from .child import Order, tell
from .test_herald import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Office
    from .receiver import Receiver

SECONDS_MAX = 60


def run(order: Order) -> int | None:
    """Run a herald in a process that has everything loaded, and return how it ended."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([tell.__module__])
    child = context.Process(target=tell, args=(order,))
    child.start()
    child.join(SECONDS_MAX)
    return child.exitcode


def killed(office: Office, receiver: Receiver, url: str, log: Path, step: DeliveryStep) -> str | None:
    """Have an alert raised by a process that dies at a step, then by one that does not; return its secret."""
    added, _ = office.add_low(receiver.url)
    office.turn()
    secrets = office.home.alerts
    assert run(Order(url, secrets, log, office.now + 60, step)) == -signal.SIGKILL
    assert len(rows_of(office.database)) == 1
    for later in (61, 62):
        assert run(Order(url, secrets, log, office.now + later)) == 0
    return added.secret


def test_what_was_entered_is_told(office: Office, receiver: Receiver, url: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    secret = killed(office, receiver, url, log, DeliveryStep.ENTERED)
    [call] = receiver.calls
    assert call.told(secret)["data"]["state"] == "raised"
    assert log.read_text().splitlines() == [f"alert {call.id}", f"webhook {call.id}"]
    [row] = rows_of(office.database)
    assert (row["attempts"], row["delivered_at"]) == (1, office.now + 61)


def test_what_was_sent_is_sent_as_it_was(
    office: Office, receiver: Receiver, url: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    secret = killed(office, receiver, url, log, DeliveryStep.ANSWERED)
    first, second = receiver.calls
    assert (first.id, first.body) == (second.id, second.body)
    assert first.told(secret) == second.told(secret)
    [row] = rows_of(office.database)
    assert (row["attempts"], row["webhook_id"]) == (1, first.id)
