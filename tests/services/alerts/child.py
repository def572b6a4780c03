"""A herald in a process of its own, that dies at one of its steps."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sessionpay.services.alerts import Courier, Herald, SecretFiles
from sessionpay.store import evidence
from sessionpay.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from sessionpay.services.alerts.delivery import DeliveryStep

SECONDS_MAX = 30


@dataclass(frozen=True)
class Order:
    """What the herald works on, at which time, and at which step it dies, if at any."""

    url: str
    secrets: Path
    log: Path
    now: int
    dies_at: DeliveryStep | None = None


def tell(order: Order) -> None:
    """Look once and deliver, unless that ends early."""

    def reached(step: DeliveryStep) -> None:
        if step is order.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def report(event: str, **values: object) -> None:
        with order.log.open("a") as log:
            log.write(f"{event} {values.get('webhook_id')}\n")

    database = Database.open(order.url)
    with database.reading() as connection:
        [contract] = evidence.contracts(connection)
    courier = Courier(
        database,
        SecretFiles(order.secrets),
        lambda: order.now,
        report,
        draw=lambda _most: 0,
        checkpoint=reached,
    )
    Herald(database, contract, courier, lambda: order.now, report).tell_once(seconds_max=SECONDS_MAX)
    database.close()
